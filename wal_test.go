package pawl_test

import (
	"context"
	"database/sql"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/pawl-go/pawl"
)

const mebi = 1 << 20

// readForLong opens a transaction that reads a database, as another program would.
func readForLong(t *testing.T, db string) (end func()) {
	t.Helper()
	tx, err := open(t, db).BeginTx(t.Context(), &sql.TxOptions{ReadOnly: true})
	require.NoError(t, err)
	var n int
	require.NoError(t, tx.QueryRow(`SELECT count(*) FROM pawl_run_log`).Scan(&n))
	return func() { require.NoError(t, tx.Rollback()) }
}

func logSize(t *testing.T, db string) int64 {
	t.Helper()
	info, err := os.Stat(db + "-wal")
	require.NoError(t, err)
	return info.Size()
}

// A log that grew while somebody read for long is truncated within a minute after that,
// whether the scheduler is idle or commits now and then; meanwhile the log of the
// scheduler, a metric and the doctor name it.
//
// found Q4 and found A7.
func TestLogIsTruncatedAfterALongReader(t *testing.T) {
	for _, busy := range []bool{false, true} {
		t.Run(fmt.Sprintf("busy=%t", busy), func(t *testing.T) {
			bubble(t, func(t *testing.T, db string) {
				log := &logbook{}
				s := quiet(db, pawl.WithLogger(slog.New(log)))
				require.NoError(t, s.Manual("a", job(func(context.Context) error { return nil })))
				r := start(t, s)
				runTimes(t, r, "a", 1)
				end := readForLong(t, db)
				large := `"` + strings.Repeat("x", mebi-2) + `"`
				for range 70 {
					_, err := r.Trigger(t.Context(), "a", pawl.WithInput(pawl.JSON(large)))
					require.NoError(t, err)
					time.Sleep(time.Second)
				}
				time.Sleep(time.Minute)
				long := logSize(t, db)
				require.Greater(t, long, int64(70*mebi))
				assert.Equal(t, long, r.LogSize())
				assert.NotEmpty(t, log.lines("the write-ahead log grows"))
				c, err := pawl.Open(db)
				require.NoError(t, err)
				defer func() { assert.NoError(t, c.Close()) }()
				check := doctorOf(t, c, "log")
				require.Len(t, check.Found, 1)
				assert.Contains(t, check.Found[0], "the write-ahead log has 14")
				if filepath.Separator == '/' && exists("/proc/locks") {
					assert.Contains(t, check.Found[0], fmt.Sprintf("process %d", os.Getpid()))
				}

				end()
				for range 60 {
					if busy {
						runTimes(t, r, "a", 1)
					}
					time.Sleep(time.Second)
				}
				if busy {
					assert.LessOrEqual(t, logSize(t, db), int64(32*mebi), "what commits that follow each other use anyway")
				} else {
					assert.Zero(t, logSize(t, db))
				}
				assert.NotEmpty(t, log.lines("the write-ahead log is short again"))
				assert.Len(t, log.lines("the write-ahead log grows"), 1)
				assert.Empty(t, doctorOf(t, c, "log").Found)
				stop(t, r, db)
			})
		})
	}
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

func doctorOf(t *testing.T, c *pawl.Client, name string) pawl.Check {
	t.Helper()
	checks, err := c.Doctor(t.Context())
	require.NoError(t, err)
	for _, check := range checks {
		if check.Name == name {
			return check
		}
	}
	require.Fail(t, "no check "+name)
	return pawl.Check{}
}
