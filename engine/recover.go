package engine

import (
	"context"
	"fmt"
)

// recover brings the flows to where the last commit left them. Runs that are
// still open belong to a process that is gone, so they are interrupted; new and
// changed plans are adopted; commands that waited are carried out; all of it in
// one transaction with the row of the new owner. An unchanged plan writes nothing.
func (e *Engine) recover(ctx context.Context, snapshot Snapshot, flows []Flow) error {
	e.counters = snapshot.Counters
	e.owner = e.Config.Owner
	e.owner.Generation = snapshot.Generation + 1
	e.owner.StartedAt, e.ownerNew = e.now(), true
	e.assemble(snapshot, flows)

	var commands []command
	for _, f := range e.ordered {
		commands = append(commands, e.settleOpen(f, snapshot.Previous)...)
	}
	recovered, missed := len(commands), e.missed()
	back := snapshot.LastAt.Sub(e.owner.StartedAt)
	if back >= jumpLimit {
		e.Logger.Warn("pawl: the wall clock is behind the last transition", "by", back)
	}
	for _, f := range e.ordered {
		commands = append(commands, e.takeOver(f)...)
		if back >= jumpLimit {
			commands = append(commands, e.afterJump(f, back)...)
		}
	}
	for _, c := range snapshot.Waiting {
		commands = append(commands, e.fromInbox(c))
	}

	b := e.apply(commands)
	if err := e.Store.Commit(ctx, b.Batch); err != nil {
		return err
	}
	e.counters, e.ownerNew = b.counters, false
	e.publish(b)
	e.batch = batch{} // it may have been a large one
	for _, f := range e.ordered {
		e.look(f)
	}
	e.Logger.Info("pawl: started", "flows", len(flows), "recovered", recovered, "missed", missed,
		"generation", e.owner.Generation)
	return nil
}

// assemble joins what the program registers with what the store knows.
func (e *Engine) assemble(snapshot Snapshot, flows []Flow) {
	e.flows = make(map[string]*flow, len(flows))
	e.ordered = make([]*flow, 0, len(flows))
	for i, r := range flows {
		f := e.add(r.ID)
		f.plan, f.job = r.Plan, r.Job
		f.plan.Position, f.plan.Database = i, snapshot.Database
	}
	for _, s := range snapshot.Flows {
		f := e.flows[s.ID]
		if f == nil {
			f = e.add(s.ID)
		}
		s.ID = f.id              // the same text, kept once
		f.started = s.LastNumber // whatever is open was started by another process
		f.state.Store(s)
		e.inFlight += s.InFlight
	}
	keys := snapshot.Counters.Flow
	for _, f := range e.ordered[:len(flows)] {
		if f.state.Load() == nil {
			keys++
			f.state.Store(&State{FlowInfo: FlowInfo{ID: f.id, Status: StatusIdle}, Key: keys})
		}
	}
}

func (e *Engine) add(id string) *flow {
	f := &flow{id: id}
	e.flows[id] = f
	e.ordered = append(e.ordered, f)
	return f
}

// settleOpen interrupts the runs of a process that is gone.
func (e *Engine) settleOpen(f *flow, previous *Owner) (commands []command) {
	for _, run := range f.state.Load().Open {
		event := Interrupt{Run: run.Number, Error: "interrupted: the process died while the job ran"}
		if previous != nil {
			event.Error += fmt.Sprintf(" (pid %d on %s)", previous.PID, previous.Host)
			switch {
			case previous.BootID != e.owner.BootID && previous.BootID != "" && e.owner.BootID != "":
				event.Spared, event.Error = true, "interrupted: the machine went down while the job ran"
			case !previous.StoppingAt.IsZero():
				event.Spared, event.Error = true, "interrupted: the process was ended while it waited for the job to stop"
			}
		}
		commands = append(commands, command{flow: f, event: event})
	}
	return commands
}

// takeOver is what a plan needs that is not as the store knows it.
func (e *Engine) takeOver(f *flow) []command {
	info := f.state.Load().FlowInfo
	switch {
	case f.plan.Schedule == nil && info.Registered:
		return []command{{flow: f, event: Retire{}}}
	case f.plan.Schedule != nil && (info.Version == 0 || planned(info, f.plan) != info):
		return []command{{flow: f, event: Adopt{}}}
	}
	return nil
}

// missed counts the flows that were due while nobody ran.
func (e *Engine) missed() (n int) {
	for _, f := range e.ordered {
		due := dueAt(f.state.Load().FlowInfo)
		if f.plan.Schedule != nil && !due.IsZero() && due.Before(e.owner.StartedAt) {
			n++
		}
	}
	return n
}
