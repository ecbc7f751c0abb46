//go:build !unix

package main

import (
	"io/fs"
	"os"
	"os/exec"
)

// There are neither symbolic links in the way nor FIFOs in the file system.
const (
	noFollow = 0
	nonBlock = 0
)

// Without process groups a command is ended at once, and alone.

func leadGroup(*exec.Cmd)              {}
func terminate(p *os.Process)          { _ = p.Kill() }
func kill(p *os.Process)               { _ = p.Kill() }
func groupAlive(*os.Process) bool      { return false }
func signalOf(*os.ProcessState) string { return "" }
func signalNumber(string) int          { return 0 }

// strangers cannot be told from the mode of a file.
func strangers(fs.FileInfo) (who, remedy string) { return "", "" }

// everybodyReads cannot be told from the mode of a file.
func everybodyReads(fs.FileInfo) bool { return false }

// private cannot be told from the mode of a folder.
func private(info fs.FileInfo) bool { return info.IsDir() }
