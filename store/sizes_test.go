package store

import (
	"os"
	"runtime/debug"
	"slices"
	"strconv"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

// scratch is a folder for what need not outlive the test: in memory, where the
// system has such a place, since making a file and syncing a lock are most of what
// a state costs.
func scratch(t *testing.T) string {
	t.Helper()
	folder, err := os.MkdirTemp("/dev/shm", "pawl-test-")
	if err != nil {
		return t.TempDir()
	}
	t.Cleanup(func() { _ = os.RemoveAll(folder) })
	return folder
}

// setting is a number that the environment may set.
func setting(t *testing.T, name string, otherwise int64) int64 {
	t.Helper()
	text, ok := os.LookupEnv(name)
	if !ok {
		return otherwise
	}
	n, err := strconv.ParseInt(text, 10, 64)
	require.NoError(t, err, name)
	return n
}

// sized is the size of a test: a tenth with the race detector, which makes SQLite
// ten times slower, and the long one if there is time for it.
func sized(quick, long int) int {
	switch {
	case torture():
		return long
	case raced():
		return quick / 10
	}
	return quick
}

var raced = sync.OnceValue(func() bool {
	info, _ := debug.ReadBuildInfo()
	return info != nil && slices.Contains(info.Settings, debug.BuildSetting{Key: "-race", Value: "true"})
})

// torture says that there is time for the long sizes.
func torture() bool { return os.Getenv("PAWL_TORTURE") != "" }
