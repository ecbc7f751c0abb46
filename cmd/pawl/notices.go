package main

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/pawl-go/pawl"
	"github.com/pawl-go/pawl/cmd/pawl/internal/term"
	"github.com/pawl-go/pawl/internal/lengths"
)

// begin takes note of the flows that fail as they are, so that their recovery is one.
func (n *notifier) begin(flows []pawl.FlowInfo) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, f := range flows {
		if f.FailureStreak > 0 || slices.Contains(failing, f.Status) {
			n.failing[f.ID] = true
		}
	}
}

// failing are the states of a flow whose last run failed.
var failing = []pawl.Status{pawl.StatusFailed, pawl.StatusBackoff, pawl.StatusTripped}

// ends are the transitions that can end a run.
var ends = []string{"outcome", "timeout", "interrupt"}

// askRun reads a run.
type askRun func(flow string, run int64) (pawl.RunInfo, error)

// observe takes note of a transition, once. It is seen when its messages wait, so that no
// kill is in between.
func (n *notifier) observe(t pawl.Transition, ask askRun) {
	n.mu.Lock()
	old := t.Seq <= n.seen
	n.mu.Unlock()
	if old {
		return
	}
	if slices.Contains(ends, t.Event) {
		n.announce(t, ask)
	}
	n.mu.Lock()
	n.seen = t.Seq
	n.mu.Unlock()
}

// announce makes messages of the end of a run, which ask tells more of.
func (n *notifier) announce(t pawl.Transition, ask askRun) {
	well := t.FailureStreak == 0 && !slices.Contains(failing, t.ToStatus)
	n.mu.Lock()
	was := n.failing[t.FlowID]
	wanted := n.to.webhook != ""
	n.mu.Unlock()
	if well && !was || !wanted {
		return
	}
	run, err := ask(t.FlowID, t.RunNumber)
	if err != nil || !run.Status.Over() {
		return
	}
	m := message{Flow: t.FlowID, Run: t.RunNumber, At: t.At, Streak: t.FailureStreak}
	switch {
	case run.Status.Failure():
		m.Event, m.Error, m.Code = "failed", term.Printable(run.Error), run.ExitCode
		m.Text = fmt.Sprintf("%s failed: %s", t.FlowID, term.FirstLine(run.Error))
		n.add(m)
		if t.ToStatus == pawl.StatusTripped {
			m.Event, m.Text = "tripped", fmt.Sprintf("%s tripped after %d failures in a row, and runs no more until it is reset: %s", t.FlowID, t.FailureStreak, term.FirstLine(run.Error))
			n.add(m)
		}
		n.mark(t.FlowID, true)
	case run.Status == pawl.RunCompleted && was:
		m.Event, m.Text = "recovered", fmt.Sprintf("%s runs again: run %d completed", t.FlowID, t.RunNumber)
		n.add(m)
		n.mark(t.FlowID, false)
	}
}

func (n *notifier) mark(flow string, fails bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.failing[flow] = fails
}

const lookForLate = 20 * time.Second

// patrol looks for flows that are late, now and then, until ctx ends.
func (n *notifier) patrol(ctx context.Context, r *pawl.Runner) {
	again := time.NewTicker(lookForLate)
	defer again.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case now := <-again.C:
			n.lookFor(r.List(), r.Surroundings(), now)
			n.remember()
		}
	}
}

// lookFor makes a message of each flow that has become late.
func (n *notifier) lookFor(flows []pawl.FlowInfo, around pawl.Surroundings, now time.Time) {
	for _, f := range flows {
		since := f.Wait(now, around).Late
		n.mu.Lock()
		was := n.late[f.ID]
		n.late[f.ID] = !since.IsZero()
		n.mu.Unlock()
		if !since.IsZero() && !was {
			n.add(message{Event: "late", Flow: f.ID, At: now.UTC(), Text: fmt.Sprintf("%s is late by %s: it was due at %s", f.ID, lengths.Coarse(now.Sub(since)), term.Stamp(since))})
		}
	}
}
