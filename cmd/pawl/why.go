package main

import (
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/pawl-go/pawl"
	"github.com/pawl-go/pawl/cmd/pawl/internal/moment"
	"github.com/pawl-go/pawl/cmd/pawl/internal/term"
)

func whyVerb(database *string) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "why FLOW TIME",
		Short: "Say why a flow ran, or did not run, at an instant",
		Long: `Say in one sentence why a flow ran, or did not run, at an instant of its schedule, or
what will become of one that is still to come. No daemon need run.

A time is as in 2026-11-22T09:00:00Z, or "2026-11-22 09:00" in the zone that --tz names;
without it in that of the flow, or of here if it has none. 09:00 is the last time that
it was nine o'clock there. Of one that clocks are put forward over (dst_gap) the instant
at which they are is meant, of one that they show twice (dst_fold) the first. How a time
was read stands below the answer.`,
		Args: cobra.ExactArgs(2),
		PreRunE: func(_ *cobra.Command, args []string) error {
			_, err := moment.ParseLast(args[1], time.Now().UTC()) // the zone is that of the flow
			return err
		},
	}
	out := formatFlag(cmd)
	cmd.RunE = does(func(cmd *cobra.Command, args []string) error {
		return withClient(cmd, *database, func(c *pawl.Client) error {
			flow, err := known(cmd.Context(), c, args[0])
			if err != nil {
				return err
			}
			zone, whose := zoneOf(flow)
			if name := cmd.Flag("tz").Value.String(); name != "" {
				zone, whose = time.Local, "as --tz says"
			}
			at, err := moment.ParseMeant(args[1], time.Now().In(zone))
			if err != nil {
				return err
			}
			reason, err := c.Why(cmd.Context(), flow.ID, at.Time)
			if err != nil {
				return err
			}
			a := answerOf(reason, at, whose)
			return term.Show(*out, []answer{a}, a.table, a.print)
		})
	})
	return cmd
}

// zoneOf is the time zone of a flow's schedule, and whose that is.
func zoneOf(f pawl.FlowInfo) (zone *time.Location, whose string) {
	zone, err := time.LoadLocation(f.TimeZone)
	if err != nil || f.TimeZone == "" {
		return time.Local, "as the flow has no zone"
	}
	return zone, "the zone of the flow"
}

// An answer is why, and how the time was read that was asked for.
type answer struct {
	pawl.Reason
	Read  string           `json:"read,omitempty"`  // in words; empty: the time named its zone
	Zone  string           `json:"zone,omitempty"`  // in which it was read
	Clock pawl.VerdictKind `json:"clock,omitempty"` // dst_gap or dst_fold, if clocks leave it out there or show it twice
}

func answerOf(reason pawl.Reason, at moment.Moment, whose string) answer {
	if at.Zone == nil {
		return answer{Reason: reason}
	}
	a := answer{Reason: reason, Zone: at.Zone.String(), Clock: at.Clock}
	a.Read = fmt.Sprintf("The time was read as %s in %s, %s", at.In(at.Zone).Format("2006-01-02 15:04:05"), moment.ZoneWords(at.Zone), whose)
	if at.Note != "" {
		a.Read += fmt.Sprintf(" (%s: %s)", at.Clock, at.Note)
	}
	a.Read += "."
	return a
}

func (a answer) print() {
	fmt.Fprintln(term.Stdout, term.Printable(a.Text))
	if a.Read != "" {
		fmt.Fprintln(term.Stdout, term.Printable(a.Read))
	}
}

func (a answer) table() term.Table {
	read := a.Read
	if read == "" {
		read = "The time names its zone."
	}
	return term.Table{Columns: []term.Column{{Title: "WHY"}, {Title: "READ AS"}}, Rows: [][]string{{term.Printable(a.Text), term.Printable(read)}}}
}
