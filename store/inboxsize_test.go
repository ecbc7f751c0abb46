package store

import (
	"fmt"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/pawl-go/pawl/engine"
)

// What a row of the inbox holds is bounded before it is read, and so is what one look reads:
// neither a row of 200 MB nor a thousand large ones take more memory than that.
//
// found A11.
func TestInboxIsReadWithinBounds(t *testing.T) {
	path := filepath.Join(t.TempDir(), "jobs.db")
	s := openStore(t, path, Options{})
	db := plainDB(t, path)
	execOn(t, db, `INSERT INTO pawl_commands (command, flow_id, args) VALUES ('trigger', 'a', CAST(zeroblob(200000000) AS TEXT))`)
	execOn(t, db, `INSERT INTO pawl_commands (command, flow_id, reason) VALUES ('reset', 'a', CAST(zeroblob(70000) AS TEXT))`)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	commands, err := s.Inbox(t.Context(), true)
	require.NoError(t, err)
	runtime.ReadMemStats(&after)
	require.Len(t, commands, 2)
	assert.Equal(t, engine.Command{ID: 1, Verb: "trigger", Flow: "a", TooLong: "args has 200000000 bytes, at most 2097152 are read"}, commands[0])
	assert.Equal(t, "reason has 70000 bytes, at most 65536 are read", commands[1].TooLong)
	assert.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(1<<20))

	none := ""
	require.NoError(t, s.Commit(t.Context(), engine.Batch{Answers: []engine.Answer{{ID: 1, At: epoch, Error: "too large", Rest: &none}, {ID: 2, At: epoch, Error: "too large", Rest: &none}}}))
	assert.Equal(t, int64(0), one[int64](t, db, `SELECT count(*) FROM pawl_commands WHERE args IS NOT NULL`))

	for range 30 {
		execOn(t, db, fmt.Sprintf(`INSERT INTO pawl_commands (command, flow_id, args) VALUES ('trigger', 'a', CAST(zeroblob(%d) AS TEXT))`, 1<<20))
	}
	read, looks := 0, 0
	for handled := int64(0); ; looks++ {
		commands, err := s.Inbox(t.Context(), false)
		require.NoError(t, err)
		if len(commands) == 0 {
			break
		}
		assert.LessOrEqual(t, len(commands), 17)
		read += len(commands)
		var answers []engine.Answer
		for _, c := range commands {
			require.Greater(t, c.ID, handled)
			handled = c.ID
			answers = append(answers, engine.Answer{ID: c.ID, At: epoch, Result: "1", Rest: &none})
		}
		require.NoError(t, s.Commit(t.Context(), engine.Batch{Answers: answers}))
	}
	assert.Equal(t, 30, read)
	assert.Equal(t, 2, looks)
}
