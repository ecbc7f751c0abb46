package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/pawl-go/pawl"
	"github.com/pawl-go/pawl/cmd/pawl/internal/term"
	"github.com/pawl-go/pawl/internal/lengths"
)

// errWaitTimeout is a wait that took longer than --timeout.
var errWaitTimeout = errors.New("the wait timed out")

func triggerVerb(database *string) *cobra.Command {
	var w wish
	cmd := &cobra.Command{
		Use:   "trigger FLOW",
		Short: "Run a flow now, whatever its schedule or backoff says",
		Long: `Run a flow now, whatever its schedule or backoff says.

Its command finds the input in PAWL_INPUT_FILE (see pawl help config). A start that
cannot be at once waits, or is refused, as overlap in the config or here says. With
the key of a run that is not over, or was accepted within key_window, nothing starts:
the answer is that run.

With --wait the output of the command is shown as it comes, and the exit code is the
command's own, 128 and the signal's number if one killed it, 1 if the run failed
otherwise, and 124 if the timeout passed before: the run goes on then.

` + timeHelp,
		Args: cobra.ExactArgs(1),
	}
	w.flags(cmd)
	return starts(cmd, database, func(ctx context.Context, c *pawl.Client, id string) (int64, error) {
		return c.Trigger(ctx, id, w.options...)
	})
}

func probeVerb(database *string) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "probe FLOW",
		Short: "Run a tripped flow once, to see whether it works again",
		Long: `Run a flow that tripped once: if that succeeds it is tripped no more, and if it fails
it stays so. Of a flow that is not tripped it is a trigger. --wait and exit codes are
as of pawl trigger.`,
		Args: cobra.ExactArgs(1),
	}
	return starts(cmd, database, func(ctx context.Context, c *pawl.Client, id string) (int64, error) {
		return c.Probe(ctx, id)
	})
}

// A wish is what a trigger asks of the run.
type wish struct {
	input, file, key, overlap string
	startAt                   instant
	options                   []pawl.TriggerOption
}

func (w *wish) flags(cmd *cobra.Command) {
	cmd.Flags().StringVar(&w.input, "input", "", "the run's input, as `JSON`")
	cmd.Flags().StringVar(&w.file, "input-file", "", "a `file` with it; - for standard input")
	cmd.Flags().Var(&w.startAt, "start-at", "not before")
	cmd.Flags().StringVar(&w.key, "key", "", "what makes this trigger the same as an earlier one")
	cmd.Flags().StringVar(&w.overlap, "overlap", "", "a `policy` in place of the flow's: skip, buffer 10, cancel, or allow 5, buffer 100")
	cmd.MarkFlagsMutuallyExclusive("input", "input-file")
	cmd.PreRunE = func(cmd *cobra.Command, _ []string) error { return w.take(cmd) }
}

// take makes options of the flags.
func (w *wish) take(cmd *cobra.Command) error {
	data := []byte(w.input)
	if w.file != "" {
		var err error
		if data, err = readInput(w.file); err != nil {
			return failure{err}
		}
	}
	if w.file != "" || cmd.Flags().Changed("input") {
		if !json.Valid(data) {
			return errors.New(`the input is no JSON: a text is written as '"text"'`)
		}
		w.options = append(w.options, pawl.WithInput(json.RawMessage(data)))
	}
	if !w.startAt.IsZero() {
		w.options = append(w.options, pawl.WithStartAt(w.startAt.Time))
	}
	if cmd.Flags().Changed("key") {
		w.options = append(w.options, pawl.WithKey(w.key))
	}
	if cmd.Flags().Changed("overlap") {
		o, err := pawl.ParseOverlap(w.overlap)
		if err != nil {
			return err
		}
		w.options = append(w.options, pawl.WithOverlapOnce(o))
	}
	return nil
}

// readInput reads a file of bounded size; one that is too large is refused later.
func readInput(path string) ([]byte, error) {
	file := os.Stdin
	if path != "-" {
		var err error
		if file, err = os.Open(path); err != nil {
			return nil, err
		}
		defer file.Close()
	}
	data, err := io.ReadAll(io.LimitReader(file, maxInput+1))
	if err == nil && len(data) > maxInput {
		err = fmt.Errorf("%w: the input in %s has more than 1 MiB; store it elsewhere and pass a reference", pawl.ErrTooLarge, path)
	}
	return data, err
}

const maxInput = 1 << 20 // bytes

// A starter asks for a run and returns its number.
type starter func(ctx context.Context, c *pawl.Client, id string) (int64, error)

// starts makes a verb of one that starts a run.
func starts(cmd *cobra.Command, database *string, ask starter) *cobra.Command {
	var wait, queue bool
	before := cmd.PreRunE
	cmd.PreRunE = func(cmd *cobra.Command, args []string) error {
		switch {
		case before != nil:
			return before(cmd, args)
		}
		return nil
	}
	out := formatFlag(cmd)
	cmd.ValidArgsFunction = completeFlows(database, 1)
	cmd.Flags().BoolVar(&wait, "wait", false, "show what the command prints until the run is over, and exit with its code")
	timeout := timeoutFlag(cmd)
	cmd.Flag("timeout").Usage += "; with --wait also for the end of the run (default for ever)"
	queueFlag(cmd, &queue)
	cmd.MarkFlagsMutuallyExclusive("wait", "queue")
	cmd.RunE = does(func(cmd *cobra.Command, args []string) error {
		return withClient(cmd, *database, func(c *pawl.Client) error {
			if _, err := known(cmd.Context(), c, args[0]); err != nil {
				return err
			}
			if queue {
				c = c.Queueing()
			}
			asking := time.Now()
			number, err := asked(cmd.Context(), c, time.Duration(*timeout), func(ctx context.Context) (int64, error) { return ask(ctx, c, args[0]) })
			if err != nil {
				return unowned(cmd.Context(), c, cmd.Name(), args[0], err)
			}
			if !wait {
				return started(cmd.Context(), c, args[0], number, *out)
			}
			limit := time.Duration(0)
			if cmd.Flag("timeout").Changed && *timeout > 0 {
				limit = max(time.Duration(*timeout)-time.Since(asking), 1)
			}
			run, err := waitRun(cmd.Context(), c, args[0], number, limit, time.Duration(*timeout), &follower{c: c, database: *database, silent: *out != "table"})
			if err != nil {
				return err
			}
			return over(run, *out)
		})
	})
	return cmd
}

// runOf is a run of a flow, by its number.
func runOf(ctx context.Context, c *pawl.Client, id string, number int64) (pawl.RunInfo, error) {
	run, ok, err := c.View().Run(ctx, id, number) // with all of its output
	if err != nil {
		return pawl.RunInfo{}, err
	}
	if ok {
		return run, nil
	}
	flow, _, err := c.Status(ctx, id)
	switch {
	case err != nil:
	case number > flow.LastNumber && flow.LastNumber == 0:
		err = fmt.Errorf("%w: flow %q has not run yet; pawl trigger %s runs it", pawl.ErrRunNotFound, id, term.Quote(id))
	case number > flow.LastNumber:
		err = fmt.Errorf("%w: flow %q has no run %d yet, the newest is %d", pawl.ErrRunNotFound, id, number, flow.LastNumber)
	default:
		err = fmt.Errorf("%w: run %d of flow %q is not kept any more; pawl history %s shows those that are", pawl.ErrRunNotFound, number, id, term.Quote(id))
	}
	return pawl.RunInfo{}, err
}

// started reports a run that was accepted.
func started(ctx context.Context, c *pawl.Client, id string, number int64, out term.Format) error {
	run, err := runOf(ctx, c, id, number)
	if err != nil {
		return err
	}
	if out != "table" {
		return showRun(out, run)
	}
	became := "started"
	if now := time.Now(); run.Status == pawl.RunWaiting && run.DueAt.After(now) {
		became = "waits until " + term.Clock(run.DueAt, now)
	} else if run.Status == pawl.RunWaiting {
		became = "waits for its turn"
	}
	fmt.Fprintf(term.Stdout, "%s: run %d %s\n", term.Printable(id), number, became)
	return nil
}

func showRun(out term.Format, run pawl.RunInfo) error {
	list := []pawl.RunInfo{run}
	return term.Show(out, list, func() term.Table { return historyTable(list, time.Now()) }, nil)
}

// waitRun shows the output of a run until it is over, but not for longer than what is
// left of a timeout, if there is one.
func waitRun(ctx context.Context, c *pawl.Client, id string, number int64, left, timeout time.Duration, f *follower) (pawl.RunInfo, error) {
	if left > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeoutCause(ctx, left, errWaitTimeout)
		defer cancel()
	}
	run, err := f.follow(ctx, id, number)
	if err == nil || ctx.Err() == nil {
		return run, err
	}
	err = context.Cause(ctx)
	if errors.Is(err, errWaitTimeout) {
		err = fmt.Errorf("%w after %s", err, lengths.Exact(timeout))
		if why := hindrance(c); why != answering {
			err = fmt.Errorf("%w: %s", err, why)
		}
	}
	return run, fmt.Errorf("%w: run %d of %s goes on", err, number, id)
}

// over reports a run that is over. The error carries the command's exit code.
func over(run pawl.RunInfo, out term.Format) error {
	summary := fmt.Sprintf("%s: run %d %s", run.FlowID, run.Number, run.Status)
	if !run.FinishedAt.IsZero() && !run.StartedAt.IsZero() {
		summary += " in " + lengths.Span(run.FinishedAt.Sub(run.StartedAt))
	}
	switch {
	case out != "table":
		if err := showRun(out, run); err != nil {
			return err
		}
	case run.Status == pawl.RunCompleted:
		fmt.Fprintln(os.Stderr, term.Printable(summary))
	default:
		fmt.Fprintln(os.Stderr, term.Printable(summary)+"\n"+term.FirstLine(run.Error))
	}
	if run.Status == pawl.RunCompleted {
		return nil
	}
	return silent(exitCode(run))
}
