package main

import (
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/pawl-go/pawl"
)

func whyVerb(database *string) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "why FLOW TIME",
		Short: "Say why a flow ran, or did not run, at an instant",
		Long: `Say in one sentence why a flow ran, or did not run, at an instant of its schedule, or
what will become of one that is still to come. No daemon need run.

A time is as in 2026-11-22T09:00:00Z, or "2026-11-22 09:00" in the time zone of the
flow, or of here if it has none; 09:00 is the last time that it was nine o'clock there.
One that clocks are put forward over is meant as the instant at which they are.`,
		Args: cobra.ExactArgs(2),
		PreRunE: func(_ *cobra.Command, args []string) error {
			_, err := parseMoment(args[1], time.Now().UTC()) // the zone is that of the flow
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
			at, err := meantMoment(args[1], time.Now().In(zoneOf(flow)))
			if err != nil {
				return err
			}
			reason, err := c.Why(cmd.Context(), flow.ID, at)
			if err != nil {
				return err
			}
			t := func() table {
				return table{columns: []column{{title: "WHY"}}, rows: [][]string{{printable(reason.String())}}}
			}
			return show(*out, []pawl.Reason{reason}, t, func() { fmt.Fprintln(stdout, printable(reason.String())) })
		})
	})
	return cmd
}

// zoneOf is the time zone of a flow's schedule.
func zoneOf(f pawl.FlowInfo) *time.Location {
	zone, err := time.LoadLocation(f.TimeZone)
	if err != nil || f.TimeZone == "" {
		return time.Local
	}
	return zone
}

// meantMoment reads a time as parseMoment does. One that clocks are put forward over is
// the instant at which they are, where a schedule has what stands for it.
func meantMoment(text string, now time.Time) (time.Time, error) {
	at, err := parseMoment(text, now)
	if wall, ok := errors.AsType[wallError](err); ok && !wall.after.IsZero() {
		return wall.after, nil
	}
	return at, err
}

// parseMoment reads a time as parseTime does in the zone of now, or a time of day: the
// last one up to now.
func parseMoment(text string, now time.Time) (time.Time, error) {
	for _, layout := range []string{"15:04", "15:04:05"} {
		clock, err := time.Parse(layout, text)
		if err != nil {
			continue
		}
		at := time.Date(now.Year(), now.Month(), now.Day(), clock.Hour(), clock.Minute(), clock.Second(), 0, now.Location())
		if at.After(now) {
			at = at.AddDate(0, 0, -1)
		}
		return at, nil
	}
	return parseTime(text, now.Location())
}
