package main

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"syscall"
)

// marked finds the processes of our user that carry a mark of the database with
// this id. Our own process group and those of our ancestors are no orphans,
// whatever they carry: a command may have started us.
func marked(id string) []orphan {
	own := ancestry()
	var found []orphan
	for _, pid := range processes() {
		if p, ok := inspect(pid, id, readStat); ok && !slices.Contains(own, p.group) {
			found = append(found, p)
		}
	}
	return found
}

// inspect reads the mark of a process. The start time is read before and after,
// so that the mark and the group are of one process.
func inspect(pid int, id string, look func(pid int) (stat, error)) (orphan, bool) {
	before, err := look(pid)
	if err != nil || before.zombie || !ours(pid) {
		return orphan{}, false
	}
	environ, err := os.ReadFile(fmt.Sprintf("/proc/%d/environ", pid))
	if err != nil {
		return orphan{}, false
	}
	after, err := look(pid)
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
