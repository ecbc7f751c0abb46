package engine

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// rejection finds the flow that the database rejected.
func (e *Engine) rejection(err error) (*Rejected, *flow) {
	var rejected *Rejected
	if errors.As(err, &rejected) {
		for _, f := range e.ordered {
			if f.state.Load().Key == rejected.Flow {
				return rejected, f
			}
		}
	}
	return nil, nil
}

// heal prepares a batch for another attempt after a rejection.
func (e *Engine) heal(f *flow, commands []command, rejected error, reloaded map[*flow]bool) {
	err := rejected
	if !reloaded[f] {
		reloaded[f] = true
		if err = e.reload(f); err == nil {
			return
		}
	}
	err = fmt.Errorf("flow %q: %w", f.id, err)
	e.Logger.Error("pawl: the database rejects a transition", "flow", f.id, "error", err)
	for i := range commands {
		if commands[i].flow == f && commands[i].err == nil {
			commands[i].err = err
		}
	}
}

// resolveDoubts reads flows again whose last commit failed. A run that was
// reserved by it after all is started, one that ended by it is over.
func (e *Engine) resolveDoubts() {
	for f := range e.doubtful {
		if e.reload(f) == nil {
			delete(e.doubtful, f)
			e.look(f)
		}
	}
}

// reload reads a flow again that may be another than the driver knows.
func (e *Engine) reload(f *flow) error {
	ctx, cancel := context.WithTimeout(context.Background(), callTimeout)
	defer cancel()
	before := f.state.Load()
	state, counters, err := e.Store.Reload(ctx, before.Key)
	if err != nil {
		return fmt.Errorf("reload: %w", err)
	}
	e.counters.Seq = max(e.counters.Seq, counters.Seq)
	e.counters.Run = max(e.counters.Run, counters.Run)
	if state.Version == before.Version {
		return nil
	}
	e.Logger.Warn("pawl: flow is not as the driver left it", "flow", f.id, "version", before.Version, "found", state.Version)
	e.inFlight += len(state.Open) - len(before.Open)
	f.state.Store(&state)
	for _, run := range before.Open {
		if _, err := state.run(run.Number); err != nil {
			e.announce(f, []Run{{RunInfo: RunInfo{Number: run.Number}}}) // the store knows the rest
		}
	}
	return nil
}

// later lets what the database rejected rest.
func (e *Engine) later(c command) {
	if c.flow == nil {
		return
	}
	e.keep(c, time.Now().Add(rejectDelay))
	if due := dueAt(c.flow.state.Load().FlowInfo); !due.IsZero() && !e.draining {
		e.loops.set(c.flow, e.now().Add(rejectDelay))
	}
}
