package store

import (
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// A file is the same by either way of asking, under any name, and another one in its place
// is not.
func TestFilesAreToldApart(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a")
	require.NoError(t, os.WriteFile(path, nil, 0o600))
	first, err := fileAt(path)
	require.NoError(t, err)
	assert.NotZero(t, first)
	asked, err := statted(path)
	require.NoError(t, err)
	assert.True(t, first.same(asked))
	require.NoError(t, os.Rename(path, path+"b")) // kept, so that its inode is not used again
	_, err = fileAt(path)
	require.ErrorIs(t, err, fs.ErrNotExist)
	require.NoError(t, os.WriteFile(path, nil, 0o600))
	second, err := fileAt(path)
	require.NoError(t, err)
	assert.False(t, first.same(second))
	moved, err := fileAt(path + "b")
	require.NoError(t, err)
	assert.True(t, first.same(moved))
}
