package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestSpoolIsBoundedAndGoneWithItsRun(t *testing.T) {
	db := filepath.Join(t.TempDir(), "pawl.db")
	s := openSpool(db, "../a flow", 7)
	require.NotNil(t, s)
	chunk := []byte(strings.Repeat("x", 1<<20))
	for range 17 {
		n, err := s.Write(chunk)
		assert.Equal(t, len(chunk), n)
		assert.NoError(t, err)
	}
	path := spoolPath(db, "../a flow", 7)
	assert.Equal(t, spoolFolder(db), filepath.Dir(path))
	info, err := os.Stat(path)
	require.NoError(t, err)
	assert.EqualValues(t, maxSpool+len(spoolEnd), info.Size())

	s.close(false)
	assert.FileExists(t, path, "another attempt may follow")
	s = openSpool(db, "../a flow", 7)
	_, _ = s.Write([]byte("more"))
	info, err = os.Stat(path)
	require.NoError(t, err)
	assert.EqualValues(t, maxSpool+len(spoolEnd), info.Size(), "found A11: the bound is one of the run, not of each attempt")
	s.close(true)
	assert.NoFileExists(t, path)
}

func TestSweepTakesOnlySpools(t *testing.T) {
	db := filepath.Join(t.TempDir(), "pawl.db")
	openSpool(db, "a", 1).close(false)
	foreign := filepath.Join(spoolFolder(db), "notes")
	require.NoError(t, os.WriteFile(foreign, nil, 0o600))
	require.NoError(t, sweepSpools(db))
	assert.NoFileExists(t, spoolPath(db, "a", 1))
	assert.FileExists(t, foreign)
	require.NoError(t, os.Remove(foreign))
	require.NoError(t, sweepSpools(db))
	assert.NoDirExists(t, spoolFolder(db))
}

// Without room for it the run goes on.
func TestNoSpoolTakesInNothing(t *testing.T) {
	blocked := filepath.Join(t.TempDir(), "pawl.db")
	require.NoError(t, os.WriteFile(spoolFolder(blocked), nil, 0o600))
	s := openSpool(blocked, "a", 1)
	assert.Nil(t, s)
	n, err := s.Write([]byte("text"))
	assert.Equal(t, 4, n)
	assert.NoError(t, err)
	s.close(true)
}

// found A4: a folder that somebody else may have made is not used, nor a link in it.
func TestSpoolFolderOfOthersIsRefused(t *testing.T) {
	db := filepath.Join(t.TempDir(), "pawl.db")
	victim := filepath.Join(t.TempDir(), "victim")
	require.NoError(t, os.Mkdir(victim, 0o700))
	require.NoError(t, os.WriteFile(filepath.Join(victim, spoolFile("a", 1)), []byte("precious"), 0o600))
	untouched := func() {
		t.Helper()
		assert.Nil(t, openSpool(db, "a", 1))
		assert.ErrorIs(t, sweepSpools(db), os.ErrPermission)
		text, err := os.ReadFile(filepath.Join(victim, spoolFile("a", 1)))
		require.NoError(t, err)
		assert.Equal(t, "precious", string(text))
	}
	require.NoError(t, os.Symlink(victim, spoolFolder(db)))
	untouched()
	require.NoError(t, os.Remove(spoolFolder(db)))
	require.NoError(t, os.Mkdir(spoolFolder(db), 0o700))
	require.NoError(t, os.Chmod(spoolFolder(db), 0o755))
	untouched()
	require.NoError(t, os.Chmod(spoolFolder(db), 0o700))
	if os.Geteuid() == 0 {
		require.NoError(t, os.Chown(spoolFolder(db), 4711, 4711))
		untouched()
		require.NoError(t, os.Chown(spoolFolder(db), 0, 0))
	}
	require.NoError(t, os.Symlink(filepath.Join(victim, spoolFile("a", 1)), spoolPath(db, "a", 1)))
	assert.Nil(t, openSpool(db, "a", 1), "a link in it")
	require.NoError(t, os.Remove(spoolPath(db, "a", 1)))
	openSpool(db, "a", 1).close(true)
}
