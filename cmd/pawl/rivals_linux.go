package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

// rivals are the daemons of files with this id, other than that of our path: of
// copies of our database, or of what ours is a copy of.
func rivals(id, database string) (found []rival) {
	own, _ := os.Stat(lockFile(database)) // nil, and like no other, if there is none
	for _, pid := range ourProcesses() {
		for _, f := range openFiles(pid) {
			if r, of, ok := f.held(); ok && of == id && !os.SameFile(f.info, own) {
				found = append(found, r)
			}
		}
	}
	return found
}

// displaced finds the daemon of a database whose lock file was deleted, or moved while
// it has the database open, so that it would not stop a second one. Without an id
// only the deleted file is looked for, whatever became of the database.
func displaced(id, database string) (rival, bool) {
	path := lockFile(database)
	own, _ := os.Stat(path)
	main, _ := os.Stat(database)
	for _, pid := range ourProcesses() {
		files := openFiles(pid)
		drives := slices.ContainsFunc(files, func(f openFile) bool { return os.SameFile(f.info, main) })
		for _, f := range files {
			r, of, ok := f.held()
			if !ok || os.SameFile(f.info, own) {
				continue
			}
			if f.name == path+deleted || drives && of == id {
				return r, true
			}
		}
	}
	return rival{}, false
}

func ourProcesses() []int {
	return slices.DeleteFunc(processes(), func(pid int) bool { return !ours(pid) })
}

// An openFile is a plain file that a process has open.
type openFile struct {
	path string // that opens it, whatever became of its name
	name string
	info os.FileInfo
}

func openFiles(pid int) (files []openFile) {
	folder := fmt.Sprintf("/proc/%d/fd/", pid)
	entries, _ := os.ReadDir(folder) // none: it has ended
	for _, e := range entries {
		path := folder + e.Name()
		name, err := os.Readlink(path)
		if err != nil || !strings.HasPrefix(name, "/") { // a pipe, a socket
			continue
		}
		if info, err := os.Stat(path); err == nil && info.Mode().IsRegular() {
			files = append(files, openFile{path, name, info})
		}
	}
	return files
}

// held reads a lock file that somebody holds: whose it is, and the id of his
// database. Who merely asks for the owner has it open, too, but does not hold it.
// Nothing else is opened: closing a database again would drop the locks of this
// process.
func (f openFile) held() (r rival, database string, ok bool) {
	if !strings.Contains(filepath.Base(f.name), ".lock") || f.info.Size() > 1<<16 {
		return rival{}, "", false
	}
	file, err := os.Open(f.path)
	if err != nil {
		return rival{}, "", false
	}
	defer file.Close()
	var holder struct {
		PID      int
		Database string
	}
	if err := json.NewDecoder(io.LimitReader(file, 1<<16)).Decode(&holder); err != nil {
		return rival{}, "", false
	}
	taken := errors.Is(unix.Flock(int(file.Fd()), unix.LOCK_SH|unix.LOCK_NB), unix.EWOULDBLOCK)
	return rival{holder.PID, f.name}, holder.Database, taken
}
