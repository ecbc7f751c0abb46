package store

import (
	"errors"
	"os"
	"path/filepath"
	"syscall"
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

// A power cut after a start or a farewell must find the signature: it is synced after
// it was written, and whatever fails of that is reported.
func TestSignatureIsOnDiskWhenItIsReported(t *testing.T) {
	file, err := os.Create(filepath.Join(t.TempDir(), "jobs.db.lock"))
	require.NoError(t, err)
	defer file.Close()
	require.NoError(t, overwrite(file, []byte("a long signature")))
	for fails := range 4 {
		w := &watchedFile{File: file, fails: fails}
		err := overwrite(w, []byte("a signature"))
		assert.Equal(t, []string{"write", "truncate", "sync"}[:min(fails+1, 3)], w.done)
		if fails < 3 {
			require.ErrorIs(t, err, syscall.EIO)
			continue
		}
		require.NoError(t, err)
		text, err := os.ReadFile(file.Name())
		require.NoError(t, err)
		assert.Equal(t, "a signature", string(text))
	}
}

// watchedFile notes what is done to a file, and fails one of the calls.
type watchedFile struct {
	*os.File
	fails int // the call that fails, from 0
	done  []string
}

func (w *watchedFile) note(what string) error {
	w.done = append(w.done, what)
	if len(w.done) == w.fails+1 {
		return syscall.EIO
	}
	return nil
}

func (w *watchedFile) WriteAt(text []byte, at int64) (int, error) {
	if err := w.note("write"); err != nil {
		return 0, err
	}
	return w.File.WriteAt(text, at)
}

func (w *watchedFile) Truncate(size int64) error {
	return errors.Join(w.note("truncate"), w.File.Truncate(size))
}

func (w *watchedFile) Sync() error { return errors.Join(w.note("sync"), w.File.Sync()) }
