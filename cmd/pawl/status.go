package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/pawl-go/pawl"
)

func statusVerb(database *string) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "status [FLOW...]",
		Short: "Show how every flow is, and what it waits for",
		Long: `Show how every flow is, and what it waits for. No daemon need run.

STREAK counts failures in a row, of those that trip the flow. Of flows that are named
it tells everything: what runs and what waits, the policies, what is held back.`,
	}
	out := formatFlag(cmd)
	cmd.RunE = does(func(cmd *cobra.Command, ids []string) error {
		return withClient(cmd, *database, func(c *pawl.Client) error {
			flows, err := list(cmd.Context(), c, ids)
			if err != nil {
				return err
			}
			if *out == "json" {
				return printJSON(stdout, flows)
			}
			s := statusReport{flows: flows, now: time.Now(), database: *database}
			if err := s.surround(cmd.Context(), c); err != nil {
				return err
			}
			width := outputWidth(os.Stdout)
			s.print(stdout, width)
			if len(ids) > 0 {
				return s.details(cmd.Context(), c, stdout, width)
			}
			return nil
		})
	})
	return cmd
}

// withClient opens the database for a verb, and closes it. A signal ends the verb's
// context, so that it leaves nothing half done behind; a second one ends it at once.
func withClient(cmd *cobra.Command, database string, use func(*pawl.Client) error) error {
	ctx, stop := untilSignal(cmd.Context())
	defer stop()
	cmd.SetContext(ctx)
	c, err := pawl.Open(database)
	if err != nil {
		return err
	}
	defer c.Close()
	err = use(c)
	if s, ok := errors.AsType[errSignal](context.Cause(ctx)); ok && err != nil {
		if !errors.Is(err, s) {
			err = fmt.Errorf("%w: %w", s, err)
		}
		return err
	}
	if sqliteStatus(err) == exitCorrupt && !errors.Is(err, pawl.ErrDatabaseDamaged) {
		err = fmt.Errorf("the database %s is damaged; see what pawl doctor says: %w", database, err)
	}
	return err
}

// list is the flows with these ids, in the order of registration; all if there
// are none.
func list(ctx context.Context, c *pawl.Client, ids []string) ([]pawl.FlowInfo, error) {
	if len(ids) == 0 {
		return c.List(ctx)
	}
	var flows []pawl.FlowInfo
	for _, id := range slices.Compact(slices.Sorted(slices.Values(ids))) {
		f, err := known(ctx, c, id)
		if err != nil {
			return nil, err
		}
		flows = append(flows, f)
	}
	slices.SortFunc(flows, func(a, b pawl.FlowInfo) int { return cmp.Compare(a.Position, b.Position) })
	return flows, nil
}

// known looks a flow up, and has a good answer to a mistyped id.
func known(ctx context.Context, c *pawl.Client, id string) (pawl.FlowInfo, error) {
	flow, found, err := c.Status(ctx, id)
	if found || err != nil {
		return flow, err
	}
	flows, err := c.List(ctx)
	if err != nil {
		return pawl.FlowInfo{}, err
	}
	ids := make([]string, len(flows))
	for i, f := range flows {
		ids[i] = f.ID
	}
	return pawl.FlowInfo{}, fmt.Errorf("%w: %q%s", pawl.ErrFlowNotFound, id, didYouMean(id, ids))
}

// A statusReport is the flows as they are at an instant.
type statusReport struct {
	flows     []pawl.FlowInfo
	owner     pawl.Owner
	owned     bool                      // a daemon drives them
	passive   string                    // why none of them is run until the database is claimed
	displaced string                    // why no daemon can start, though none is found
	trial     string                    // the suspect that runs, for which the others wait
	queues    map[string][]pawl.RunInfo // what waits of flows where little does, in its order
	now       time.Time
	database  string
}

// surround reads what is not of one flow.
func (s *statusReport) surround(ctx context.Context, c *pawl.Client) (err error) {
	if s.owner, s.owned, err = c.Owner(ctx); err != nil {
		return err
	}
	if s.passive, err = c.Passive(ctx); err != nil {
		return err
	}
	if r, ok := displaced(c.Database(), s.database); ok && !s.owned {
		s.displaced = printable(r.displacement() + "; " + r.remedy())
	}
	all, err := c.List(ctx)
	for _, f := range all {
		if s.owned && f.Suspect && f.Status == pawl.StatusRunning {
			s.trial = f.ID
		}
	}
	if err != nil {
		return err
	}
	return s.queue(ctx, c)
}

// waits says that a flow is due but not started before the trial is over.
func (s statusReport) waits(f pawl.FlowInfo) bool {
	due := f.Registered && !f.NextRun.IsZero() && !f.NextRun.After(s.now) && !f.NextEligible.After(s.now)
	return s.trial != "" && f.Suspect && due && f.Status != pawl.StatusRunning && f.Status != pawl.StatusTripped
}

// print writes the table, a line of counts, who runs the flows, and how to help
// those that tripped.
func (s statusReport) print(w io.Writer, width int) {
	t := table{rest: 12, columns: []column{{title: "FLOW", limit: max(16, width/3)}, {title: "STATE"}, {title: "SCHEDULE", limit: 24, rank: 3},
		{title: "NEXT", rank: 5}, {title: "LAST", rank: 4}, {title: "STREAK", rank: 2}, {title: "RUNS", rank: 1}, {title: "WHY"}}}
	for _, f := range s.flows {
		t.rows = append(t.rows, []string{printable(f.ID), state(f), schedule(f),
			s.next(f), s.last(f), streak(f), fmt.Sprint(f.RunCount), s.why(f)})
	}
	t.print(w, width)
	fmt.Fprintf(w, "\n%s\n%s\n", count(s.flows), s.ownerLine())
	if s.owner.Degraded != "" {
		fmt.Fprintf(w, "Degraded: nothing runs until the database takes writes again. %s\n", printable(s.owner.Degraded))
	}
	if s.passive != "" {
		fmt.Fprintf(w, "Passive: nothing runs until the database is claimed, see pawl claim --help. It was %s.\n", printable(s.passive))
	}
	for _, f := range s.flows {
		if f.Status == pawl.StatusTripped {
			fmt.Fprintf(w, "\n%s\n", cut(printable(f.ID)+" tripped: "+firstLine(f.LastError), width))
			fmt.Fprintf(w, "  When that is mended: %s\n", s.reset(f.ID))
		}
	}
}

// states gives each status a symbol, so that none is told by colour or by word
// alone.
var states = map[pawl.Status]string{
	pawl.StatusRunning:   "▶",
	pawl.StatusCompleted: "✓",
	pawl.StatusFailed:    "✗",
	pawl.StatusBackoff:   "↻",
	pawl.StatusTripped:   "■",
	pawl.StatusIdle:      "○",
}

func state(f pawl.FlowInfo) string {
	text := states[f.Status] + " " + string(f.Status)
	if !f.PausedAt.IsZero() {
		text += ", paused"
	}
	if f.Suspect {
		text += ", suspect"
	}
	return text
}

var countOrder = []pawl.Status{pawl.StatusRunning, pawl.StatusCompleted, pawl.StatusFailed,
	pawl.StatusBackoff, pawl.StatusTripped, pawl.StatusIdle}

// count is a line like "5 flows: 3 completed, 1 backoff, 1 tripped".
func count(flows []pawl.FlowInfo) string {
	counts, paused := map[pawl.Status]int{}, 0
	for _, f := range flows {
		counts[f.Status]++
		if !f.PausedAt.IsZero() {
			paused++
		}
	}
	var parts []string
	for _, s := range countOrder {
		if counts[s] > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", counts[s], s))
		}
	}
	if paused > 0 {
		parts[len(parts)-1] += fmt.Sprintf("; %d paused", paused)
	}
	switch len(flows) {
	case 0:
		return "No flows."
	case 1:
		return "1 flow: " + parts[0]
	}
	return fmt.Sprintf("%d flows: %s", len(flows), strings.Join(parts, ", "))
}

func (s statusReport) ownerLine() string {
	if s.displaced != "" {
		return "No daemon can start: " + s.displaced + "."
	}
	if !s.owned {
		return "No daemon runs them: start one with pawl run."
	}
	return fmt.Sprintf("Run by process %d on %s since %s (%s).",
		s.owner.PID, printable(s.owner.Host), clock(s.owner.Since, s.now), ago(s.now.Sub(s.owner.Since)))
}

// schedule is when a flow runs: "every 5m", a cron expression and its zone, "once", and
// the instant, "manual".
func schedule(f pawl.FlowInfo) string {
	first, rest, _ := strings.Cut(f.Schedule, " ")
	switch f.Kind {
	case "cron":
		rest = f.Schedule
		if f.TimeZone != "" && f.TimeZone != "UTC" && !strings.HasPrefix(rest, "CRON_TZ=") {
			rest += " " + f.TimeZone
		}
		return printable(rest)
	case "every":
		if d, err := time.ParseDuration(first); err == nil {
			first = exact(d)
		}
	case "once":
		if t, err := time.Parse(time.RFC3339, first); err == nil {
			first = t.Local().Format("2006-01-02 15:04:05")
		}
	}
	return printable(strings.TrimSpace(f.Kind + " " + first + " " + rest))
}

func (s statusReport) next(f pawl.FlowInfo) string {
	if f.NextRun.IsZero() && len(s.queues[f.ID]) > 0 {
		if f.NextRun = s.queues[f.ID][0].DueAt; !f.NextRun.After(s.now) {
			return "waits"
		}
	}
	switch wait := f.NextRun.Sub(s.now).Round(time.Second); {
	case !f.Registered:
		return ""
	case f.NextRun.IsZero() && !f.Held.IsZero():
		return "held"
	case f.NextRun.IsZero():
		return ""
	case s.waits(f):
		return "waits"
	case wait > 0:
		return "in " + coarse(wait)
	case s.owned:
		return "now"
	}
	return "due"
}

func (s statusReport) last(f pawl.FlowInfo) string {
	if f.LastRun.IsZero() {
		return "never"
	}
	return ago(s.now.Sub(f.LastRun))
}

// streak is the failures in a row, of those that trip the flow: 2/5.
func streak(f pawl.FlowInfo) string {
	switch {
	case f.FailureStreak == 0:
		return ""
	case f.StreakLimit == 0:
		return fmt.Sprint(f.FailureStreak)
	}
	return fmt.Sprintf("%d/%d", f.FailureStreak, f.StreakLimit)
}

// why is what keeps a flow from running, what it is at, or what went wrong with it last.
func (s statusReport) why(f pawl.FlowInfo) string {
	parts := s.held(f)
	if at := s.at(f); at != "" {
		parts = append(parts, at)
	}
	return strings.Join(append(parts, s.waiting(f)...), "; ")
}

// at is what a flow is at, by its status.
func (s statusReport) at(f pawl.FlowInfo) string {
	failure := firstLine(f.LastError)
	switch {
	case !f.Registered:
		return "not in the config of the last daemon"
	case f.Status == pawl.StatusRunning && !s.owned:
		return "its daemon died; settled at the next start"
	case f.Status == pawl.StatusRunning && f.InFlight <= 1 && f.Waiting+f.Backfill == 0:
		return fmt.Sprintf("run %d", f.LastNumber)
	case f.Status == pawl.StatusRunning:
		return fmt.Sprintf("%d running", f.InFlight)
	case s.waits(f):
		return "suspect; waits for " + printable(s.trial) + ", which is one too"
	case f.Status == pawl.StatusTripped:
		return "reset needed: " + s.reset(f.ID) + " (" + failure + ")"
	case f.Status == pawl.StatusBackoff:
		return "until " + clock(f.NextEligible, s.now) + ": " + failure
	}
	return failure
}

// reset is the command that helps a flow which tripped.
func (s statusReport) reset(id string) string {
	command := "pawl reset " + quoted(printable(id))
	if s.database != "pawl.db" {
		command += " --db " + quoted(printable(s.database))
	}
	return command
}

var plain = regexp.MustCompile(`^[\pL\pN_./:@%+=,][\pL\pN_./:@%+=,-]*$`)

// quoted is a word as a shell takes it.
func quoted(word string) string {
	if plain.MatchString(word) {
		return word
	}
	return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
}
