package main

import (
	"fmt"
	"os"
	"strconv"
	"strings"
)

// processes are the numbers of all processes, as /proc lists them.
func processes() []int {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return nil
	}
	var pids []int
	for _, e := range entries {
		if pid, err := strconv.Atoi(e.Name()); err == nil {
			pids = append(pids, pid)
		}
	}
	return pids
}

// A stat is what we need of /proc/PID/stat.
type stat struct {
	zombie        bool // ended, but nobody has waited for it yet
	suspended     bool // by a signal such as SIGSTOP
	parent, group int
	started       uint64 // in ticks since boot
}

// readStat reads /proc/PID/stat. The name in it may hold anything, so the
// fields are counted from its closing parenthesis.
func readStat(pid int) (stat, error) {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return stat{}, err
	}
	text := string(data)
	fields := strings.Fields(text[strings.LastIndexByte(text, ')')+1:])
	if len(fields) < 20 {
		return stat{}, fmt.Errorf("/proc/%d/stat has %d fields", pid, len(fields))
	}
	parent, _ := strconv.Atoi(fields[1])
	group, _ := strconv.Atoi(fields[2])
	started, err := strconv.ParseUint(fields[19], 10, 64)
	return stat{fields[0] == "Z", fields[0] == "T", parent, group, started}, err
}

// suspended says that a process does nothing until somebody sends it SIGCONT.
func suspended(pid int) bool {
	s, err := readStat(pid)
	return err == nil && s.suspended
}

// allZombies says that no process of a group lives. Where nobody waits for
// orphans, as in a container without an init, they stay about for ever.
func allZombies(group int) bool {
	for _, pid := range processes() {
		if s, err := readStat(pid); err == nil && s.group == group && !s.zombie {
			return false
		}
	}
	return true
}
