package pawl

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/pawl-go/pawl/engine/core"
	"github.com/pawl-go/pawl/engine/schedule"
	"github.com/pawl-go/pawl/store"
)

// A View reads what a scheduler shows of itself, in the same way for a [Runner] and
// for a [Client]: it is what a dashboard needs. It is safe for use from any goroutine.
// After the Stop of its Runner, Flows and Flow answer as before and the others are
// [ErrStopped]; from within a commit they are [ErrInCommit].
type View struct {
	reader *store.Reader
	runner *Runner // nil: it is the view of a client
	client *Client // nil: it is the view of a runner
}

// View is what there is to see.
func (r *Runner) View() View { return View{reader: r.store.Reader, runner: r} }

// View: see [Runner.View].
func (c *Client) View() View { return View{reader: c.reader, client: c} }

// WindowQuery selects the newest runs of several flows. The zero value of a field asks
// for nothing in particular.
//
//	Flows []string
//	From  time.Time // accepted or started at or after, or still going on then
//	To    time.Time // accepted or started before
//	Limit int       // of each flow at most; default 20
type WindowQuery = store.WindowQuery

// TransitionsQuery selects transitions of one flow, newest first. The zero value of the
// other fields asks for nothing in particular.
//
//	Flow   string
//	Run    int64 // that happened to this run
//	Before int64 // with a version of the flow below this one
//	Limit  int   // at most; default 100
type TransitionsQuery = store.TransitionsQuery

// Occurrence is what became of instants of a flow's schedule that were not run, or not
// run as they stand. It marshals to JSON with the names of the columns of the view
// pawl_occurrences.
//
//	FlowID  string
//	First   time.Time // of Count instants
//	Last    time.Time
//	Count   int64
//	Verdict VerdictKind
//	Reason  string
//	Run     int64       // that caught up on them, or was in the way; 0: none
type Occurrence = store.Occurrence

// Surroundings are what decides, besides a flow itself, what it waits for.
func (v View) Surroundings(ctx context.Context) (Surroundings, error) {
	if v.runner != nil {
		return v.runner.Surroundings(), nil
	}
	return v.client.Surroundings(ctx)
}

// Flows is every flow in the order of registration, those that are not registered any
// more last.
func (v View) Flows(ctx context.Context) ([]FlowInfo, error) {
	if v.runner != nil {
		return v.runner.List(), nil
	}
	return v.reader.Flows(ctx)
}

// Flow is one flow. False: there is no such flow.
func (v View) Flow(ctx context.Context, id string) (FlowInfo, bool, error) {
	if v.runner != nil {
		info, ok := v.runner.Status(id)
		return info, ok, nil
	}
	return v.reader.Flow(ctx, id)
}

// Run is one run of a flow with all of its input and output. False: the flow has no such
// run, or it is not kept any more.
func (v View) Run(ctx context.Context, flow string, number int64) (run RunInfo, ok bool, err error) {
	err = v.read(ctx, "run", func() error {
		run, ok, err = v.reader.Run(ctx, flow, number)
		return err
	})
	return run, ok, err
}

// Runs reads runs, newest first.
func (v View) Runs(ctx context.Context, q RunsQuery) (runs []RunInfo, err error) {
	err = v.read(ctx, "runs", func() error {
		runs, err = v.reader.Runs(ctx, q)
		return err
	})
	return runs, err
}

// Window reads the newest runs of several flows at once, by flow and newest first, with
// the first 200 characters of their errors and without their inputs and outputs.
func (v View) Window(ctx context.Context, q WindowQuery) (runs map[string][]RunInfo, err error) {
	err = v.read(ctx, "window", func() error {
		runs, err = v.reader.Window(ctx, q)
		return err
	})
	return runs, err
}

// Recent reads what became of the newest n runs, at most 50, of every flow that has some,
// or of those that are named, by flow and newest first: for a glance at all of them, for
// which it is many times as fast as [View.Window].
func (v View) Recent(ctx context.Context, n int, flows ...string) (runs map[string][]RunStatus, err error) {
	err = v.read(ctx, "recent", func() error {
		runs, err = v.reader.Recent(ctx, n, flows...)
		return err
	})
	return runs, err
}

// Occurrences reads at most n ranges of instants that were not run and reach into
// from..to, of several flows, the newest first. What is held back still, by a pause, a
// trip or a backoff, is not among them: its end decides, see FlowInfo.Held.
func (v View) Occurrences(ctx context.Context, flows []string, from, to time.Time, n int) (list []Occurrence, err error) {
	err = v.read(ctx, "occurrences", func() error {
		list, err = v.reader.Occurrences(ctx, flows, from, to, n)
		return err
	})
	return list, err
}

// Transitions reads those of one flow, newest first.
func (v View) Transitions(ctx context.Context, q TransitionsQuery) (list []Transition, err error) {
	err = v.read(ctx, "transitions", func() error {
		list, err = v.reader.FlowTransitions(ctx, q)
		return err
	})
	return list, err
}

// RunTransitions reads all transitions of a run that are kept, as they happened. Pruned: its
// first ones, or all of them, were deleted, as the retention of the flow says; a failure may
// be kept for longer than its transitions.
func (v View) RunTransitions(ctx context.Context, run RunInfo) (list []Transition, pruned bool, err error) {
	q := TransitionsQuery{Flow: run.FlowID, Run: run.Number, Limit: 1000}
	for {
		page, err := v.Transitions(ctx, q)
		if err != nil {
			return nil, false, err
		}
		list = append(list, page...)
		if len(page) < q.Limit {
			break
		}
		q.Before = page[len(page)-1].Version
	}
	slices.Reverse(list)
	if len(list) == 0 { // a run of a backfill that has not started has none
		return nil, run.Status.Over() || !run.StartedAt.IsZero(), nil
	}
	first := list[0].Event
	return list, first != "accept" && first != "reserve", nil
}

// After reads the first n transitions after one, of every flow and in the order of Seq.
// [Runner.Transitions] waits for more of them.
func (v View) After(ctx context.Context, seq int64, n int) (list []Transition, err error) {
	err = v.read(ctx, "transitions", func() error {
		list, err = v.reader.Transitions(ctx, seq, n)
		return err
	})
	return list, err
}

// LastSeq is the number of the newest transition, and 0 before the first.
func (v View) LastSeq(ctx context.Context) (seq int64, err error) {
	err = v.read(ctx, "last transition", func() error {
		seq, err = v.reader.LastSeq(ctx)
		return err
	})
	return seq, err
}

// Next is the next n instants of a flow that are not before from, with what is known to
// stand in their way; the zero time: from now on.
func (v View) Next(info FlowInfo, from time.Time, n int) ([]Instant, error) {
	if err := core.CheckInstant("from", from); err != nil {
		return nil, fmt.Errorf("next: %w", err)
	}
	now := time.Now
	if v.runner != nil {
		now = v.runner.engine.Now
	}
	s, err := schedule.Parse(info.ID, info.Kind, info.Schedule, info.TimeZone)
	if err != nil {
		return nil, fmt.Errorf("next: flow %q: %w", info.ID, err)
	}
	return core.UpcomingFrom(info, s, now().UTC().Truncate(time.Millisecond), from, n), nil
}

// Why is [Runner.Why].
func (v View) Why(ctx context.Context, id string, at time.Time) (Reason, error) {
	if v.runner != nil {
		return v.runner.Why(ctx, id, at)
	}
	return v.client.Why(ctx, id, at)
}

// Trouble is why nothing is run at all, one sentence each: nobody owns the database, it
// takes no writes, it has to be claimed first. Nothing: flows are run.
func (v View) Trouble(ctx context.Context) (list []string, err error) {
	err = v.read(ctx, "trouble", func() error {
		list, err = v.trouble(ctx)
		return err
	})
	return list, err
}

func (v View) trouble(ctx context.Context) (list []string, err error) {
	degraded := ""
	if v.runner != nil {
		if err := v.runner.Degraded(); err != nil {
			degraded = err.Error()
		}
	} else {
		o, owned, err := v.reader.Holder()
		if err != nil {
			return nil, err
		}
		if !owned {
			list = append(list, "No scheduler runs these flows now.")
		}
		degraded = o.Degraded
	}
	if degraded != "" {
		list = append(list, "The database takes no writes: "+core.Clip(degraded, maxID))
	}
	passive, err := v.reader.Passive(ctx)
	if err == nil && passive != "" {
		list = append(list, "Passive until the database is claimed: it was "+passive+".")
	}
	if err != nil {
		return list, err
	}
	newest, err := v.clockBehind(ctx)
	if err == nil && !newest.IsZero() {
		list = append(list, "The clock is behind the newest transition, at "+newest.UTC().Format(time.RFC3339)+": occurrences wait until it is right, or accepted (pawl clock accept).")
	}
	return list, err
}

func (v View) clockBehind(ctx context.Context) (time.Time, error) {
	if v.runner != nil {
		return v.runner.ClockBehind(), nil
	}
	return v.reader.ClockBehind(ctx, time.Now)
}

// read guards and names a look at the database.
func (v View) read(ctx context.Context, what string, do func() error) error {
	err := notInCommit(ctx)
	if err == nil && v.runner != nil && v.runner.ended() {
		err = ErrStopped
	}
	if err == nil {
		if err = do(); err != nil && v.runner != nil {
			err = v.runner.closed(err)
		}
	}
	if err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	return nil
}
