package main

import (
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
	"golang.org/x/sys/unix"
)

func init() { scriptCommands["screen"] = screen }

// screen is the command
//
//	screen WIDTH PATTERN CODE command...
//
// which runs a command with a terminal of so many columns as its output, waits until
// that shows the pattern, presses Ctrl-C, and wants it to exit with CODE. What was
// shown, raw, is in the file screen.
func screen(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 4 {
		ts.Fatalf("usage: screen width pattern code command...")
	}
	width, err := strconv.ParseUint(args[0], 10, 16)
	ts.Check(err)
	control, tty, err := openTerminal(uint16(width))
	ts.Check(err)
	defer control.Close()
	cmd := exec.Command(args[3], args[4:]...)
	cmd.Dir, cmd.Stdout = ts.MkAbs("."), tty
	cmd.Env = append(os.Environ(), "TZ=UTC", "TERM=xterm", "NO_COLOR=")
	ts.Check(cmd.Start())
	ts.Check(tty.Close())
	limit := time.AfterFunc(time.Minute, func() { _ = cmd.Process.Kill() })
	defer limit.Stop()
	shown := shownUntil(control, regexp.MustCompile(args[1]), func() { _ = cmd.Process.Signal(syscall.SIGINT) })
	_ = cmd.Wait()
	ts.Check(os.WriteFile(ts.MkAbs("screen"), []byte(shown), 0o600))
	if got := fmt.Sprint(cmd.ProcessState.ExitCode()); got != args[2] {
		ts.Fatalf("exit code %s, want %s, after showing %q", got, args[2], shown[:min(len(shown), 4000)])
	}
}

// shownUntil reads all that a terminal shows, and does something when that matches.
func shownUntil(control *os.File, pattern *regexp.Regexp, do func()) string {
	var shown strings.Builder
	buffer := make([]byte, 4096)
	for done := false; ; {
		n, err := control.Read(buffer)
		shown.Write(buffer[:n])
		if !done && pattern.MatchString(shown.String()) {
			done = true
			do()
		}
		if err != nil { // EIO: the last who had it open is gone
			return shown.String()
		}
	}
}

// openTerminal makes a pair of terminals, of which what is written to tty is shown by
// control.
func openTerminal(width uint16) (control, tty *os.File, err error) {
	if control, err = os.OpenFile("/dev/ptmx", os.O_RDWR, 0); err != nil {
		return nil, nil, err
	}
	if err = unix.IoctlSetPointerInt(int(control.Fd()), unix.TIOCSPTLCK, 0); err != nil {
		return nil, nil, err
	}
	number, err := unix.IoctlGetInt(int(control.Fd()), unix.TIOCGPTN)
	if err != nil {
		return nil, nil, err
	}
	if tty, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", number), os.O_RDWR|syscall.O_NOCTTY, 0); err != nil {
		return nil, nil, err
	}
	return control, tty, unix.IoctlSetWinsize(int(tty.Fd()), unix.TIOCSWINSZ, &unix.Winsize{Col: width, Row: 24})
}
