package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"github.com/pawl-go/pawl"
	"github.com/pawl-go/pawl/cmd/pawl/internal/term"
)

func statusVerb(database *string) *cobra.Command {
	var check, watched bool
	cmd := &cobra.Command{
		Use:   "status [FLOW...]",
		Short: "Show the state of every flow, and what it waits for",
		Long: `Show the state of every flow, and what it waits for. No daemon need run.

STREAK counts failures in a row, of those that trip the flow; it is off without a
backoff policy, for which they are counted. RUNS are the last ones,
the newest at the right: · completed, ✗ failed, ⊗ timed out, ↯ interrupted, ◌ cancelled,
⊘ skipped, ◷ waiting, ◔ parked, ⊡ blocked, ▶ running. Of flows that are
named it tells everything: what runs and what waits, the policies, what is held back,
the last runs and the next.

With --check it exits with 3 when a flow is failing or tripped, or more than a minute
late, or has had a blocked run for an hour, or when the database takes no writes: for
monitoring.`,
		ValidArgsFunction: completeFlows(database, 0),
		PreRunE: func(cmd *cobra.Command, _ []string) error {
			switch _, ok := term.Terminal(os.Stdout); {
			case !watched:
				return nil
			case check:
				return errors.New("--watch shows, --check tells by its exit code: choose one")
			case cmd.Flag("output").Value.String() != "table":
				return errors.New("--watch shows a table; -o is for one look")
			case !ok:
				return errors.New("--watch needs a terminal")
			}
			return nil
		},
	}
	out := formatFlag(cmd)
	cmd.Flags().BoolVar(&check, "check", false, "exit with 3 if anything is failing, tripped or late")
	cmd.Flags().BoolVarP(&watched, "watch", "w", false, "look again every second, until Ctrl-C")
	cmd.RunE = does(func(cmd *cobra.Command, ids []string) error {
		return withClient(cmd, *database, func(c *pawl.Client) error {
			if watched {
				err := term.Watch(cmd.Context(), os.Stdout, func(w io.Writer, width int) error {
					s, err := look(cmd.Context(), c, ids, *database)
					if err != nil {
						return err
					}
					return s.all(cmd.Context(), c, w, width, len(ids) > 0)
				})
				if cmd.Context().Err() != nil {
					return signalled(cmd.Context())
				}
				return err
			}
			s, err := look(cmd.Context(), c, ids, *database)
			if err != nil {
				return err
			}
			var failed error
			err = term.Show(*out, s.flows, func() term.Table { return s.table(0) }, func() {
				failed = s.all(cmd.Context(), c, term.Stdout, term.Width(), len(ids) > 0)
			})
			if err = errors.Join(err, failed); err == nil && check {
				err = s.check(*out == "table")
			}
			return err
		})
	})
	return cmd
}

// look reads what a report is made of.
func look(ctx context.Context, c *pawl.Client, ids []string, database string) (s statusReport, err error) {
	s = statusReport{now: time.Now(), database: database}
	var reading sync.WaitGroup
	var unread error
	reading.Go(func() { unread = s.strip(ctx, c, ids) }) // with many flows it takes as long as they do
	s.flows, err = list(ctx, c, ids)
	reading.Wait()
	if err == nil {
		err = unread
	}
	if err == nil {
		err = s.surround(ctx, c)
	}
	return s, err
}

// all writes the report, with details if flows were named.
func (s statusReport) all(ctx context.Context, c *pawl.Client, w io.Writer, width int, named bool) error {
	s.print(w, width)
	if named {
		return s.details(ctx, c, w, width)
	}
	return nil
}

// A statusReport is the flows as they are at an instant.
type statusReport struct {
	flows        []pawl.FlowInfo
	owner        pawl.Owner
	owned        bool                      // a daemon drives them
	registrar    registrar                 // the program that registered them
	behind       time.Time                 // the newest transition that the clock is far behind; zero: it is not
	passive      string                    // why none of them is run until the database is claimed
	displaced    string                    // why no daemon can start, though none is found
	surroundings pawl.Surroundings         // what else decides what a flow waits for
	queues       map[string][]pawl.RunInfo // what waits of flows where little does, in its order
	strips       map[string]string         // the last runs of each flow, a symbol for each
	now          time.Time
	database     string
	narrow       bool // times are shown in short
}

// surround reads what is not of one flow.
func (s *statusReport) surround(ctx context.Context, c *pawl.Client) (err error) {
	if s.owner, s.owned, err = c.Owner(ctx); err != nil {
		return err
	}
	if s.registrar, err = registrarOf(ctx, c); err != nil {
		return err
	}
	if s.passive, err = c.Passive(ctx); err != nil {
		return err
	}
	if s.behind, err = c.ClockBehind(ctx); err != nil {
		return err
	}
	if r, ok := displaced(c.Database(), s.database); ok && !s.owned {
		s.displaced = term.Printable(r.displacement() + "; " + r.remedy())
	}
	if s.surroundings, err = c.Surroundings(ctx); err != nil {
		return err
	}
	return s.queue(ctx, c)
}

// waits says that a flow is due but not started before another suspect is cleared.
func (s statusReport) waits(f pawl.FlowInfo) bool {
	return f.Wait(s.now, s.surroundings).Cause == pawl.WaitIsolation
}

// table is a row for each flow; width 0 is any. The less room there is, the shorter is
// what stands in it: of the last runs a few are better than none.
func (s statusReport) table(width int) term.Table {
	few, rest := stripLength, 20
	switch s.narrow = width > 0 && width < 140; {
	case s.narrow && width < 100:
		few, rest = 6, 16
	case s.narrow:
		few = 10
	}
	t := term.Table{MinLast: rest, Columns: []term.Column{{Title: "FLOW", Max: flowLimit(width)}, {Title: "STATE", Color: term.ColorBySymbol}, {Title: "SCHEDULE", Max: 24, Drop: 2},
		{Title: "NEXT", Drop: 6}, {Title: "AT (" + term.ZoneName(s.now) + ")", Drop: 1}, {Title: "LAST", Drop: 4}, {Title: "STREAK", Drop: 3},
		{Title: "RUNS", Drop: 5, Color: term.ColorSymbols}, {Title: "WHY"}}}
	for _, f := range s.flows {
		strip := []rune(s.strips[f.ID])
		t.Rows = append(t.Rows, []string{term.Printable(f.ID), state(f), schedule(f), s.next(f), s.instant(f), s.last(f), streak(f),
			string(strip[max(0, len(strip)-few):]), s.why(f)})
	}
	return t
}

// flowLimit is how wide the names of flows may be.
func flowLimit(width int) int {
	if width == 0 {
		return 0
	}
	return max(16, width/5)
}

// flowTable is flows as they are shown after a change.
func flowTable(flows []pawl.FlowInfo, now time.Time) term.Table {
	return statusReport{flows: flows, now: now, owned: true, database: "pawl.db"}.table(0)
}

// print writes the table, a line of counts, who runs the flows, and how to help
// those that tripped.
func (s statusReport) print(w io.Writer, width int) {
	if len(s.flows) > 0 {
		s.table(width).Print(w, width)
		fmt.Fprintln(w)
	}
	fmt.Fprintf(w, "%s\n%s\n", term.Cut(count(s.flows), width), s.ownerLine())
	if s.owner.Degraded != "" {
		fmt.Fprintf(w, "Degraded: nothing runs until the database takes writes again. %s\n", term.Printable(s.owner.Degraded))
	}
	if s.passive != "" {
		fmt.Fprintf(w, "Passive: nothing runs until the database is claimed, see pawl claim --help. It was %s.\n", term.Printable(s.passive))
	}
	if !s.behind.IsZero() {
		fmt.Fprintf(w, "The clock is behind: it shows %s, and the newest transition is at %s. Occurrences wait until it is right, or accepted: pawl clock accept\n", term.Clock(s.now, s.behind), term.Clock(s.behind, s.now))
	}
	for _, f := range s.flows {
		if f.Status == pawl.StatusTripped {
			fmt.Fprintf(w, "\n%s\n", term.Cut(term.Printable(f.ID)+" tripped: "+term.FirstLine(f.LastError), width))
			fmt.Fprintf(w, "  When that is fixed: %s\n", s.reset(f.ID))
		}
	}
}

func (s statusReport) ownerLine() string {
	if s.displaced != "" {
		return "No daemon can start: " + s.displaced + "."
	}
	if !s.owned {
		return "No daemon runs them: " + s.registrar.start() + "."
	}
	if !s.owner.StoppingAt.IsZero() {
		return fmt.Sprintf("Stopping since %s: process %d on %s waits for the runs under way, and starts no others.",
			term.Clock(s.owner.StoppingAt, s.now), s.owner.PID, term.Printable(s.owner.Host))
	}
	return fmt.Sprintf("Run by process %d on %s since %s (%s).",
		s.owner.PID, term.Printable(s.owner.Host), term.Clock(s.owner.Since, s.now), term.Ago(s.now.Sub(s.owner.Since)))
}
