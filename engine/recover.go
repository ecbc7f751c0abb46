package engine

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/pawl-go/pawl/engine/core"
)

// recover brings the flows to where the last commit left them. Runs that are
// still open belong to a process that is gone, so they are interrupted; new and
// changed plans are adopted; commands that waited are carried out; all of it in
// one transaction with the row of the new owner. An unchanged plan writes nothing.
func (e *Engine) recover(ctx context.Context, snapshot Snapshot, flows []Flow) error {
	e.counters, e.database = snapshot.Counters, snapshot.Database
	e.owner = e.Config.Owner
	e.owner.Limits = e.Limits()
	e.owner.Generation = snapshot.Generation + 1
	e.judgeClock(snapshot)
	e.judgeAges(snapshot)
	e.owner.StartedAt, e.ownerNew = e.now(), true
	e.clock = clock{e.Now().Round(0), time.Now(), e.Asleep()} // a step from here on is one while the engine runs
	e.assemble(snapshot, flows)
	for _, f := range e.all().ordered { // whether a run waits decides what an interrupt leads to
		if err := e.fill(ctx, f); err != nil {
			return err
		}
	}

	commands := e.lateEnds(snapshot.Ends)
	late := len(commands)
	crash := e.judge(ofCopy(e.crash(snapshot.Previous), snapshot.Doubt), snapshot)
	for _, f := range e.all().ordered {
		commands = append(commands, crash.clear(f)...)
	}
	cleared := len(commands) - late
	for _, f := range e.all().ordered {
		commands = append(commands, crash.settle(f)...)
	}
	recovered := len(commands) - late - cleared
	e.greet(snapshot.Doubt)
	e.complain(snapshot.Violations)
	back := snapshot.LastAt.Sub(e.owner.StartedAt)
	if back >= jumpLimit {
		e.Logger.Warn("pawl: the wall clock is behind the last transition", "by", back)
	}
	var keyed map[int64]bool
	if back >= jumpLimit {
		keyed = e.keyed()
	}
	for _, f := range e.all().ordered {
		commands = append(commands, e.takeOver(f)...)
		if f.state.Load().Over(e.owner.StartedAt) && !e.passive() && f.plan().Schedule != nil {
			commands = append(commands, command{flow: f, event: core.Resume{Expired: true}})
		}
		if back >= jumpLimit {
			commands = append(commands, e.afterStep(f, core.Adjust{By: -back.Milliseconds(), Keys: keyed == nil || keyed[f.state.Load().Key]})...)
		}
	}
	for _, row := range snapshot.Waiting {
		if c := e.fromInbox(row); c.do == nil {
			commands = append(commands, c)
		} else {
			e.Nudge() // the poller finds it
		}
	}

	b := e.apply(commands)
	if err := e.Store.Commit(ctx, b.Batch); errors.As(err, new(*Rejected)) {
		return fmt.Errorf("%w; was the database edited? pawl verify names what does not fit", err)
	} else if err != nil {
		return err
	}
	e.counters, e.ownerNew = b.counters, false
	for _, f := range e.all().ordered {
		f.renamed = false
	}
	e.publish(b)
	e.tellRefused(b)
	e.observe(b)
	if b.claimed {
		e.activate()
	}
	e.batch = batch{} // it may have been a large one
	for _, f := range e.all().ordered {
		e.look(f, e.now())
	}
	missed, caughtUp := e.tellMissed()
	e.Logger.Info("pawl: started", "flows", len(flows), "recovered", recovered, "missed", missed, "caught_up", caughtUp,
		"generation", e.owner.Generation)
	return nil
}

// tellMissed counts the instants that passed while nobody ran, and the runs that
// catch up on them; which flows they are of is for who debugs.
func (e *Engine) tellMissed() (missed, caughtUp int64) {
	for _, f := range e.all().ordered {
		n, runs := f.state.Load().Missed(e.owner.StartedAt, f.plan())
		if n > 0 {
			e.Logger.Debug("pawl: missed", "flow", f.id, "missed", n, "caught_up", runs, "catch-up", f.plan().CatchUp)
		}
		missed, caughtUp = missed+n, caughtUp+runs
	}
	return missed, caughtUp
}

// complaints is how many violations a start names.
const complaints = 5

// complain logs what contradicts itself in the store. The start goes on: what the
// rows of the flows say is what counts.
func (e *Engine) complain(violations []string) {
	for _, text := range violations[:min(len(violations), complaints)] {
		e.Logger.Error("pawl: the database contradicts itself; pawl verify lists all of it", "violation", text, "of", len(violations))
	}
}

// assemble joins what the program registers with what the store knows.
func (e *Engine) assemble(snapshot Snapshot, flows []Flow) {
	all := &registry{byID: make(map[string]*flow, len(flows)), ordered: make([]*flow, 0, len(flows))}
	e.registry.Store(all)
	former := map[string]*flow{}
	for i, r := range flows {
		f := all.add(r.ID)
		e.define(f, e.termsOf(r, i, e.owner.StartedAt))
		if r.Plan.FormerID != "" {
			former[r.Plan.FormerID] = f
		}
	}
	for _, s := range snapshot.Flows {
		if f := all.byID[s.ID]; f != nil {
			delete(former, s.ID)              // it is in use
			delete(former, f.plan().FormerID) // it was renamed before
		}
	}
	for _, s := range snapshot.Flows {
		f := all.byID[s.ID]
		if f == nil {
			if f = former[s.ID]; f != nil {
				f.renamed = true
			} else {
				f = all.add(s.ID)
			}
		}
		s.ID = f.id // the same text, kept once
		e.replace(f, s)
		if pruned := snapshot.Pruned[s.Key]; pruned > 0 {
			p := begun(s, pruned)
			f.pruning = &p
		}
	}
	e.lastKey = snapshot.Counters.Flow
	for _, f := range all.ordered[:len(flows)] {
		e.found(f)
	}
}

// found gives a flow that the store does not know its first state.
func (e *Engine) found(f *flow) {
	if f.state.Load() == nil {
		e.lastKey++
		s := core.NewState(f.id, e.lastKey)
		f.state.Store(&s)
	}
}

// termsOf is what the program says of a flow.
func (e *Engine) termsOf(r Flow, position int, since time.Time) *terms {
	plan := *r.Plan
	plan.Position, plan.Database, plan.Since, plan.Behind = 0, e.database, since, e.behind.Load() != nil
	return &terms{shared: e.share(plan), position: position, job: r.Job}
}

// share is a plan that all flows share which have an equal one.
func (e *Engine) share(p core.Plan) *common {
	p.Definition = nil
	shared := e.plans[p]
	if shared == nil {
		shared = &common{p, e.limitsOf(p)}
		if p.Schedule != nil {
			shared.Definition = p.Describe()
		}
		e.plans[p] = shared
	}
	return shared
}

// define takes it over.
func (e *Engine) define(f *flow, t *terms) {
	f.position = int32(t.position)
	f.terms.Store(t)
}

func (r *registry) add(id string) *flow {
	f := &flow{id: id}
	f.terms.Store(&noTerms)
	r.byID[id] = f
	r.ordered = append(r.ordered, f)
	return f
}

// noTerms are those of a flow that the program does not register.
var noTerms = terms{shared: &common{}}

// crash is what is known of the end of the last process, for each run that it left.
func (e *Engine) crash(previous *Owner) core.Interrupt {
	crash := core.Interrupt{Error: "interrupted: the process died while the job ran"}
	switch {
	case previous == nil:
	case previous.BootID != e.owner.BootID && previous.BootID != "" && e.owner.BootID != "":
		crash.Spared, crash.Error = true, "interrupted: the machine went down while the job ran"
	case previous.OOMKills >= 0 && e.owner.OOMKills > previous.OOMKills:
		crash.Spared, crash.Error = true, "interrupted: the system was out of memory and killed the process while the job ran"
	case !previous.StoppingAt.IsZero():
		crash.Spared, crash.Error = true, "interrupted: the process was ended while it waited for the job to stop"
	default:
		crash.Error += fmt.Sprintf(" (pid %d on %s)", previous.PID, previous.Host)
	}
	return crash
}

// lateEnds are those of runs in flight that the store did not take before the last
// stop.
func (e *Engine) lateEnds(ends []End) (commands []command) {
	for _, end := range ends {
		f := e.all().byID[end.Flow]
		if f != nil && f.plan().Schedule != nil && f.state.Load().HasInFlight(end.Run) {
			var event core.Event = core.Outcome{Run: end.Run, Error: end.Error, As: end.As, Permanent: end.Permanent, ExitCode: end.ExitCode, Output: end.Output, Ended: end.Ended}
			if end.As == core.RunCancelled {
				event = core.Cancel{Run: end.Run, Error: end.Error, Ended: end.Ended}
			}
			commands = append(commands, command{flow: f, event: event})
		}
	}
	return commands
}

// takeOver is what a plan needs that is not as the store knows it.
func (e *Engine) takeOver(f *flow) []command {
	s, p := f.state.Load(), f.plan()
	if p.Schedule == nil {
		if s.Registered {
			return []command{{flow: f, event: core.Retire{}}}
		}
		return nil
	}
	if f.renamed || !s.MatchesPlan(p) {
		return []command{{flow: f, event: core.Adopt{}}}
	}
	s.Definition = p.Describe() // the same, kept once; nobody has seen the state yet
	return nil
}
