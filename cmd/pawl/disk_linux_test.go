package main

import (
	"errors"
	"os"
	"path/filepath"

	"github.com/rogpeppe/go-internal/testscript"
	"golang.org/x/sys/unix"
)

func init() {
	scriptCommands["disk"] = disk
	scriptCommands["fill"] = fill
	scriptConditions["mount"] = mayMount
}

// mayMount is whether a file system may be mounted here.
func mayMount() bool {
	folder, err := os.MkdirTemp("", "pawl")
	if err != nil {
		return false
	}
	defer os.Remove(folder)
	return unix.Mount("tmpfs", folder, "tmpfs", 0, "") == nil && unix.Unmount(folder, unix.MNT_DETACH) == nil
}

// disk is the command
//
//	disk FOLDER SIZE
//
// which mounts a file system of that size in a new folder, until the end of the script.
func disk(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: disk folder size")
	}
	folder := ts.MkAbs(args[0])
	ts.Check(os.Mkdir(folder, 0o700))
	ts.Check(unix.Mount("tmpfs", folder, "tmpfs", 0, "size="+args[1]))
	ts.Defer(func() { _ = unix.Unmount(folder, unix.MNT_DETACH) })
}

// fill is the command
//
//	fill FOLDER
//
// which writes a file named ballast into a folder until its disk takes no more.
func fill(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: fill folder")
	}
	f, err := os.Create(filepath.Join(ts.MkAbs(args[0]), "ballast"))
	ts.Check(err)
	for err == nil {
		_, err = f.Write(make([]byte, 4096))
	}
	if !errors.Is(err, unix.ENOSPC) {
		ts.Fatalf("the disk is not full: %v", err)
	}
	ts.Check(f.Close())
}
