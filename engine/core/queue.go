package core

import (
	"cmp"
	"slices"
	"sort"
	"time"
)

// QueueWindow is how many of the runs that wait a flow has in memory. The others
// are read from the store as these start.
const QueueWindow = 64

// BackfillRank is added to the ranks of a backfill's runs, which come after all
// others.
const BackfillRank = 1 << 52

// restartRank is the rank of runs that start again: before further attempts, whose rank
// may be 0, and before all others.
const restartRank = -1

// The ranks of the runs that wait, but for those of a backfill, and of a backfill's: from
// the first up to the other, which is not one of them.
const (
	FirstRank         = restartRank
	FirstBackfillRank = BackfillRank + restartRank
)

// WindowOf is queueWindow, or what is needed to fill all slots of the flow.
func WindowOf(p Plan) int { return max(QueueWindow, 2*p.Overlap.limit()) }

// line are the first of the runs that wait, in their order. Nobody changes one.
type line struct {
	queue []*Run
	fill  []*Run // of a backfill
}

func (s *State) Queue() []*Run {
	if s.line == nil {
		return nil
	}
	return s.line.queue
}

func (s *State) BackfillQueue() []*Run {
	if s.line == nil {
		return nil
	}
	return s.line.fill
}

// SetQueue says which of the runs that wait are in memory.
func (s *State) SetQueue(queue, fill []*Run) {
	s.line = nil
	if len(queue)+len(fill) > 0 {
		s.line = &line{queue, fill}
	}
}

func ByRank(a, b *Run) int {
	if c := cmp.Compare(a.Rank, b.Rank); c != 0 {
		return c
	}
	return cmp.Compare(a.Key, b.Key)
}

// wait puts a run among those that wait, in its place. What comes after the last
// one in memory, when not all are, stays in the store.
func (c *Change) wait(run Run, p Plan) {
	if run.Trigger == TriggerBackfill {
		c.SetQueue(c.Queue(), enqueue(c.BackfillQueue(), &run, c.Backfill, QueueWindow))
		c.Backfill++
		return
	}
	c.SetQueue(enqueue(c.Queue(), &run, c.Waiting, WindowOf(p)), c.BackfillQueue())
	c.Waiting++
}

// enqueue adds a run to a window on count runs that wait. Only the driver looks at
// windows, and states follow each other in one line, so an append may use the
// memory behind the end of an older state's.
func enqueue(q []*Run, run *Run, count, most int) []*Run {
	i, _ := slices.BinarySearchFunc(q, run, ByRank)
	switch {
	case i < len(q):
		q = slices.Insert(slices.Clone(q), i, run)
		return q[:min(len(q), 2*most)]
	case len(q) < count || len(q) >= most:
		return q
	}
	return append(q, run)
}

// unqueue takes a run out of those that wait.
func (c *Change) unqueue(run *Run) {
	drop := func(q []*Run) []*Run {
		if len(q) > 0 && q[0].Number == run.Number {
			return q[1:]
		}
		return slices.DeleteFunc(slices.Clone(q), func(r *Run) bool { return r.Number == run.Number })
	}
	if run.Trigger == TriggerBackfill {
		c.SetQueue(c.Queue(), drop(c.BackfillQueue()))
		c.Backfill--
		return
	}
	c.SetQueue(drop(c.Queue()), c.BackfillQueue())
	c.Waiting--
}

// QueuedRun finds a run that waits and is in memory; nil: it does not, or is not.
func (s *State) QueuedRun(number int64) *Run {
	for _, q := range [][]*Run{s.Queue(), s.BackfillQueue()} {
		for _, r := range q {
			if r.Number == number {
				return r
			}
		}
	}
	return nil
}

// NeedsRefill says whether runs that wait have to be read from the store.
func (s *State) NeedsRefill(p Plan) bool {
	return len(s.Queue()) < s.Waiting && len(s.Queue()) <= WindowOf(p)/4 ||
		len(s.BackfillQueue()) < s.Backfill && len(s.BackfillQueue()) <= QueueWindow/4
}

// NextQueued is the run that waits and starts next, and when it may: of a backfill only
// when nothing else is ready at now, of a tripped flow a probe alone. Nil: none does, or there is no slot.
func (s *State) NextQueued(now time.Time, p Plan) (run *Run, at time.Time) {
	switch {
	case s.InFlight >= p.Overlap.limit() || !s.Registered || s.isolated(p):
		return nil, time.Time{}
	case s.tripping(p):
		if probe := s.waitingProbe(); probe != nil && s.SlotsTaken(p) == 0 && !probe.isolated(p) {
			return probe, probe.StartsAt(now)
		}
		return s.begun(now, p)
	case s.SlotsTaken(p) >= p.Overlap.limit():
		return s.begun(now, p)
	}
	for _, r := range s.Queue() { // one of the schedule waits for the end of a window, others do not
		if r.isolated(p) {
			continue
		}
		start := r.StartsAt(now)
		if r.Trigger == TriggerSchedule && r.StartedAt.IsZero() {
			start = later(start, s.NextEligible)
		}
		if !start.After(now) {
			return r, start
		}
		if run == nil || start.Before(at) {
			run, at = r, start
		}
		if r.first() || r.StartsAt(now).After(now) {
			break // it goes first, or those behind it are for later too
		}
	}
	for _, r := range s.BackfillQueue() {
		if r.isolated(p) {
			continue
		}
		if start := r.StartsAt(now); run == nil || start.Before(at) {
			return r, start
		}
		break
	}
	return run, at
}

// begun is a run that waits to go on, which neither a trip nor a parked run keeps from it:
// what has begun finishes.
func (s *State) begun(now time.Time, p Plan) (run *Run, at time.Time) {
	for _, q := range [2][]*Run{s.Queue(), s.BackfillQueue()} {
		for _, r := range q {
			if !r.goesOnLater(p) || r.isolated(p) {
				continue
			}
			if !r.DueAt.After(now) {
				return r, r.DueAt
			}
			if run == nil || r.DueAt.Before(at) {
				run, at = r, r.DueAt
			}
		}
	}
	return run, at
}

// StartsAt is when a run that waits may start. One that could when it was accepted
// may start now, also if the clock shows less than then.
func (r *Run) StartsAt(now time.Time) time.Time {
	if r.later() || !r.StartedAt.IsZero() && !r.startsAgain() { // or it is a further attempt
		return r.DueAt
	}
	return earlier(r.DueAt, now)
}

// later says whether somebody asked for a start at a time of its own.
func (r *Run) later() bool {
	return r.Trigger == TriggerManual && r.DueAt.After(r.ScheduledAt) && r.StartedAt.IsZero()
}

// first says whether a run that waits goes before all others.
func (r *Run) first() bool { return r.Rank <= 0 }

// startsAgain says whether a run that waits was cut short, and its attempt starts again.
func (r *Run) startsAgain() bool {
	return !r.StartedAt.IsZero() && (r.Rank == restartRank || r.Rank == BackfillRank+restartRank)
}

// ready says whether a run that waits would start now if there were a slot, or goes
// before all others: one with a time of its own is in nobody's way before that.
func (r *Run) ready(now time.Time) bool { return r.first() || !r.StartsAt(now).After(now) }

// ready is how many of the runs that wait are. Those in the store come after those in
// memory.
func (s *State) ready(now time.Time) int {
	n := sort.Search(len(s.Queue()), func(i int) bool { return !s.Queue()[i].ready(now) })
	if n < len(s.Queue()) {
		return n
	}
	return s.Waiting
}

// waitingSince is since when the oldest of the runs that wait may start, those of a backfill
// apart. Runs that go before all others stand first, the rest in the order of that instant.
func (s *State) waitingSince() (since time.Time) {
	for _, r := range s.Queue() {
		at := r.DueAt
		if !r.first() {
			at = time.UnixMilli(r.Rank).UTC()
		}
		if since.IsZero() || at.Before(since) {
			since = at
		}
		if !r.first() {
			break
		}
	}
	return since
}

// nextAttempt is when the first run starts that waits before all others; zero: none does.
func (s *State) nextAttempt() (at time.Time) {
	for _, r := range s.Queue() {
		if !r.first() {
			break
		}
		if at.IsZero() || r.DueAt.Before(at) {
			at = r.DueAt
		}
	}
	return at
}

// retrying says whether a run waits for its next attempt, or to start again, before all
// others. A suspect that has to wait for others is in nobody's way.
func (s *State) retrying(p Plan) bool {
	for _, r := range s.Queue() {
		if !r.isolated(p) {
			return r.first()
		}
	}
	return false
}

// waitingProbe is a probe of the flow that waits before runs that have not begun; nil:
// none does. What begins again may be before it, and waits for the reset.
func (s *State) waitingProbe() *Run {
	for _, r := range s.Queue() {
		if !r.first() {
			return nil
		}
		if r.isProbe() {
			return r
		}
	}
	return nil
}
