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
	s.close(true)
	assert.NoFileExists(t, path)
}

func TestSweepTakesOnlySpools(t *testing.T) {
	db := filepath.Join(t.TempDir(), "pawl.db")
	openSpool(db, "a", 1).close(false)
	foreign := filepath.Join(spoolFolder(db), "notes")
	require.NoError(t, os.WriteFile(foreign, nil, 0o600))
	sweepSpools(db)
	assert.NoFileExists(t, spoolPath(db, "a", 1))
	assert.FileExists(t, foreign)
	require.NoError(t, os.Remove(foreign))
	sweepSpools(db)
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
