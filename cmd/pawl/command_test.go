//go:build unix

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/pawl-go/pawl"
	"github.com/pawl-go/pawl/cmd/pawl/internal/files"
)

func TestCommandErrorHasExitStatusAndOutput(t *testing.T) {
	t.Parallel()
	err := runShell(t, "echo connecting; echo no answer >&2; exit 3")
	exit, ok := errors.AsType[*exitError](err)
	require.True(t, ok, "%v", err)
	assert.Equal(t, 3, exit.code)
	assert.Equal(t, "exit status 3: no answer\nconnecting\nno answer", err.Error())
	assert.Equal(t, 3, exit.ExitCode())

	assert.EqualError(t, runShell(t, "echo no answer; exit 3"), "exit status 3: no answer", "one line is not told twice")
	assert.EqualError(t, runShell(t, "exit 3"), "exit status 3")
	assert.NoError(t, runShell(t, "echo fine"))
}

func TestCommandErrorHasTheSignal(t *testing.T) {
	t.Parallel()
	err := runShell(t, "echo hm; kill -SEGV $$")
	exit, ok := errors.AsType[*exitError](err)
	require.True(t, ok, "%v", err)
	assert.Equal(t, "SIGSEGV", exit.signal)
	assert.EqualError(t, err, "killed by SIGSEGV: hm")
	assert.Equal(t, 139, exit.ExitCode())
}

// pawl trigger --wait exits as the command did; what the command prints, and how Pawl says it,
// makes no difference. facts T5.
func TestExitCodeIsThatOfTheCommand(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		run  pawl.RunInfo
		want int
	}{
		{pawl.RunInfo{Status: pawl.RunFailed, ExitCode: 3, Error: "exit status 5"}, 3},
		{pawl.RunInfo{Status: pawl.RunFailed, ExitCode: 137}, 137},
		{pawl.RunInfo{Status: pawl.RunFailed, Error: "exit status 5"}, 1},
		{pawl.RunInfo{Status: pawl.RunTimedOut, ExitCode: 143, Error: "timed out after 1s (killed by SIGTERM)"}, 1},
		{pawl.RunInfo{Status: pawl.RunInterrupted, Error: "interrupted: the process died"}, 1},
		{pawl.RunInfo{Status: pawl.RunCancelled}, 1},
	} {
		assert.Equal(t, c.want, exitCode(c.run), "%+v", c.run)
	}
}

func TestCommandOutputIsBoundedHoweverMuchThereIs(t *testing.T) {
	t.Parallel()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	var out output
	n, err := out.ReadFrom(io.MultiReader(strings.NewReader("first\n"), io.LimitReader(endless{}, 100<<20), strings.NewReader("\nlast")))
	runtime.ReadMemStats(&after)
	require.NoError(t, err)
	assert.Equal(t, int64(100<<20+11), n)
	text := out.String()
	assert.Less(t, len(text), headSize+tailSize+100)
	assert.Regexp(t, `^first\n[x]+\n\[100\.0 MiB omitted\]\n[x]+\nlast$`, text)
	assert.Less(t, cap(out.head)+cap(out.tail), 32<<10)

	err = runShell(t, "head -c 100000000 /dev/zero | tr '\\0' x; echo; echo the end; exit 1")
	require.Error(t, err)
	assert.Less(t, len(err.Error()), 8<<10)
	assert.Contains(t, err.Error(), "exit status 1: the end\nxxx")
	assert.Contains(t, err.Error(), "[95.4 MiB omitted]")
}

// endless gives the letter x for ever.
type endless struct{}

func (endless) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = 'x'
	}
	return len(p), nil
}

func TestCommandOutputIsValidText(t *testing.T) {
	t.Parallel()
	err := runShell(t, `printf 'a\377\000b\n'; exit 1`)
	assert.EqualError(t, err, "exit status 1: a??b")

	err = runShell(t, `for i in 1 2 3 4 5 6 7 8 9 10; do head -c 1000 /dev/urandom; done; printf €; exit 1`)
	assert.True(t, utf8.ValidString(err.Error()))
	assert.NotContains(t, err.Error(), "\x00")
	assert.Less(t, len(err.Error()), 8<<10)
}

func TestCommandThatTakesTooLongIsEnded(t *testing.T) {
	t.Parallel()
	c := shell(t, "sleep 1000")
	c.timeout = 50 * time.Millisecond
	ctx, cancel := context.WithTimeoutCause(t.Context(), c.timeout, pawl.ErrTimedOut)
	defer cancel()
	err := c.Run(ctx)
	assert.EqualError(t, err, "timed out after 50ms (killed by SIGTERM)")
	assert.ErrorAs(t, err, new(errTimeout))
}

// On a timeout a command gets the grace of its flow; a daemon that stops, or was told
// to end at once, does not wait for long.
func TestStopWaitsForNoLongGrace(t *testing.T) {
	for _, test := range []struct {
		cause        error
		grace, after time.Duration
	}{
		{nil, time.Hour, time.Hour},
		{pawl.ErrTimedOut, time.Hour, endGrace}, // after 10 s the run is closed without the command
		{pawl.ErrCancelled, time.Hour, endGrace},
		{pawl.ErrTimedOut, time.Second, time.Second},
		{context.Canceled, time.Hour, stopGrace},
		{context.Canceled, time.Second, time.Second},
		{errDismissed, time.Hour, stopGrace},
	} {
		c := &command{flow: &flow{settings: settings{grace: test.grace}}}
		assert.Equal(t, test.after, c.graceAfter(test.cause), "%v with %s", test.cause, test.grace)
	}
}

func TestCommandIsEndedWithItsChildren(t *testing.T) {
	t.Parallel()
	line := newLine(t)
	c := shell(t, fmt.Sprintf("(exec > %s; echo ready; exec sleep 1000) & wait", line.path))
	ctx, cancel := context.WithCancelCause(t.Context())
	go func() {
		line.waitFor(t, "ready\n")
		cancel(pawl.ErrTimedOut)
	}()
	c.timeout = time.Minute
	assert.EqualError(t, c.Run(ctx), "timed out after 1m0s (killed by SIGTERM)")
	line.waitForEnd(t)
}

func TestCommandThatIgnoresSIGTERMIsKilled(t *testing.T) {
	t.Parallel()
	line := newLine(t)
	c := shell(t, fmt.Sprintf("trap '' TERM; exec 3> %s; echo ready >&3; while :; do sleep 1000; done", line.path))
	c.grace = 50 * time.Millisecond
	ctx, cancel := context.WithCancelCause(t.Context())
	go func() {
		line.waitFor(t, "ready\n")
		cancel(errors.New("stopped"))
	}()
	assert.EqualError(t, c.Run(ctx), "stopped (killed by SIGKILL)")
	line.waitForEnd(t)
}

func TestWhatACommandLeavesBehindIsEnded(t *testing.T) {
	t.Parallel()
	line, gate := newLine(t), newLine(t)
	go func() {
		line.waitFor(t, "ready\n")
		file, err := os.OpenFile(gate.path, os.O_WRONLY, 0)
		if assert.NoError(t, err) {
			file.Close()
		}
	}()
	require.NoError(t, runShell(t, fmt.Sprintf("(exec > %s; echo ready; exec sleep 1000) & cat %s", line.path, gate.path)))
	line.waitForEnd(t)
}

func TestCommandLeadsAProcessGroup(t *testing.T) {
	t.Parallel()
	assert.NoError(t, runShell(t, `test "$(ps -o pgid= -p $$ | tr -d ' ')" = $$`))
}

func TestProcessThatLeftTheGroupDoesNotHoldUpTheOutcome(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "pid")
	begin := time.Now()
	err := runShell(t, fmt.Sprintf("setsid sh -c 'echo $$ > %[1]s; exec sleep 1000' & while ! test -s %[1]s; do sleep 0.01; done; echo done; exit 1", file))
	assert.EqualError(t, err, "exit status 1: done")
	assert.Less(t, time.Since(begin), 500*time.Second)

	text, err := os.ReadFile(file)
	require.NoError(t, err)
	pid, err := strconv.Atoi(strings.TrimSpace(string(text)))
	require.NoError(t, err)
	assert.NoError(t, syscall.Kill(pid, syscall.SIGKILL), "it lives on, since it left the group on purpose")
}

func TestCommandKnowsItsRun(t *testing.T) {
	t.Parallel()
	c := shell(t, "env; cat; pwd; exit 1")
	c.env = []string{"REGION=eu", "REGION=us", "EMPTY="}
	err := c.execute(t.Context(), pawl.RunInfo{FlowID: "a b", Number: 17, Attempt: 2, ScheduledAt: time.UnixMilli(1_700_000_000_123)})
	require.Error(t, err)
	for _, want := range []string{
		"PAWL_FLOW=a b", "PAWL_RUN_NUMBER=17", "PAWL_ATTEMPT=2", "PAWL_SCHEDULED_AT=2023-11-14T22:13:20.123Z",
		"PAWL_RUN=the-database/a b/17", "REGION=us", "EMPTY=", c.dir,
	} {
		assert.Contains(t, strings.Split(err.Error(), "\n"), want)
	}
	assert.NotContains(t, err.Error(), "REGION=eu")
}

func TestArgumentsReachTheProgramAsTheyAre(t *testing.T) {
	t.Parallel()
	c := shell(t, "")
	c.argv = []string{"sh", "-c", `printf '%s|' "$0" "$@"; exit 1`, "a b", "$HOME", "*", "", "'"}
	assert.EqualError(t, c.Run(t.Context()), "exit status 1: a b|$HOME|*||'|")
}

func TestProgramIsLookedForInThePathOfItsFlow(t *testing.T) {
	t.Parallel()
	c := shell(t, "")
	require.NoError(t, os.WriteFile(filepath.Join(c.dir, "mytool"), []byte("#!/bin/sh\necho $0; exit 4\n"), 0o700))
	c.argv = []string{"mytool"}
	assert.ErrorContains(t, c.Run(t.Context()), `start: exec: "mytool": executable file not found in $PATH`)
	c.env = []string{"PATH=/usr/bin:" + c.dir}
	assert.EqualError(t, c.Run(t.Context()), "exit status 4: "+filepath.Join(c.dir, "mytool"))
}

func TestCommandThatCannotStartSaysWhy(t *testing.T) {
	t.Parallel()
	c := shell(t, "true")
	c.dir = "/nowhere/at/all"
	assert.EqualError(t, c.Run(t.Context()), "start: stat /nowhere/at/all: no such file or directory")
}

// The second signal: the command ends, but its outcome is not reported as its own.
func TestDismissedCommandEndsWithoutAnOutcome(t *testing.T) {
	t.Parallel()
	line := newLine(t)
	c := shell(t, fmt.Sprintf("exec 3> %s; echo ready >&3; sleep 1000", line.path))
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	returned := make(chan error, 1)
	go func() { returned <- c.Run(ctx) }()
	line.waitFor(t, "ready\n")
	c.crew.dismiss()
	line.waitForEnd(t)
	select {
	case err := <-returned:
		t.Fatalf("reported %v", err)
	default:
	}
	cancel()
	assert.EqualError(t, <-returned, "the daemon was asked to stop at once (killed by SIGTERM)")
}

// Security: what another user owns he can write, whatever its mode says now.
func TestFileOfAnotherUserIsWritableByHim(t *testing.T) {
	path := filepath.Join(t.TempDir(), "pawl.yaml")
	require.NoError(t, os.WriteFile(path, nil, 0o400))
	info, err := os.Stat(path)
	require.NoError(t, err)
	stat := info.Sys().(*syscall.Stat_t)
	for uid, want := range map[int]string{os.Geteuid(): "", 0: "", 12345: "user 12345"} {
		stat.Uid = uint32(uid)
		who, remedy := files.Strangers(info)
		assert.Equal(t, want, who)
		assert.Equal(t, want != "", strings.HasPrefix(remedy, "chown "), remedy)
	}
}

// shell makes a command of a shell line, in a folder of its own.
func shell(t *testing.T, line string) *command {
	t.Helper()
	f := &flow{id: "a", shell: line, settings: settings{dir: t.TempDir(), grace: defaultGrace}}
	return &command{flow: f, orphanage: &orphanage{id: "the-database"}, crew: newCrew(), log: slog.New(slog.DiscardHandler)}
}

// runShell runs a line as a command and returns what became of it.
func runShell(t *testing.T, line string) error {
	t.Helper()
	return shell(t, line).Run(t.Context())
}

// A pipeline is a named pipe that processes write to: it ends when the last of
// them has ended.
type pipeline struct {
	path string
	file *os.File
}

func newLine(t *testing.T) *pipeline {
	t.Helper()
	l := &pipeline{path: filepath.Join(t.TempDir(), "line")}
	require.NoError(t, syscall.Mkfifo(l.path, 0o600))
	return l
}

// waitFor blocks until a process has opened the pipe and written text.
func (l *pipeline) waitFor(t *testing.T, text string) {
	t.Helper()
	var err error
	if l.file, err = os.Open(l.path); !assert.NoError(t, err) {
		return
	}
	t.Cleanup(func() { l.file.Close() })
	got := make([]byte, len(text))
	_, err = io.ReadFull(l.file, got)
	assert.NoError(t, err)
	assert.Equal(t, text, string(got))
}

// waitForEnd blocks until no process holds the pipe open, after waitFor.
func (l *pipeline) waitForEnd(t *testing.T) {
	t.Helper()
	require.NoError(t, l.file.SetReadDeadline(time.Now().Add(30*time.Second)))
	_, err := io.Copy(io.Discard, l.file)
	assert.NoError(t, err, "a process lives on")
}
