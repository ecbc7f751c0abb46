package store

import (
	"bufio"
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// SQLite locks bytes of the log's index, the -shm file: each transaction that reads has a
// shared lock on one of these, its read mark, and a checkpoint cannot go beyond it.
const firstMark, lastMark = 123, 127

// readersOf are the processes that have a read transaction open on a database, as far as the
// system shows them to this process.
func readersOf(path string) (found []string) {
	id, err := fileAt(path + "-shm")
	if err != nil {
		return nil
	}
	locks, err := os.ReadFile("/proc/locks")
	if err != nil {
		return nil
	}
	for _, pid := range markHolders(locks, id) {
		if name := process(pid); !slices.Contains(found, name) && holds(pid, path+"-shm", id) {
			found = append(found, name)
		}
	}
	return found
}

// markHolders are the processes that have a read mark of the index with this id, by the
// text of /proc/locks: "1: POSIX  ADVISORY  READ 4242 fe:01:131 124 124".
func markHolders(locks []byte, id fileID) (pids []int) {
	lines := bufio.NewScanner(bytes.NewReader(locks))
	for lines.Scan() {
		f := strings.Fields(lines.Text())
		if len(f) != 8 || f[1] != "POSIX" || f[3] != "READ" { // also one that waits, with an arrow, has none
			continue
		}
		pid, err1 := strconv.Atoi(f[4])
		first, err2 := strconv.Atoi(f[6])
		last, err3 := strconv.Atoi(f[7])
		_, inode, _ := cutLast(f[5], ":")
		if err1 != nil || err2 != nil || err3 != nil || pid <= 0 || inode != strconv.FormatUint(id.inode, 10) {
			continue
		}
		if first <= lastMark && last >= firstMark && !slices.Contains(pids, pid) {
			pids = append(pids, pid)
		}
	}
	return pids
}

func cutLast(text, sep string) (before, after string, found bool) {
	if i := strings.LastIndex(text, sep); i >= 0 {
		return text[:i], text[i+len(sep):], true
	}
	return text, "", false
}

// holds says whether a process has a file open. One whose open files cannot be seen is
// taken to: /proc/locks names the device as the file system calls it, which is not always
// what a stat calls it, so the inode alone has told so far.
func holds(pid int, path string, id fileID) bool {
	folder := fmt.Sprintf("/proc/%d/fd", pid)
	entries, err := os.ReadDir(folder)
	if err != nil {
		return true
	}
	for _, e := range entries {
		name := filepath.Join(folder, e.Name())
		if target, err := os.Readlink(name); err != nil || target != path {
			continue
		}
		var s unix.Stat_t
		if err := unix.Stat(name, &s); err == nil && s.Ino == id.inode {
			return true
		}
	}
	return false
}

// process names a process for people.
func process(pid int) string {
	if pid == os.Getpid() {
		return fmt.Sprintf("process %d, this one", pid)
	}
	name, err := os.ReadFile(fmt.Sprintf("/proc/%d/comm", pid))
	if err != nil {
		return fmt.Sprintf("process %d", pid)
	}
	return fmt.Sprintf("process %d (%s)", pid, strings.TrimSpace(string(name)))
}
