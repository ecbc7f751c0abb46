package pawl_test

import (
	"context"
	"database/sql"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/pawl-go/pawl"
)

// A database that rejects all that a command brings, one after the other (its change, its
// change without what a failed function wanted, its answer), stops nobody else. scheduler D6, time X4.
func TestDatabaseThatRejectsEverythingOfACommandStopsNobody(t *testing.T) {
	bubble(t, func(t *testing.T, db string) {
		appTable(t, db)
		s := quiet(db, pawl.WithSharedFile(), pawl.WithInboxPoll(time.Second), pawl.WithStopTimeout(0))
		release := make(chan struct{})
		require.NoError(t, s.Manual("joins", job(func(ctx context.Context) error {
			<-release
			return pawl.Committing(ctx, func(context.Context, *sql.Tx) error { return errors.New("no luck") })
		})))
		require.NoError(t, s.Manual("asked", job(ok)))
		d := newDiary()
		require.NoError(t, s.Every("tick", time.Minute, d.job(ok)))
		r := start(t, s)
		trigger(t, r, "joins")
		synctest.Wait()
		execSQL(t, db, `CREATE TRIGGER pawl_no_end BEFORE UPDATE ON pawl_run_log WHEN NEW.flow = 1 BEGIN SELECT RAISE(ABORT, 'no end'); END`)
		execSQL(t, db, `CREATE TRIGGER pawl_no_run BEFORE INSERT ON pawl_run_log WHEN NEW.flow = 2 BEGIN SELECT RAISE(ABORT, 'no run'); END`)
		execSQL(t, db, `CREATE TRIGGER pawl_no_answer BEFORE UPDATE ON pawl_commands BEGIN SELECT RAISE(ABORT, 'no answer'); END`)
		close(release)
		execSQL(t, db, `INSERT INTO pawl_commands (command, flow_id) VALUES ('trigger', 'asked')`)
		time.Sleep(5*time.Minute + time.Second)
		synctest.Wait()
		assert.Len(t, d.entries(), 6)
		assert.Zero(t, status(t, r, "asked").RunCount)
		assert.Equal(t, 1, status(t, r, "joins").InFlight)
		for _, name := range []string{"pawl_no_end", "pawl_no_run", "pawl_no_answer"} {
			execSQL(t, db, `DROP TRIGGER `+name)
		}
		time.Sleep(2 * time.Minute)
		synctest.Wait()
		assert.Zero(t, status(t, r, "joins").InFlight, "it is tried again once a minute")
		assert.Contains(t, runOf(t, r, "joins", 1).Error, "no luck")
		stop(t, r, db)
	})
}
