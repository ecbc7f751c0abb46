//go:build unix

package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"log/slog"
	"os"
	"os/exec"
	"os/signal"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
	"golang.org/x/sys/unix"

	"github.com/pawl-go/pawl"
)

// TestMain lets the scripts run the program itself, as the test binary by
// another name.
func TestMain(m *testing.M) {
	unix.Umask(0o022) // a config that the group can write would be refused
	if strings.HasSuffix(os.Args[0], ".test") {
		// found B3: nohup make test. What has a handler here is not ignored by what we start.
		signal.Notify(make(chan os.Signal, 1), unix.SIGHUP)
	}
	testscript.Main(m, map[string]func(){"pawl": main, "orders": embeds})
}

// embeds is a program with Pawl in it: orders registers a flow in jobs.db, and stops;
// with an argument it runs the flow before, which panics.
func embeds() {
	s := pawl.NewScheduler("jobs.db", pawl.WithLogger(slog.New(slog.DiscardHandler)))
	s.Manual("send", pawl.JobFunc(func(context.Context) error { panic("no orders") }))
	r, err := s.Start(context.Background())
	if err == nil && len(os.Args) > 1 {
		var run int64
		if run, err = r.Trigger(context.Background(), "send"); err == nil {
			_, err = r.WaitRun(context.Background(), "send", run)
		}
	}
	if err == nil {
		err = r.Stop(context.Background())
	}
	if err != nil {
		log.Fatal(err)
	}
}

// TestScripts run the program as users do: every verb, its good and its bad
// use, with the exit codes. Besides the usual commands they have:
//
//	code N pawl ...    runs a command that must exit with N
//	daemon ARG...      starts pawl run, its log in a file too, and waits until it is up
//	signal NAME        sends the daemon a signal
//	logged PATTERN     waits until the daemon has logged such a line
//	ended N            waits until the daemon has exited, with N; -1: killed
//	lock FILE          lets another program lock the database until
//	unlock             or the end of the script
//	damage FILE TABLE  overwrites the page that a table begins with
//	screen ...         runs a command on a terminal, on Linux
//	listen NAME...     serves $WEBHOOK, and $NOTIFY_SOCKET of a service manager
//	heard PATTERN      waits until one of them was told such a thing
//	unheard A PATTERN  the same, and that they were not told A before
//	disk FOLDER SIZE   mounts a file system of that size, if [mount] says that one may be
//	fill FOLDER        writes until its disk takes no more
//
//	orders [panic]     is a program that embeds Pawl, with jobs.db; it may run what panics
//
// and $PLAIN, a prefix in shell lines that takes root's right to any file away.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/script",
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Deadline:            time.Now().Add(10 * time.Minute),
		Setup: func(env *testscript.Env) error {
			env.Setenv("TZ", "UTC")
			env.Setenv("COLUMNS", "160")
			env.Setenv("GORACE", "atexit_sleep_ms=0") // else each command takes a second to exit
			env.Setenv("PLAIN", "")
			if os.Geteuid() == 0 {
				env.Setenv("PLAIN", "setpriv --bounding-set=-dac_override,-dac_read_search")
			}
			env.Values[daemonKey{}] = &testDaemon{}
			env.Values[lockerKey{}] = &locker{}
			env.Defer(func() { env.Values[lockerKey{}].(*locker).end() })
			env.Defer(func() { env.Values[daemonKey{}].(*testDaemon).kill() })
			return nil
		},
		Cmds: scriptCommands,
		Condition: func(name string) (bool, error) {
			if holds := scriptConditions[name]; holds != nil {
				return holds(), nil
			}
			return false, fmt.Errorf("unknown condition %q", name)
		},
	})
}

// scriptConditions are those besides the usual ones.
var scriptConditions = map[string]func() bool{}

var scriptCommands = map[string]func(*testscript.TestScript, bool, []string){
	"code":   runsWithCode,
	"daemon": onDaemon((*testDaemon).start),
	"signal": onDaemon((*testDaemon).signal),
	"logged": onDaemon((*testDaemon).logged),
	"ended":  onDaemon((*testDaemon).ended),
	"lock":   lock,
	"unlock": func(ts *testscript.TestScript, _ bool, _ []string) { ts.Value(lockerKey{}).(*locker).end() },
	"damage": damage,
}

func runsWithCode(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: code N command [args...]")
	}
	code := 0
	if err := ts.Exec(args[1], args[2:]...); err != nil {
		exit, ok := errors.AsType[*exec.ExitError](err)
		if !ok {
			ts.Fatalf("%v", err)
		}
		code = exit.ExitCode()
	}
	if strconv.Itoa(code) != args[0] {
		ts.Fatalf("exit code %d, want %s", code, args[0])
	}
}

type lockerKey struct{}

// A locker is a sqlite3 that is within a transaction.
type locker struct {
	cmd   *exec.Cmd
	stdin io.WriteCloser
}

func lock(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: lock file")
	}
	l := ts.Value(lockerKey{}).(*locker)
	l.cmd = exec.Command("sqlite3", ts.MkAbs(args[0]))
	stdout, err := l.cmd.StdoutPipe()
	ts.Check(err)
	l.stdin, err = l.cmd.StdinPipe()
	ts.Check(err)
	ts.Check(l.cmd.Start())
	_, err = io.WriteString(l.stdin, ".timeout 5000\nBEGIN EXCLUSIVE;\nSELECT 'locked';\n")
	ts.Check(err)
	line, err := bufio.NewReader(stdout).ReadString('\n')
	if line != "locked\n" {
		ts.Fatalf("sqlite3 did not lock the database: %q, %v", line, err)
	}
}

func (l *locker) end() {
	if l.cmd != nil {
		l.stdin.Close() // its transaction ends with it
		_ = l.cmd.Wait()
		l.cmd = nil
	}
}

func damage(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: damage file table")
	}
	out, err := exec.Command("sqlite3", ts.MkAbs(args[0]), "SELECT rootpage FROM sqlite_schema WHERE name = '"+args[1]+"'").Output()
	ts.Check(err)
	page, err := strconv.Atoi(strings.TrimSpace(string(out)))
	ts.Check(err)
	file, err := os.OpenFile(ts.MkAbs(args[0]), os.O_WRONLY, 0)
	ts.Check(err)
	_, err = file.WriteAt(bytes.Repeat([]byte{0xa5}, 4096), int64(page-1)*4096)
	ts.Check(errors.Join(err, file.Close()))
}

type daemonKey struct{}

// A testDaemon is the pawl run of a script. There is one at a time.
type testDaemon struct {
	cmd   *exec.Cmd
	lines chan string // of its log, closed at the end; sent by a goroutine that ends with it
	past  []string    // lines that were taken off the log and matched nothing yet
}

func onDaemon(do func(*testDaemon, *testscript.TestScript, []string)) func(*testscript.TestScript, bool, []string) {
	return func(ts *testscript.TestScript, neg bool, args []string) {
		if neg {
			ts.Fatalf("! is not for this command")
		}
		do(ts.Value(daemonKey{}).(*testDaemon), ts, args)
	}
}

func (d *testDaemon) start(ts *testscript.TestScript, args []string) {
	program, err := exec.LookPath("pawl")
	ts.Check(err)
	d.cmd = exec.Command(program, append([]string{"run"}, args...)...)
	d.cmd.Dir = ts.MkAbs(".")
	d.cmd.Env = append(os.Environ(), "TZ=UTC", "GORACE="+ts.Getenv("GORACE"), "NOTIFY_SOCKET="+ts.Getenv("NOTIFY_SOCKET"), "WATCHDOG_USEC="+ts.Getenv("WATCHDOG_USEC"))
	log, err := d.cmd.StderrPipe()
	ts.Check(err)
	ts.Check(d.cmd.Start())
	file, err := os.Create(ts.MkAbs("log"))
	ts.Check(err)
	d.lines, d.past = make(chan string, 1000), nil // more than any script makes it log
	go follow(log, file, d.lines)
	d.logged(ts, []string{`"msg":"running"`})
}

func follow(log io.Reader, file *os.File, lines chan<- string) {
	defer close(lines)
	defer file.Close()
	for s := bufio.NewScanner(io.TeeReader(log, file)); s.Scan(); {
		lines <- s.Text()
	}
}

// logged takes lines off the log until one matches, if none did before. Flows are
// at work before the daemon says that it is up.
func (d *testDaemon) logged(ts *testscript.TestScript, args []string) {
	pattern := regexp.MustCompile(args[0])
	if i := slices.IndexFunc(d.past, pattern.MatchString); i >= 0 {
		d.past = slices.Delete(d.past, i, i+1)
		return
	}
	limit := time.After(time.Minute)
	for {
		select {
		case line, ok := <-d.lines:
			if !ok {
				ts.Fatalf("the daemon ended without logging %s", pattern)
			}
			ts.Logf("[daemon] %s", line)
			if pattern.MatchString(line) {
				return
			}
			d.past = append(d.past, line)
		case <-limit:
			ts.Fatalf("the daemon did not log %s in a minute", pattern)
		}
	}
}

func (d *testDaemon) signal(ts *testscript.TestScript, args []string) {
	number := unix.SignalNum(args[0])
	if number == 0 {
		ts.Fatalf("no signal %s", args[0])
	}
	ts.Check(d.cmd.Process.Signal(number))
}

func (d *testDaemon) ended(ts *testscript.TestScript, args []string) {
	for line := range d.lines { // the pipe ends with the process
		ts.Logf("[daemon] %s", line)
	}
	_ = d.cmd.Wait()
	if got := fmt.Sprint(d.cmd.ProcessState.ExitCode()); got != strings.Join(args, " ") {
		ts.Fatalf("the daemon exited with %s, want %s", got, args)
	}
}

// kill ends a daemon that a script left running, and what it runs.
func (d *testDaemon) kill() {
	if d.cmd == nil || d.cmd.ProcessState != nil {
		return
	}
	_ = d.cmd.Process.Signal(unix.SIGTERM)
	_ = d.cmd.Process.Signal(unix.SIGCONT) // should it be stopped
	for line := range d.lines {
		if strings.Contains(line, `"msg":"stopping`) {
			_ = d.cmd.Process.Signal(unix.SIGTERM)
		}
	}
	_ = d.cmd.Wait()
}
