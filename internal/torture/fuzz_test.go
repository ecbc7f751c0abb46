package torture_test

import (
	"context"
	"database/sql"
	"math"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/pawl-go/pawl"
	"github.com/pawl-go/pawl/internal/harness"
)

// Whatever anybody writes into the inbox, in whichever column, is answered, by an
// owner at work and by the next start, and does no harm. Each column is one of the
// texts, so many times over, NULL, a blob or a number, as its byte of kinds says.
func FuzzInbox(f *testing.F) {
	f.Add("trigger", "work", "", []byte{0, 1, 2}, uint16(1))
	f.Add("reset", "work", "x", []byte{3, 1, 2, 0, 3}, uint16(1))
	f.Add("claim", "\x00", "\xff\xfe", []byte{1, 1, 2, 2, 2, 2, 2, 2, 2}, uint16(1))
	f.Add("trigger", "nobody", "'; DROP TABLE pawl_commands; --", []byte{1, 3, 2, 2}, uint16(1))
	f.Add("trigger\x1b[2J", "work", "9", []byte{3, 1, 2}, uint16(1000))
	f.Add("", "work", "huge", []byte{3, 3, 3, 3, 3, 3, 3, 3, 3}, uint16(60000))
	f.Add("trigger", "work", "blob", []byte{4, 4, 4}, uint16(2))
	f.Add("trigger", "work", "id", []byte{1, 1, 2, 2, 2, 2, 2, 2, 5}, uint16(0))
	f.Add("trigger", "work", "id", []byte{1, 1, 2, 2, 2, 2, 2, 2, 6}, uint16(0))
	for verb, args := range map[string]string{
		"cancel": `{"run":-1}`, "probe": `{"run":1e99}`, "forget": `[]`, "pause": "\x00\xff", "resume": `{"from":"0001-01-01T00:00:00Z"}`,
		"backfill": `{"from":"0001-01-01T00:00:00Z","to":"9999-12-31T23:59:59Z","again":true}`,
		"trigger":  `{"start_at":"9999-12-31T23:59:59.999999999Z","key":"\u0000","input":{"a":[]}}`, "reset": `{"overlap":"allow 99999999999999999999"}`,
	} {
		f.Add(verb, "work", args, []byte{1, 1, 1}, uint16(1))
		f.Add("trigger", "work", args, []byte{1, 1, 1}, uint16(1))
	}
	f.Fuzz(func(t *testing.T, verb, flow, text string, kinds []byte, times uint16) {
		db := filepath.Join(t.TempDir(), "jobs.db")
		row := inboxRow([]string{verb, flow, text}, kinds, int(times))
		synctest.Test(t, func(t *testing.T) {
			s := harness.Quiet(db, pawl.WithInboxPoll(time.Second))
			require.NoError(t, s.Manual("work", harness.Job(harness.OK)))
			r := harness.Start(t, s)
			insert(t, db, row)
			time.Sleep(10 * time.Second)
			requireAnswered(t, db)
			run, err := r.Trigger(t.Context(), "work")
			require.NoError(t, err)
			_, err = r.WaitRun(t.Context(), "work", run)
			require.NoError(t, err)
			harness.Stop(t, r, db)

			insert(t, db, row)
			s = harness.Quiet(db)
			require.NoError(t, s.Manual("work", harness.Job(harness.OK)))
			r = harness.Start(t, s)
			requireAnswered(t, db)
			synctest.Wait()
			harness.Stop(t, r, db)
		})
	})
}

// inboxColumns are those that somebody may write, the command and the flow first.
var inboxColumns = []string{"command", "flow_id", "args", "created_at", "requested_by", "reason", "result", "error", "id"}

// inboxRow gives each column a value; one without a kind is left out.
func inboxRow(texts []string, kinds []byte, times int) map[string]any {
	row := map[string]any{}
	for i, kind := range kinds[:min(len(kinds), len(inboxColumns))] {
		text := texts[min(i, len(texts)-1)]
		switch kind % 7 {
		case 0:
			row[inboxColumns[i]] = nil
		case 1, 2:
			row[inboxColumns[i]] = text
		case 3:
			row[inboxColumns[i]] = strings.Repeat(text, min(times, 1<<20/(len(text)+1)))
		case 4:
			row[inboxColumns[i]] = []byte(text)
		case 5:
			row[inboxColumns[i]] = -int64(times)
		case 6:
			row[inboxColumns[i]] = int64(math.MaxInt64)
		}
	}
	return row
}

// insert leaves a row, and one that is well, in the inbox. What the table does not
// take, a blob in a column of texts, is no row.
func insert(t *testing.T, path string, row map[string]any) {
	db, err := sql.Open("sqlite", path)
	require.NoError(t, err)
	var columns, marks []string
	var values []any
	for column, value := range row {
		columns, marks, values = append(columns, column), append(marks, "?"), append(values, value)
	}
	if len(columns) > 0 {
		_, _ = db.Exec(`INSERT INTO pawl_commands (`+strings.Join(columns, ", ")+`) VALUES (`+strings.Join(marks, ", ")+`)`, values...)
	}
	_, err = db.Exec(`INSERT INTO pawl_commands (command, flow_id) VALUES ('reset', 'work')`)
	if err != nil {
		require.ErrorContains(t, err, "full", "the highest id there is was used")
	}
	require.NoError(t, db.Close())
}

func requireAnswered(t *testing.T, path string) {
	db, err := sql.Open("sqlite", path)
	require.NoError(t, err)
	var waiting, mute int
	require.NoError(t, db.QueryRow(`SELECT count(*) FILTER (WHERE handled_at IS NULL), count(*) FILTER (WHERE handled_at IS NOT NULL
    AND COALESCE(result, '') = '' AND COALESCE(error, '') = '') FROM pawl_commands`).Scan(&waiting, &mute))
	assert.Zero(t, waiting, "rows without an answer")
	assert.Zero(t, mute, "answers that say nothing")
	require.NoError(t, db.Close())
	c := harness.OpenClient(t, path)
	defer c.Close()
	_, err = c.Doctor(context.Background())
	require.NoError(t, err)
}
