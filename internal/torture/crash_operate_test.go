//go:build unix

package torture_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/pawl-go/pawl"
)

// operateFlows have all that operators and policies ask for.
var operateFlows = []crashFlow{
	{ID: "queue", Overlap: pawl.OverlapBuffer(100)},
	{ID: "hangs", Overlap: pawl.OverlapBuffer(100), Job: "hangs"},
	{ID: "retries", Retries: 2, Backoff: backoff(2), Job: "fails once"},
	{ID: "ticks", Cron: "0 0 * * * *", Overlap: pawl.OverlapBuffer(100)},
	{ID: "misses", Cron: "* * * * * *", CatchUp: pawl.CatchUpNone, Overlap: pawl.OverlapBuffer(10)},
}

// operate goes through everything that operators ask for, whatever it finds, and says
// what was acknowledged.
func (w *world) operate() error {
	if err := w.start(pawl.WithStopTimeout(0)); err != nil {
		return err
	}
	ctx, r := context.Background(), w.runner
	first, err := r.TriggerMany(ctx, "queue", []any{1, 2, 3})
	if err != nil {
		return err
	}
	w.tell(line{What: "accepted", Flow: "queue", Run: first, Count: 3})
	later, err := r.Trigger(ctx, "queue", pawl.WithStartAt(time.Now().Add(w.Shift+time.Hour)))
	if err != nil {
		return err
	}
	w.tell(line{What: "accepted", Flow: "queue", Run: later, Count: 1})
	hangs, err := r.Trigger(ctx, "hangs")
	if err != nil {
		return err
	}
	for _, cancel := range []struct {
		flow string
		run  int64
	}{{"queue", later}, {"hangs", hangs}} {
		if err := r.Cancel(ctx, cancel.flow, cancel.run, "by hand"); err != nil && !errors.Is(err, pawl.ErrRunOver) {
			return err
		}
		w.tell(line{What: "cancelled", Flow: cancel.flow, Run: cancel.run})
	}
	if err := w.control(); err != nil {
		return err
	}
	run, err := w.trigger("retries")
	if err == nil && run != 0 {
		_, err = r.WaitRun(ctx, "retries", run)
	}
	if err := errors.Join(err, r.Stop(ctx)); !errors.Is(err, pawl.ErrStopTimeout) {
		return err
	}
	return nil
}

// control pauses a flow for a moment, and another until it lets it go on, which it
// backfills meanwhile.
func (w *world) control() error {
	ctx, r := context.Background(), w.runner
	now := time.Now().Add(w.Shift).Truncate(time.Millisecond)
	if err := w.lapse(); err != nil {
		return err
	}
	for _, do := range []struct {
		event string
		call  func() error
	}{
		{"pause", func() error { return r.Pause(ctx, "ticks", now.String()) }},
		{"backfill", func() error {
			_, err := r.Backfill(ctx, "ticks", pawl.Backfill{From: now.Add(-9 * time.Hour), To: now, Again: true})
			return err
		}},
		{"drop", func() error { return r.CancelBackfill(ctx, "ticks", "enough") }},
		{"resume", func() error { return r.Resume(ctx, "ticks") }},
	} {
		if err := do.call(); err != nil {
			return fmt.Errorf("%s: %w", do.event, err)
		}
		if do.event != "drop" { // nothing may be left to drop
			w.tell(line{What: "did", Flow: "ticks", Event: do.event})
		}
	}
	return nil
}

// lapse pauses a flow until the pause ends by itself.
func (w *world) lapse() error {
	ctx, r := context.Background(), w.runner
	newest, err := r.View().Transitions(ctx, pawl.TransitionsQuery{Flow: "queue", Limit: 1})
	if err != nil {
		return err
	}
	// found B4: on a slow machine the pause may be over before it is committed, and is refused.
	for length := 50 * time.Millisecond; ; length *= 2 {
		err := r.Pause(ctx, "queue", "a moment", pawl.PauseFor(length))
		if err == nil {
			break
		}
		if !errors.Is(err, pawl.ErrInvalidRange) {
			return fmt.Errorf("pause: %w", err)
		}
	}
	for t, err := range r.Transitions(ctx, newest[0].Seq) {
		if err != nil {
			return err
		}
		if t.FlowID == "queue" && t.Event == "resume" {
			break
		}
	}
	if info, _ := r.Status("queue"); !info.PausedAt.IsZero() || !info.PausedUntil.IsZero() {
		return fmt.Errorf("it is paused still, since %s until %s", info.PausedAt, info.PausedUntil)
	}
	return nil
}

// Killed right before and right after the commit of every kind of transition that time,
// policies and operators bring: the next start settles what was left, the file holds
// what was acknowledged, and the one after that does it all. Harness 3.
func TestKilledAtEveryCommitOfAnOperator(t *testing.T) {
	t.Parallel()
	for _, event := range []string{"accept", "abort", "pause", "backfill", "drop", "resume", "retry", "miss"} {
		for _, where := range []string{"before", "after"} {
			t.Run(where+" "+event, func(t *testing.T) {
				t.Parallel()
				c := newCampaign(t, operateFlows)
				require.False(t, c.child(child{Script: "operate"}, nil))
				for range max(1, howMany(t)/250) {
					c.killedAt(where + " " + event)
					require.False(t, c.child(child{Script: "operate"}, nil))
				}
				c.owner()
				c.log()
			})
		}
	}
}

// killedAt goes through it all until the kill strikes: an instant that a stop cancelled
// is run again, so that nothing is missed that time.
func (c *campaign) killedAt(kill string) {
	for range 5 {
		if c.child(child{Script: "operate", Kill: kill}, nil) {
			return
		}
	}
	require.Fail(c.t, "never killed", kill)
}

// The same before and after each of its commits, one after the other, on one file.
func TestKilledAtAnyCommitOfAnOperatorLosesNothing(t *testing.T) {
	t.Parallel()
	c := newCampaign(t, operateFlows)
	for n, more := 1, true; more && n < int(howMany(t)/5); n++ {
		more = c.child(child{Script: "operate", Kill: fmt.Sprint("before ", n)}, nil)
		c.child(child{Script: "operate", Kill: fmt.Sprint("after ", n)}, nil)
	}
	c.log()
}
