package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/pawl-go/pawl"
	"github.com/pawl-go/pawl/cmd/pawl/internal/term"
	"github.com/pawl-go/pawl/internal/lengths"
)

const (
	stopGrace = defaultGrace    // the most a command gets when the daemon stops
	endGrace  = 7 * time.Second // and after its deadline or a cancel, when a job has 10 s
)

// A command is a flow as a pawl.Job. It runs in a process group of its own,
// with nothing on its standard input, and when it is over, in whatever way, so
// is its group: SIGTERM, the grace, SIGKILL. What it printed is kept, within a
// bound, for the error of a run that fails.
type command struct {
	*flow
	orphanage *orphanage
	crew      *crew
	log       *slog.Logger
}

// Run runs the command once. The error is an *exitError, unless the command
// could not be started.
func (c *command) Run(ctx context.Context) error {
	run, _ := pawl.RunFrom(ctx)
	err := c.orphanage.gone(ctx, c.id, c.crew.dismissed)
	if err == nil {
		err = c.join(ctx, run)
	}
	if errors.Is(err, errDismissed) {
		// The program is about to exit, and what became of the command is not
		// its doing: the next start settles the run, and blames nobody.
		c.crew.ended.Add(1)
		<-ctx.Done()
	}
	c.report(run, err)
	return err
}

// longWait is how long after the instant of its schedule a run starts that is worth a word.
const longWait = time.Second

// report logs how a run ended: one that did well, at info where somebody looks on, else at
// debug.
func (c *command) report(run pawl.RunInfo, err error) {
	attrs := []any{"flow", c.id, "run", run.Number}
	if run.Attempt > 1 {
		attrs = append(attrs, "attempt", run.Attempt)
	}
	if wait := run.StartedAt.Sub(run.ScheduledAt); run.Trigger == "schedule" && wait >= longWait {
		attrs = append(attrs, "waited", lengths.Span(wait))
	}
	if err != nil {
		c.log.Warn("run failed", append(attrs, "error", term.FirstLine(err.Error()))...)
		return
	}
	level := slog.LevelDebug
	if _, attended := term.Terminal(os.Stderr); attended {
		level = slog.LevelInfo
	}
	c.log.Log(context.Background(), level, "run completed", append(attrs, "took", lengths.Span(time.Since(run.StartedAt)))...)
}

// join executes the command as one of the crew.
func (c *command) join(ctx context.Context, run pawl.RunInfo) error {
	if !c.crew.join() {
		return errDismissed
	}
	defer c.crew.working.Done()
	return c.execute(ctx, run)
}

func (c *command) execute(ctx context.Context, run pawl.RunInfo) (err error) {
	var in input
	err = patiently(ctx, c.crew.dismissed, c.lacks(run), func() (err error) {
		in, err = takeInput(ctx, c.orphanage.id)
		return err
	})
	if err != nil {
		return err
	}
	defer in.remove()
	live := openSpool(c.orphanage.database, run.FlowID, run.Number)
	defer func() { live.close(err == nil || !c.triesAgain(run)) }()
	var p *process
	err = patiently(ctx, c.crew.dismissed, c.lacks(run), func() (err error) {
		p, err = start(c.prepare(run, in), live)
		return err
	})
	if errors.Is(err, errDismissed) || context.Cause(ctx) != nil && errors.Is(err, context.Cause(ctx)) {
		return err
	}
	if err != nil {
		if _, missing := os.Stat(c.dir); missing != nil {
			err = missing // which the system reports as if the program were missing
		}
		return fmt.Errorf("start: %w", err)
	}
	cause := p.await(ctx, c.crew.dismissed)
	p.end(c.graceAfter(cause), c.crew.dismissed)
	keepOutput(ctx, p.output.String())
	switch {
	case errors.Is(cause, pawl.ErrTimedOut):
		cause = errTimeout{c.timeout, cause}
	case errors.Is(cause, pawl.ErrAttemptTimedOut):
		cause = errTimeout{c.attempts, cause}
	}
	return p.result(cause)
}

// lacks logs, at the first time, that the start of a run has to wait.
func (c *command) lacks(run pawl.RunInfo) func(error, time.Duration) {
	said := false
	return func(lack error, pause time.Duration) {
		if !said {
			c.log.Warn("a start waits for descriptors, memory or processes of the daemon; it is tried again", "flow", c.id, "run", run.Number, "after", pause.String(), "error", lack)
		}
		said = true
	}
}

// triesAgain says whether another attempt may follow that of a run which fails.
func (c *command) triesAgain(run pawl.RunInfo) bool {
	return c.retry != nil && run.Attempt <= c.retry.max
}

// keepOutput stores what a command printed with its run.
func keepOutput(ctx context.Context, text string) {
	if _, ok := pawl.RunFrom(ctx); ok && text != "" {
		_ = pawl.SetOutput(ctx, text) // it is text, and much smaller than what is refused
	}
}

// prepare makes the exec.Cmd of a run. Nothing is put into the shell line: what
// a command should know of its run is in its environment.
func (c *command) prepare(run pawl.RunInfo, in input) *exec.Cmd {
	argv := c.argv
	if c.shell != "" {
		argv = []string{"sh", "-c", c.shell}
	}
	env := append(in.environ(), c.env...)
	cmd := exec.Command(lookup(argv[0], env), argv[1:]...)
	cmd.Args[0] = argv[0]
	cmd.Dir = c.dir
	cmd.Env = append(append(env, in.variables()...),
		"PAWL_FLOW="+run.FlowID,
		"PAWL_RUN_NUMBER="+strconv.FormatInt(run.Number, 10),
		"PAWL_ATTEMPT="+strconv.Itoa(run.Attempt),
		"PAWL_SCHEDULED_AT="+run.ScheduledAt.UTC().Format("2006-01-02T15:04:05.000Z"),
		c.orphanage.mark(run),
	)
	return cmd
}

// lookup finds a bare program name in the PATH that the command will have,
// which its flow may set.
func lookup(name string, env []string) string {
	if filepath.Base(name) != name {
		return name
	}
	var path string
	for _, e := range env {
		if value, ok := strings.CutPrefix(e, "PATH="); ok {
			path = value
		}
	}
	for _, dir := range filepath.SplitList(path) {
		if found, err := exec.LookPath(filepath.Join(dir, name)); err == nil && filepath.IsAbs(found) {
			return found
		}
	}
	return name
}

// graceAfter is the time between SIGTERM and SIGKILL. A runner that ends a run, and
// all the more one that stops, does not wait for long; it would go on without us.
func (c *command) graceAfter(cause error) time.Duration {
	switch {
	case cause == nil:
		return c.grace
	case errors.Is(cause, pawl.ErrTimedOut), errors.Is(cause, pawl.ErrAttemptTimedOut), errors.Is(cause, pawl.ErrCancelled):
		return min(c.grace, endGrace)
	}
	return min(c.grace, stopGrace)
}

// errDismissed is why a command was ended by a second signal.
var errDismissed = errors.New("the daemon was asked to stop at once")

// errTimeout is why a command was ended that took too long.
type errTimeout struct {
	after time.Duration
	cause error
}

func (e errTimeout) Error() string { return "timed out after " + e.after.String() }

// Unwrap makes it the cause that the command's context ended with.
func (e errTimeout) Unwrap() error { return e.cause }

// An exitError is how a command ended other than well.
type exitError struct {
	code   int    // exit status, -1 if a signal ended it
	signal string // SIGSEGV, or empty
	cause  error  // why it was ended before it was over, or nil
	output string // what it printed, beginning and end
}

// Error is a line with the exit status, or the signal, and the last line of the
// output, which is where programs say what is wrong; then the output, if that
// was more.
func (e *exitError) Error() string {
	text := e.how()
	if e.cause != nil {
		text = fmt.Sprintf("%v (%s)", e.cause, text)
	}
	last := e.output[strings.LastIndexByte(e.output, '\n')+1:]
	if last = clip(last, 200); last != "" {
		text += ": " + last
	}
	if last != e.output {
		text += "\n" + e.output
	}
	return text
}

func (e *exitError) how() string {
	if e.signal != "" {
		return "killed by " + e.signal
	}
	return "exit status " + strconv.Itoa(e.code)
}

// Unwrap is the cause, if the command did not end by itself.
func (e *exitError) Unwrap() error { return e.cause }

// ExitCode is the exit status, or 128 and the number of the signal that ended the command, as
// shells count it.
func (e *exitError) ExitCode() int {
	if e.signal != "" {
		return 128 + signalNumber(e.signal)
	}
	return e.code
}

// exitCode is what the program exits with for a run that is over: as its command did, or 1 if
// something else ended the run.
func exitCode(run pawl.RunInfo) int {
	if run.Status != pawl.RunFailed || run.ExitCode == 0 {
		return 1
	}
	return run.ExitCode
}
