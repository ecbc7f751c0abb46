//go:build unix

package main

import (
	"os"
	"os/exec"
	"syscall"

	"golang.org/x/sys/unix"
)

// leadGroup makes a command the leader of a process group of its own, so that a
// Ctrl-C meant for us does not reach it and all its children can be ended.
func leadGroup(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
}

// terminate asks the group that p leads, or led, to end. That p may be waited
// for already does no harm: its number stays taken while the group has members,
// and right after that nobody has had the time to be given it.
func terminate(p *os.Process) { _ = syscall.Kill(-p.Pid, syscall.SIGTERM) }

// kill ends the group that p leads.
func kill(p *os.Process) { _ = syscall.Kill(-p.Pid, syscall.SIGKILL) }

// groupAlive says whether anything lives in the group of p, which was waited
// for. What died and is our child, as orphans are when we are process 1 of a
// container, is waited for too.
func groupAlive(p *os.Process) bool {
	alive := syscall.Kill(-p.Pid, 0) == nil && !allZombies(p.Pid)
	for {
		if pid, err := syscall.Wait4(-p.Pid, nil, syscall.WNOHANG, nil); pid <= 0 || err != nil {
			return alive
		}
	}
}

// signalOf is the name of the signal that ended a process, or empty.
func signalOf(state *os.ProcessState) string {
	status, ok := state.Sys().(syscall.WaitStatus)
	if !ok || !status.Signaled() {
		return ""
	}
	if name := unix.SignalName(status.Signal()); name != "" {
		return name
	}
	return "SIG" + status.Signal().String()
}

// signalNumber is the number of a signal by its name, 0 if it has none here.
func signalNumber(name string) int { return int(unix.SignalNum(name)) }
