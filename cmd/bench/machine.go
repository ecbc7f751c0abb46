package main

import (
	"bufio"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"strings"

	"github.com/pawl-go/pawl/cmd/bench/peer"
)

// machine is what the processor and the disk are.
func machine() string {
	return fmt.Sprintf("%s/%s, %d cores (%s), databases on %s, %s",
		runtime.GOOS, runtime.GOARCH, runtime.GOMAXPROCS(0), processor(), filesystem(os.TempDir()), runtime.Version())
}

// peersHead is the versions and settings of the peers.
func peersHead() string {
	var b strings.Builder
	for _, p := range append([]peer.Peer{peer.PawlQueue()}, peer.All()...) {
		fmt.Fprintf(&b, "- %s %s: %s.\n", p.Name, version(p.Module), strings.TrimSuffix(p.Settings, "."))
	}
	return b.String()
}

// version is that of a module in this program.
func version(module string) string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	for _, dep := range info.Deps {
		switch {
		case dep.Path != module:
		case dep.Replace != nil:
			return "of this working tree"
		default:
			return dep.Version
		}
	}
	return "not linked"
}

func sqliteVersion() (version string) {
	db, err := openFile(":memory:")
	if err != nil {
		return "unknown"
	}
	defer db.Close()
	if err := db.QueryRow(`SELECT sqlite_version()`).Scan(&version); err != nil {
		return "unknown"
	}
	return version
}

// processor is the name of the CPU, where the system tells it as Linux does.
func processor() string {
	f, err := os.Open("/proc/cpuinfo")
	if err != nil {
		return "unknown processor"
	}
	defer f.Close()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		if name, value, ok := strings.Cut(lines.Text(), ":"); ok && strings.TrimSpace(name) == "model name" {
			return strings.TrimSpace(value)
		}
	}
	return "unknown processor"
}

// filesystem is the type of the file system that a directory lies on, where the
// system tells it as Linux does.
func filesystem(dir string) string {
	unknown := "an unknown file system"
	dir, err := filepath.EvalSymlinks(dir)
	if err != nil {
		return unknown
	}
	f, err := os.Open("/proc/self/mounts")
	if err != nil {
		return unknown
	}
	defer f.Close()
	kind, longest := unknown, ""
	for lines := bufio.NewScanner(f); lines.Scan(); {
		fields := strings.Fields(lines.Text()) // device, directory, type, ...
		if len(fields) < 3 || !inside(dir, fields[1]) || len(fields[1]) < len(longest) {
			continue
		}
		longest, kind = fields[1], fields[2]
	}
	return kind
}

func inside(dir, mount string) bool {
	return strings.HasPrefix(strings.TrimSuffix(dir, "/")+"/", strings.TrimSuffix(mount, "/")+"/")
}
