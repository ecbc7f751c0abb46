package store

import (
	"os"
	"path/filepath"
	"runtime/debug"
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
		Host: host, PID: os.Getpid(), BootID: bootID(), Version: version(), Program: program(),
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
