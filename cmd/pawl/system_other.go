//go:build !unix

package main

import (
	"os"
	"os/exec"
)

// Without process groups a command is ended at once, and alone.

func leadGroup(*exec.Cmd)              {}
func terminate(p *os.Process)          { _ = p.Kill() }
func kill(p *os.Process)               { _ = p.Kill() }
func groupAlive(*os.Process) bool      { return false }
func signalOf(*os.ProcessState) string { return "" }
func signalNumber(string) int          { return 0 }
