package store

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// How many processes the system has killed is read from the control group of this one, where
// there is such a thing. found A12.
func TestKillsForLackOfMemoryAreThoseOfTheControlGroup(t *testing.T) {
	dir := t.TempDir()
	groups := filepath.Join(dir, "cgroup")
	write := func(name, text string) {
		require.NoError(t, os.MkdirAll(filepath.Dir(name), 0o700))
		require.NoError(t, os.WriteFile(name, []byte(text), 0o600))
	}
	assert.Equal(t, int64(-1), oomKills(groups, dir), "no such file")
	write(groups, "12:memory:/old\n")
	assert.Equal(t, int64(-1), oomKills(groups, dir), "only groups of the old kind")
	write(groups, "12:memory:/old\n0::/system.slice/jobs.service\n")
	assert.Equal(t, int64(-1), oomKills(groups, dir), "no events")
	events := filepath.Join(dir, "system.slice/jobs.service/memory.events")
	write(events, "low 0\nhigh 0\nmax 12\noom 3\noom_kill 2\noom_group_kill 0\n")
	assert.Equal(t, int64(2), oomKills(groups, dir))
	write(events, "oom_kill many\n")
	assert.Equal(t, int64(-1), oomKills(groups, dir))
}
