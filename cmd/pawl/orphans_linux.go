package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// marked finds the processes of our user that carry a mark of the database with
// this id. Our own process group and those of our ancestors are no orphans,
// whatever they carry: a command may have started us.
func marked(id string) []orphan {
	own := ancestry()
	var found []orphan
	for _, pid := range processes() {
		if p, ok := inspect(pid, id); ok && !slices.Contains(own, p.group) {
			found = append(found, p)
		}
	}
	return found
}

// inspect reads the mark of a process. The start time is read before and after,
// so that the mark and the group are of one process.
func inspect(pid int, id string) (orphan, bool) {
	before, err := readStat(pid)
	if err != nil || before.zombie || !ours(pid) {
		return orphan{}, false
	}
	environ, err := os.ReadFile(fmt.Sprintf("/proc/%d/environ", pid))
	if err != nil {
		return orphan{}, false
	}
	after, err := readStat(pid)
	if err != nil || before.started != after.started {
		return orphan{}, false
	}
	for variable := range strings.SplitSeq(string(environ), "\x00") {
		if flow, run, ok := parseMark(variable, id); ok {
			return orphan{pid, after.started, after.group, flow, run}, true
		}
	}
	return orphan{}, false
}

// rival says whether a process of our user drives another file with this id: a
// copy of our database, or what ours is a copy of. Its commands carry our marks.
func rival(id, database string) bool {
	own, _ := os.Stat(lockFile(database)) // nil, and like no other, if there is none
	for _, pid := range processes() {
		if ours(pid) && drives(pid, id, own) {
			return true
		}
	}
	return false
}

// lockFile is the file beside a database that its daemon holds locked.
func lockFile(database string) string {
	if resolved, err := filepath.EvalSymlinks(database); err == nil {
		database = resolved
	}
	return database + ".lock"
}

// drives says whether a process has the lock file of a database open, other than
// our own, and it is held: one who merely asks for the owner has it open, too.
func drives(pid int, id string, own os.FileInfo) bool {
	folder := fmt.Sprintf("/proc/%d/fd/", pid)
	entries, err := os.ReadDir(folder)
	if err != nil { // it has ended
		return false
	}
	for _, e := range entries {
		file := folder + e.Name()
		if to, err := os.Readlink(file); err != nil || !strings.HasSuffix(strings.TrimSuffix(to, " (deleted)"), ".lock") {
			continue
		}
		info, err := os.Stat(file)
		if err != nil || !info.Mode().IsRegular() || info.Size() > 1<<16 || os.SameFile(info, own) {
			continue
		}
		if holds(file, `"database":"`+id+`"`) {
			return true
		}
	}
	return false
}

// holds says whether a file has a text in it, and somebody has it locked.
func holds(file, text string) bool {
	f, err := os.Open(file)
	if err != nil {
		return false
	}
	defer f.Close()
	content, err := io.ReadAll(f)
	if err != nil || !strings.Contains(string(content), text) {
		return false
	}
	return errors.Is(unix.Flock(int(f.Fd()), unix.LOCK_SH|unix.LOCK_NB), unix.EWOULDBLOCK)
}

// ours says whether a process runs as our user.
func ours(pid int) bool {
	info, err := os.Stat(fmt.Sprintf("/proc/%d", pid))
	if err != nil {
		return false
	}
	stat, ok := info.Sys().(*syscall.Stat_t)
	return ok && int(stat.Uid) == os.Geteuid()
}

// ancestry are the process groups of us and of those that started us.
func ancestry() []int {
	var groups []int
	for pid := os.Getpid(); pid > 0; {
		s, err := readStat(pid)
		if err != nil {
			break
		}
		groups, pid = append(groups, s.group), s.parent
	}
	return groups
}

func (p orphan) terminate() bool { return p.signal(syscall.SIGTERM) }
func (p orphan) kill() bool      { return p.signal(syscall.SIGKILL) }

// signal signals the orphan's group, if the process of that number is still the
// one that was found.
func (p orphan) signal(s syscall.Signal) (sent bool) {
	now, err := readStat(p.pid)
	switch {
	case err != nil || now.started != p.started:
		return false
	case now.group > 1:
		return syscall.Kill(-now.group, s) == nil
	default:
		return syscall.Kill(p.pid, s) == nil
	}
}
