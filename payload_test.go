package pawl_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/pawl-go/pawl"
)

// time K2: inputs and outputs over 1 MiB are refused by whoever is asked, and nothing
// happens; one of exactly that size is taken.
func TestPayloadsOverTheLimitAreRefused(t *testing.T) {
	const most = 1<<20 - 2 // as JSON it has quotes
	large := strings.Repeat("x", most+1)
	bubble(t, func(t *testing.T, db string) {
		var output error
		s := quiet(db)
		require.NoError(t, s.Manual("import", job(func(ctx context.Context) error {
			output = pawl.SetOutput(ctx, large)
			in, err := pawl.InputOf[string](ctx)
			if err == nil && in != "" {
				err = pawl.SetOutput(ctx, in)
			}
			return err
		}), pawl.WithOverlap(pawl.OverlapBuffer(10))))
		r := start(t, s)
		_, err := r.Trigger(t.Context(), "import", pawl.WithInput(large))
		assert.ErrorIs(t, err, pawl.ErrTooLarge)
		assert.ErrorContains(t, err, "1048577 bytes, at most 1048576 are allowed")
		_, err = r.TriggerMany(t.Context(), "import", []any{"small", large})
		assert.ErrorIs(t, err, pawl.ErrTooLarge)
		assert.Zero(t, status(t, r, "import").LastNumber, "none of them was accepted")

		run, err := r.Trigger(t.Context(), "import", pawl.WithInput(large[:most]))
		require.NoError(t, err)
		info, err := r.WaitRun(t.Context(), "import", run)
		require.NoError(t, err)
		assert.Equal(t, pawl.RunCompleted, info.Status)
		assert.ErrorIs(t, output, pawl.ErrTooLarge)
		assert.Equal(t, 1<<20, query[int](t, db, `SELECT length(output) FROM pawl_runs`))
		stop(t, r, db)
	})
}

// time K2: the inbox answers a row with an input over the limit with an error.
func TestPayloadOverTheLimitIsRefusedByTheInbox(t *testing.T) {
	bubble(t, func(t *testing.T, db string) {
		s := quiet(db, pawl.WithInboxPoll(time.Second))
		require.NoError(t, s.Manual("import", job(ok)))
		r := start(t, s)
		_, err := open(t, db).Exec(`INSERT INTO pawl_commands (command, flow_id, args) VALUES ('trigger', 'import', ?)`,
			`{"input": "`+strings.Repeat("x", 1<<20)+`"}`)
		require.NoError(t, err)
		time.Sleep(time.Minute)
		assert.Contains(t, query[string](t, db, `SELECT error FROM pawl_commands`), "too large")
		assert.Zero(t, status(t, r, "import").LastNumber)
		stop(t, r, db)
	})
	client := openClient(t, startedOnce(t))
	_, err := client.Trigger(t.Context(), "import", pawl.WithInput(strings.Repeat("x", 1<<20)))
	assert.ErrorIs(t, err, pawl.ErrTooLarge)
}

// startedOnce is a database that has had an owner.
func startedOnce(t *testing.T) (db string) {
	t.Helper()
	bubble(t, func(t *testing.T, path string) {
		s := quiet(path)
		require.NoError(t, s.Manual("import", job(ok)))
		stop(t, start(t, s), path)
		db = path
	})
	return db
}

// time K2: an error is cut at 8 KiB.
func TestLongErrorsAreCut(t *testing.T) {
	bubble(t, func(t *testing.T, db string) {
		s := quiet(db)
		require.NoError(t, s.Manual("import", job(func(context.Context) error { panic(strings.Repeat("x", 1<<20)) })))
		r := start(t, s)
		runTimes(t, r, "import", 1)
		assert.LessOrEqual(t, query[int](t, db, `SELECT length(CAST(error AS BLOB)) FROM pawl_runs`), 8<<10)
		stop(t, r, db)
	})
}
