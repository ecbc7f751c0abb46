package pawltest

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"text/tabwriter"
	"time"

	"github.com/pawl-go/pawl"
)

// Run is what is wanted of a run. A zero field is not looked at.
type Run struct {
	At     time.Time      // the instant that the schedule asked for; of a manual run, when it was asked for
	Status pawl.RunStatus // also that of a run that waits, or is in flight
	Error  string         // a part of its error
}

// Ran fails the test unless the runs of a flow, from its first one on, are the wanted
// ones, no more and no less. The failure shows both, side by side. It does not wait for
// runs in flight, and does not work after Stop.
func Ran(t testing.TB, r *pawl.Runner, id string, want ...Run) {
	t.Helper()
	got, err := allRuns(t.Context(), r, id)
	if err != nil {
		t.Fatalf("pawltest: %v", err)
	}
	if text := compare(want, got); text != "" {
		t.Errorf("pawltest: flow %q did not run as wanted:\n%s", id, text)
	}
}

// allRuns reads the runs of a flow, oldest first.
func allRuns(ctx context.Context, r *pawl.Runner, id string) (all []pawl.RunInfo, err error) {
	if _, ok := r.Status(id); !ok {
		return nil, fmt.Errorf("%w: %q", pawl.ErrFlowNotFound, id)
	}
	const page = 1000
	for q := (pawl.RunsQuery{Flow: id, Limit: page}); ; q.Before = all[len(all)-1].Number {
		runs, err := r.Runs(ctx, q)
		if err != nil {
			return nil, err
		}
		all = append(all, runs...)
		if len(runs) < page {
			slices.Reverse(all)
			return all, nil
		}
	}
}

// compare shows what differs; empty: nothing does.
func compare(want []Run, got []pawl.RunInfo) string {
	var text strings.Builder
	table := tabwriter.NewWriter(&text, 0, 0, 2, ' ', 0)
	fmt.Fprint(table, "\t\twanted\tran\n")
	same := true
	for i := range max(len(want), len(got)) {
		mark, wanted, ran := "=", "nothing", "nothing"
		if i < len(want) {
			wanted = want[i].String()
		}
		if i < len(got) {
			ran = describe(got[i])
		}
		if i >= len(want) || i >= len(got) || !want[i].fits(got[i]) {
			mark, same = "!", false
		}
		fmt.Fprintf(table, "%s\t%d\t%s\t%s\n", mark, i+1, wanted, ran)
	}
	if same {
		return ""
	}
	_ = table.Flush() // into memory
	return text.String()
}

func (w Run) fits(r pawl.RunInfo) bool {
	return (w.At.IsZero() || w.At.Equal(r.ScheduledAt)) && (w.Status == "" || w.Status == r.Status) && strings.Contains(r.Error, w.Error)
}

// String is what is wanted in words.
func (w Run) String() string { return words(w.At, w.Status, w.Error) }

func describe(r pawl.RunInfo) string {
	line, _, _ := strings.Cut(r.Error, "\n")
	return words(r.ScheduledAt, r.Status, line)
}

func words(at time.Time, status pawl.RunStatus, err string) string {
	when, what := "any time", string(status)
	if !at.IsZero() {
		when = at.UTC().Format("2006-01-02T15:04:05.999Z")
	}
	if what == "" {
		what = "in any way"
	}
	if err != "" {
		what += ": " + err
	}
	return when + " " + what
}
