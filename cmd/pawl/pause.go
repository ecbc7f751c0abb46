package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/pawl-go/pawl"
	"github.com/pawl-go/pawl/cmd/pawl/internal/moment"
	"github.com/pawl-go/pawl/cmd/pawl/internal/term"
	"github.com/pawl-go/pawl/internal/lengths"
)

func pauseVerb(database *string) *cobra.Command {
	var last duration
	var until ahead
	var end time.Time // zero: none
	cmd := &cobra.Command{
		Use:   "pause FLOW",
		Short: "Suspend a flow's schedule until it is resumed, or for a while",
		Long: `Hold a flow's schedule back until pawl resume, over restarts too. Runs in flight go
on, and what is triggered runs. With --for or --until it goes on by itself then, unless
it is resumed before; no daemon need run at that instant. Reason and end given anew
replace the old ones.

` + timeHelp + `
With --until, 14:00 is the next time that it is two o'clock in the afternoon.`,
		Args: cobra.ExactArgs(1),
		PreRunE: func(cmd *cobra.Command, _ []string) error {
			now, long := time.Now(), cmd.Flags().Changed("for")
			switch end = until.Time; {
			case long && !end.IsZero():
				return errors.New("--for and --until both say when the pause ends: give one of them")
			case long && last <= 0:
				return errors.New("--for 0s: leave it out for a pause until pawl resume")
			case long:
				end = now.Add(time.Duration(last))
			case !end.IsZero() && !end.After(now):
				return fmt.Errorf("--until %s: that has passed; give a time that is to come, or --for and a length of time", until.text)
			}
			return nil
		},
	}
	reason := reasonFlag(cmd)
	cmd.Flags().Var(&last, "for", "how long, as in 2h or 1d12h")
	cmd.Flags().Var(&until, "until", "when it is to go on by itself")
	return operates(cmd, database, func(ctx context.Context, c *pawl.Client, flow pawl.FlowInfo) (string, error) {
		how := pawl.PauseUntil(end)
		if last > 0 {
			how = pawl.PauseFor(time.Duration(last))
		}
		return pauseWords(flow, end, time.Now()), c.Pause(ctx, flow.ID, *reason, how)
	})
}

// pauseWords is what a pause until end has done to a flow.
func pauseWords(flow pawl.FlowInfo, end, now time.Time) string {
	already := ""
	if !flow.PausedAt.IsZero() {
		already = "was paused already, since " + term.Clock(flow.PausedAt, now)
	}
	resume := "pawl resume " + term.Quote(term.Printable(flow.ID))
	switch {
	case !end.IsZero():
		return joined("paused "+untilWords(end, now)+", or "+resume, already)
	case !flow.PausedUntil.IsZero():
		return joined("paused, until "+resume, already)
	case already != "":
		return already
	}
	return "paused, until " + resume
}

// untilWords is the end of a pause: "until 14:00:00 (in 2h)".
func untilWords(end, now time.Time) string {
	if wait := end.Sub(now).Round(time.Second); wait > 0 {
		return "until " + term.Clock(end, now) + " (in " + lengths.Coarse(wait) + ")"
	}
	return "until " + term.Clock(end, now) + " (" + term.Ago(now.Sub(end)) + ")"
}

// ahead is the value of a flag that takes an instant that is still to come.
type ahead struct{ instant }

// resolve reads the text, in the local zone. A time of day is the next one.
func (a *ahead) resolve() (err error) {
	a.Time, err = moment.ParseNext(a.text, time.Now())
	return err
}
