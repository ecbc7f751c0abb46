package model_test

import (
	"slices"
	"time"

	"github.com/pawl-go/pawl"
)

// backfill accepts runs for instants of the past that have none, which start in order
// when nothing else of the flow is ready. time M2.
func (f *policyFlow) backfill(from, to, now time.Duration) (n int64, err error) {
	var instants []time.Duration
	for t := f.after(from - 1); t <= to; t = f.after(t) {
		if (f.next == never || t < f.next) && !f.ran(t) {
			instants = append(instants, t)
		}
	}
	if len(instants) > 0 && f.stuck() {
		return 0, pawl.ErrTripped
	}
	for _, t := range instants {
		r := f.newRun("backfill", t)
		r.status, r.due = pawl.RunWaiting, now
		f.fill = append(f.fill, r)
	}
	slices.SortStableFunc(f.fill, func(a, b *policyRun) int {
		if a.again != b.again {
			return map[bool]int{true: -1, false: 1}[a.again]
		}
		if a.again {
			return a.number - b.number
		}
		return int(a.at - b.at)
	})
	return int64(len(instants)), nil
}

// ran says whether an instant has a run that was not cancelled.
func (f *policyFlow) ran(t time.Duration) bool {
	return slices.ContainsFunc(f.runs, func(r *policyRun) bool {
		return r.at == t && (r.trigger == "schedule" || r.trigger == "backfill") && r.status != pawl.RunCancelled
	})
}

// left is the first instant from t on that has no run.
func (f *policyFlow) left(t time.Duration) time.Duration {
	for f.grid && f.ran(t) {
		t = f.after(t)
	}
	return t
}

// lefts counts those in from..to.
func (f *policyFlow) lefts(from, to time.Duration) (n int) {
	for t := f.left(from); t <= to; t = f.left(f.after(t)) {
		n++
	}
	return n
}

// decideLeft notes the verdict on the instants in from..to that have no run.
func (f *policyFlow) decideLeft(from, to time.Duration, verdict string) {
	f.decideThose(from, to, false, verdict)
}

// decideRan notes that those which have one were passed over.
func (f *policyFlow) decideRan(from, to time.Duration) {
	f.decideThose(from, to, true, "suppressed_paused")
}

func (f *policyFlow) decideThose(from, to time.Duration, ran bool, verdict string) {
	if from == never || !f.grid {
		return
	}
	for t := from; t <= to; t = f.after(t) {
		if f.ran(t) == ran {
			f.decide(t, t, verdict)
		}
	}
}

// unqueue takes a run out of those that wait.
func (f *policyFlow) unqueue(r *policyRun) {
	same := func(w *policyRun) bool { return w == r }
	f.waits, f.fill = slices.DeleteFunc(f.waits, same), slices.DeleteFunc(f.fill, same)
}

// blocked says whether an instant that passes is skipped: the flow takes no start of its
// schedule, and not for runs of a backfill alone, for whose ends it waits.
func (f *policyFlow) blocked(now time.Duration) bool {
	return f.closed(now) && (len(f.open) == 0 || slices.ContainsFunc(f.open, func(r *policyRun) bool { return r.trigger != "backfill" }))
}
