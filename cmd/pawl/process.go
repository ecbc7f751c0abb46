package main

import (
	"context"
	"io"
	"os"
	"os/exec"
	"time"
)

// A process is a command that runs, the leader of a process group of its own.
type process struct {
	cmd    *exec.Cmd
	exited chan struct{} // closed by a goroutine once the leader is waited for
	pipe   *os.File      // the read end of its stdout and stderr
	copied chan struct{} // closed by a goroutine when the pipe is at its end
	output output        // not to be read before copied is closed
}

// start starts a command with its output in a pipe, of which live gets a copy. The two
// goroutines end with the process and the pipe; end waits for both.
func start(cmd *exec.Cmd, live *spool) (*process, error) {
	r, w, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer w.Close()
	cmd.Stdout, cmd.Stderr = w, w
	leadGroup(cmd)
	if err := cmd.Start(); err != nil {
		r.Close()
		return nil, err
	}
	p := &process{cmd: cmd, exited: make(chan struct{}), pipe: r, copied: make(chan struct{})}
	go func() {
		defer close(p.exited)
		_ = cmd.Wait() // the state tells more
	}()
	go func() {
		defer close(p.copied)
		_, _ = p.output.ReadFrom(io.TeeReader(r, live))
	}()
	return p, nil
}

// await blocks until the leader has exited, and returns nil, or until it is to be
// ended, and returns why.
func (p *process) await(ctx context.Context, dismissed <-chan struct{}) error {
	select {
	case <-p.exited:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-dismissed:
		return errDismissed
	}
}

// end ends whatever of the group is left and waits for the leader. A process
// that has left the group lives on and may hold the pipe open; it does not hold
// up the outcome.
func (p *process) end(grace time.Duration, dismissed <-chan struct{}) {
	terminate(p.cmd.Process)
	if !p.gone(grace, dismissed) {
		kill(p.cmd.Process)
		p.gone(time.Second, nil)
	}
	<-p.exited
	_ = p.pipe.SetReadDeadline(time.Now().Add(time.Second))
	<-p.copied
	p.pipe.Close()
}

// gone waits until nothing of the group is left, but not for longer than limit,
// nor than stopGrace once dismissed is closed.
func (p *process) gone(limit time.Duration, dismissed <-chan struct{}) bool {
	deadline := time.Now().Add(limit)
	for p.alive() {
		now := time.Now()
		if now.After(deadline) {
			return false
		}
		select {
		case <-dismissed:
			dismissed = nil
			if soon := now.Add(stopGrace); soon.Before(deadline) {
				deadline = soon
			}
		case <-time.After(10 * time.Millisecond):
		}
	}
	return true
}

// alive says whether anything of the group is left.
func (p *process) alive() bool {
	select {
	case <-p.exited:
		return groupAlive(p.cmd.Process)
	default:
		return true
	}
}

// result is what became of an ended process: nil for exit status 0.
func (p *process) result(cause error) error {
	state := p.cmd.ProcessState
	if cause == nil && state.Success() {
		return nil
	}
	return &exitError{code: state.ExitCode(), signal: signalOf(state), cause: cause, output: p.output.String()}
}
