package main

import (
	"bufio"
	"database/sql"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"strings"
)

// printHead prints what was measured, where and how.
func printHead(s settings, commit samples) {
	fmt.Printf("Pawl %s, modernc.org/sqlite %s (SQLite %s), %s.\n",
		version("github.com/pawl-go/pawl"), version("modernc.org/sqlite"), sqliteVersion(), runtime.Version())
	fmt.Printf("%s/%s, %d cores (%s), databases on %s.\n",
		runtime.GOOS, runtime.GOARCH, runtime.GOMAXPROCS(0), processor(), filesystem(os.TempDir()))
	fmt.Printf("One commit of one row, synchronous=FULL, one at a time: p50 %s ms, p99 %s ms.\n",
		spread(commit["raw.p50"]), spread(commit["raw.p99"]))
	fmt.Printf("Rounds: %d of %s, the sides in turn; median (lowest–highest).\n\n", s.rounds, s.length)
	fmt.Printf(caption, grouped(knownFlows), pause)
}

// version is that of a module in this program.
func version(module string) string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	for _, dep := range info.Deps {
		if dep.Path == module && dep.Replace == nil {
			return dep.Version
		}
	}
	return "of this working tree"
}

func sqliteVersion() (version string) {
	db, err := sql.Open("sqlite", ":memory:")
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
