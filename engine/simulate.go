package engine

import (
	"cmp"
	"container/heap"
	"context"
	"slices"
	"time"

	"github.com/pawl-go/pawl/engine/core"
)

// Simulation is flows that [Simulate] plays on virtual time: as new ones, with all that
// [core.Apply] decides and the limits they share, but without a store, and without jobs.
type Simulation struct {
	Flows      []Flow // their jobs are not run
	From, To   time.Time
	Database   string // seeds the jitter
	MaxRunning int    // 0: no bound
	Groups     map[string]int

	// Job is how long a run takes, and the error it returns.
	Job func(core.RunInfo) (time.Duration, error)

	// Each is called with each transition, which it may not change.
	Each func(*core.Change) error
}

// Simulate plays a simulation up to its end, where runs that are in flight are left as
// they are. It returns the first error of Each, or that of ctx.
func Simulate(ctx context.Context, s Simulation) error {
	p := newPlay(s)
	for i := range p.flows {
		if err := p.apply(p.flows[i], core.Adopt{}); err != nil {
			return err
		}
	}
	for n := 0; p.moments.Len() > 0; n++ {
		if n%1024 == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
		m := heap.Pop(&p.moments).(moment)
		if p.now = time.UnixMilli(m.at).UTC(); p.now.After(s.To) {
			return nil
		}
		if err := p.play(m); err != nil {
			return err
		}
	}
	return nil
}

// play is a simulation that goes on.
type play struct {
	Simulation
	now     time.Time
	flows   []*actor
	running map[string]int // by group; those of all flows under ""
	crowded []*actor       // found no room, in the order in which they were due
	moments moments
	keys    int64
	seq     int64
}

// actor is a flow of a simulation.
type actor struct {
	state   *core.State
	plan    core.Plan
	place   int
	turn    int                 // of the moments that wake it, the last one counts
	started map[int64]bool      // runs in flight
	waiting map[int64]*core.Run // what a store would keep
}

func newPlay(s Simulation) *play {
	p := &play{Simulation: s, now: s.From.Truncate(time.Millisecond).UTC(), running: map[string]int{}}
	for i, f := range s.Flows {
		plan := *f.Plan
		plan.Position, plan.Database, plan.Since = i, s.Database, p.now
		state := core.NewState(f.ID, int64(i+1))
		p.flows = append(p.flows, &actor{state: &state, plan: plan, place: i, started: map[int64]bool{}, waiting: map[int64]*core.Run{}})
	}
	return p
}

func (p *play) play(m moment) error {
	a := p.flows[m.flow]
	switch {
	case m.run > 0:
		if !a.started[m.run] {
			return nil
		}
		return p.apply(a, m.outcome)
	case m.turn != a.turn:
		return nil
	case p.full(a):
		p.crowded = append(p.crowded, a)
		return nil
	}
	p.keys++
	return p.apply(a, core.Reserve{Trigger: core.TriggerSchedule, Key: p.keys})
}

// full says whether a limit leaves no room for a run of a flow.
func (p *play) full(a *actor) bool {
	limit, shared := p.Groups[a.plan.Group]
	return p.MaxRunning > 0 && p.running[""] >= p.MaxRunning || shared && a.plan.Group != "" && p.running[a.plan.Group] >= limit
}

// apply lets something happen to a flow. What is refused changes nothing, and the flow
// rests until something else happens to it.
func (p *play) apply(a *actor, e core.Event) error {
	c, err := core.Apply(*a.state, e, p.now, a.plan)
	if err != nil {
		return nil // a refusal
	}
	p.seq++
	c.Number(p.seq)
	a.state = c.State
	for i := range c.Runs {
		p.follow(a, c.Runs[i])
	}
	for _, r := range c.Open {
		if r.Ending && a.started[r.Number] {
			p.end(a, r.RunInfo, p.now, core.Outcome{Run: r.Number, Error: ErrCancelled.Error()})
		}
	}
	a.refill()
	p.wake(a)
	return p.Each(&c)
}

// follow starts a run, keeps it while it waits, or lets its place go.
func (p *play) follow(a *actor, r core.Run) {
	was := a.started[r.Number]
	delete(a.waiting, r.Number)
	switch {
	case r.Status == core.RunWaiting:
		a.waiting[r.Number] = &r
	case r.Status == core.RunRunning && !was:
		a.started[r.Number] = true
		p.count(a, 1)
		p.launch(a, r.RunInfo)
	}
	if was && r.Status != core.RunRunning {
		delete(a.started, r.Number)
		p.count(a, -1)
		for _, other := range p.crowded {
			p.wake(other)
		}
		p.crowded = nil
	}
}

func (p *play) count(a *actor, n int) {
	p.running[""] += n
	if a.plan.Group != "" {
		p.running[a.plan.Group] += n
	}
}

// launch plans the end of a run.
func (p *play) launch(a *actor, r core.RunInfo) {
	took, err := p.Job(r)
	out := core.Outcome{Run: r.Number}
	if err != nil {
		out.Error = err.Error()
	}
	if limit := a.plan.AttemptTimeout; limit > 0 && took > limit {
		took, out.Error, out.As, out.Limited = limit, ErrAttemptTimedOut.Error(), core.RunTimedOut, true
	}
	end := p.now.Add(max(took, 0))
	if !r.Deadline.IsZero() && end.After(r.Deadline) {
		end, out.Error, out.As, out.Limited = r.Deadline, ErrTimedOut.Error(), core.RunTimedOut, false
	}
	p.end(a, r, end, out)
}

func (p *play) end(a *actor, r core.RunInfo, at time.Time, out core.Outcome) {
	heap.Push(&p.moments, moment{at: at.UnixMilli(), flow: a.place, run: r.Number, outcome: out})
}

// wake plans when a flow does the next thing by itself.
func (p *play) wake(a *actor) {
	a.turn++
	if due := a.state.DueAt(p.now, a.plan); !due.IsZero() {
		heap.Push(&p.moments, moment{at: max(due.UnixMilli(), p.now.UnixMilli()), since: due.UnixMilli(), flow: a.place, turn: a.turn})
	}
}

// refill brings runs that wait into the state, as a store would.
func (a *actor) refill() {
	if !a.state.NeedsRefill(a.plan) {
		return
	}
	var queue []*core.Run
	for _, r := range a.waiting {
		queue = append(queue, r)
	}
	slices.SortFunc(queue, core.ByRank)
	full := *a.state
	full.SetQueue(queue[:min(len(queue), core.WindowOf(a.plan))], full.BackfillQueue())
	a.state = &full
}

// A moment is when a run ends, or else a flow looks what it has to do.
type moment struct {
	at      int64 // milliseconds
	since   int64 // that it is due: who has waited longest goes first
	flow    int
	run     int64 // that ends; 0: none
	turn    int
	outcome core.Outcome
}

// moments implements heap.Interface. What ends, ends before others start.
type moments []moment

func (h moments) Len() int      { return len(h) }
func (h moments) Swap(i, j int) { h[i], h[j] = h[j], h[i] }
func (h moments) Less(i, j int) bool {
	a, b := h[i], h[j]
	return cmp.Or(cmp.Compare(a.at, b.at), cmp.Compare(b.run, a.run), cmp.Compare(a.since, b.since), cmp.Compare(a.flow, b.flow)) < 0
}
func (h *moments) Push(x any) { *h = append(*h, x.(moment)) }
func (h *moments) Pop() any {
	last := len(*h) - 1
	m := (*h)[last]
	*h = (*h)[:last]
	return m
}
