package main

import (
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/pawl-go/pawl"
	"github.com/pawl-go/pawl/cmd/pawl/internal/term"
	"github.com/pawl-go/pawl/internal/cronexpr"
	"github.com/pawl-go/pawl/internal/lengths"
)

func explainVerb() *cobra.Command {
	var limit int
	var flow string
	var told explanation
	cmd := &cobra.Command{
		Use:   "explain CRON",
		Short: "Explain a cron expression in words, with its next occurrences",
		Long: `Explain a cron expression in words, with its next occurrences and what the next
clock changes do to it. Its time is UTC unless it begins with CRON_TZ=Area/City.
Occurrences are shown in its zone, or in the zone of --tz. H is a number drawn from the
id of a flow, which --flow gives.

  pawl explain '30 2 * * MON-FRI'
  pawl explain '0 18 LW * *'                       the last day from Monday to Friday
  pawl explain --flow nightly 'H 2 * * FRI#2'
  pawl explain 'CRON_TZ=Europe/Berlin 30 2 * * *'`,
		Args: cobra.MinimumNArgs(1),
		PreRunE: func(cmd *cobra.Command, args []string) (err error) {
			if err = instantsAsked(limit); err != nil {
				return err
			}
			if told, err = explainCron(strings.Join(args, " "), flow, time.Now(), limit); err != nil {
				return err
			}
			if !cmd.Flag("tz").Changed {
				time.Local, err = time.LoadLocation(told.Zone)
			}
			return err
		},
	}
	out := formatFlag(cmd)
	cmd.Flags().IntVarP(&limit, "number", "n", 5, "how many instants")
	cmd.Flags().StringVar(&flow, "flow", "", "the `id` of the flow, from which H is drawn")
	cmd.RunE = does(func(*cobra.Command, []string) error {
		t := func() term.Table { return told.table(time.Now()) }
		return term.Show(*out, []explanation{told}, t, func() {
			fmt.Fprintln(term.Stdout, term.Printable(told.Text))
			for _, text := range told.Warnings {
				fmt.Fprintln(term.Stdout, term.Printable("Note: "+text+"."))
			}
			fmt.Fprintln(term.Stdout)
			t().Print(term.Stdout, term.Width())
			for i, d := range told.DSTTimes {
				if i == 0 {
					fmt.Fprintln(term.Stdout)
				}
				fmt.Fprintln(term.Stdout, term.Printable(d.String()))
			}
		})
	})
	return cmd
}

// An explanation is an expression in words.
type explanation struct {
	Cron     string      `json:"cron"`
	Text     string      `json:"text"`
	Zone     string      `json:"time_zone"`
	Next     []time.Time `json:"next"`
	DSTTimes []dstTime   `json:"oddities,omitempty"` // of the next year
	Warnings []string    `json:"warnings,omitempty"` // what may be meant in another way
}

func explainCron(expr, flow string, now time.Time, n int) (e explanation, err error) {
	expr = strings.TrimSpace(expr)
	id := pawl.CronForFlow(flow)
	if e.Next, err = pawl.CronInstants(expr, now, n, id); err != nil {
		return e, err
	}
	if e.Text, err = cronWords(expr, flow); err != nil {
		return e, err
	}
	if e.Warnings, err = pawl.CronWarnings(expr, id); err != nil {
		return e, err
	}
	e.Cron, e.Zone = expr, "UTC"
	if zone, _, named := cronexpr.CutZone(expr); named {
		e.Zone = zone
	}
	all, err := pawl.CronOddities(expr, now, now.AddDate(1, 0, 0), id)
	for _, d := range all[:min(len(all), 4)] {
		e.DSTTimes = append(e.DSTTimes, dstTime{d.At, d.Gap, d.Runs, d.Text})
	}
	return e, err
}

// dstTime is a time in a DST gap or fold, as JSON.
type dstTime struct {
	At   time.Time `json:"at"`
	Gap  bool      `json:"gap"`
	Runs bool      `json:"runs"`
	Text string    `json:"text"`
}

// String says when the time runs.
func (d dstTime) String() string {
	switch at := d.At.Local().Format("15:04:05 MST"); {
	case d.Gap && d.Runs:
		return d.Text + ": it runs at " + at
	case d.Gap:
		return d.Text + ": it does not run"
	case d.Runs:
		return d.Text + ": it runs at both, then at " + at
	default:
		return d.Text + ", at " + at + ": it runs at the other one"
	}
}

func (e explanation) table(now time.Time) term.Table {
	t := term.Table{Columns: []term.Column{{Title: "WHEN (" + term.ZoneName(now) + ")"}, {Title: "DAY"}, {Title: "IN"}}}
	for _, at := range e.Next {
		t.Rows = append(t.Rows, []string{term.FormatTime(at, now, "2006-01-02 15:04:05"), at.Local().Format("Mon"), lengths.Coarse(at.Sub(now).Round(time.Second))})
	}
	return t
}
