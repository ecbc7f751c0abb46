package store

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// The lock is signed in place. Wherever a crash cuts that, the next owner signs anew.
func TestTornLockStopsNobody(t *testing.T) {
	path := filepath.Join(t.TempDir(), "jobs.db")
	startOnce(t, path, false)
	whole, err := os.ReadFile(path + ".lock")
	require.NoError(t, err)
	for cut := range len(whole) {
		for _, torn := range []string{string(whole[:cut]), string(whole[:cut]) + string(make([]byte, len(whole)-cut))} {
			require.NoError(t, os.WriteFile(path+".lock", []byte(torn), 0o600))
			l, err := acquire(t.Context(), path, Self(epoch), 0)
			require.NoError(t, err, "%q", torn)
			assert.Equal(t, os.Getpid(), l.holder.PID)
			h, err := read(l.file)
			require.NoError(t, err)
			assert.Equal(t, l.holder, h)
			require.NoError(t, l.release())
		}
	}
	require.NoError(t, os.WriteFile(path+".lock", []byte(`{"pid":4,"host`), 0o600))
	assert.Contains(t, startOnce(t, path, false), "tells of none", "without a mark")
	assert.Empty(t, startOnce(t, path, false))
}

// What is not ours is left alone, and the error says what helps.
func TestForeignLockIsNamedWithWhatHelps(t *testing.T) {
	path := filepath.Join(t.TempDir(), "jobs.db")
	for _, text := range []string{"mine", "{}", `{"name": "left-pad"}`, `{"pid":0}`, "[]", "{\"pie\":"} {
		require.NoError(t, os.WriteFile(path+".lock", []byte(text), 0o600))
		_, err := Open(t.Context(), path, Options{})
		require.ErrorContains(t, err, path+".lock is in the way: it is not the lock of a Pawl database; if it is this database's own, damaged, and nothing runs, delete it")
		content, err := os.ReadFile(path + ".lock")
		require.NoError(t, err)
		assert.Equal(t, text, string(content))
	}
}
