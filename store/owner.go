package store

import (
	"os"
	"path/filepath"
	"runtime/debug"
	"strconv"
	"strings"
	"time"

	"github.com/pawl-go/pawl/engine"
)

// Self is this process as the owner of a database from now on.
func Self(now time.Time) engine.Owner {
	host, err := os.Hostname()
	if err != nil {
		host = "unknown"
	}
	return engine.Owner{
		Host: host, PID: os.Getpid(), BootID: bootID(), Version: version(), Program: program(), OOMKills: oomKills("/proc/self/cgroup", "/sys/fs/cgroup"),
		StartedAt: now.UTC().Truncate(time.Millisecond),
	}
}

// program is the name of the executable, without its folder.
func program() string {
	path, err := os.Executable()
	if err != nil {
		path = os.Args[0]
	}
	return strings.TrimSuffix(filepath.Base(path), ".exe")
}

// bootID names the run of the machine, on Linux; empty elsewhere.
func bootID() string {
	id, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(id))
}

// oomKills is how many processes of this one's control group the system has killed for lack
// of memory; -1: unknown. Only Linux has these files.
func oomKills(groups, root string) int64 {
	list, err := os.ReadFile(groups)
	if err != nil {
		return -1
	}
	for line := range strings.Lines(string(list)) {
		group, unified := strings.CutPrefix(strings.TrimSpace(line), "0::")
		if !unified {
			continue
		}
		events, err := os.ReadFile(filepath.Join(root, group, "memory.events"))
		if err != nil {
			return -1
		}
		for event := range strings.Lines(string(events)) {
			if text, ok := strings.CutPrefix(event, "oom_kill "); ok {
				n, err := strconv.ParseInt(strings.TrimSpace(text), 10, 64)
				if err != nil {
					return -1
				}
				return n
			}
		}
	}
	return -1
}

const module = "github.com/pawl-go/pawl"

// version is that of this module in the program.
func version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return ""
	}
	if info.Main.Path == module {
		return info.Main.Version
	}
	for _, dep := range info.Deps {
		if dep.Path == module {
			return dep.Version
		}
	}
	return ""
}
