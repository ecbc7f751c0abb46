package engine

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/pawl-go/pawl/engine/core"
)

// heal prepares a batch for another attempt after a rejection; false: it was
// none. A flow is read again, and if it is rejected once more its commands are
// answered with the error. A command whose answer cannot be written is not
// carried out.
func (e *Engine) heal(commands []command, err error, reloaded map[*flow]bool) bool {
	var rejected *Rejected
	if !errors.As(err, &rejected) {
		return false
	}
	culprit := func(c command) bool { return c.inbox && c.row == rejected.Command }
	if rejected.Command == 0 {
		f := e.byKey(rejected.Flow)
		if f == nil {
			return false
		}
		if !reloaded[f] {
			reloaded[f] = true
			ctx, cancel := context.WithTimeout(context.Background(), callTimeout)
			defer cancel()
			if err = e.reload(ctx, f); err == nil {
				return true
			}
			err = fmt.Errorf("flow %q: %w", f.id, err)
		}
		culprit = func(c command) bool { return c.flow == f }
	}
	e.Logger.Error("pawl: the database rejects a transition", "error", err)
	for i, c := range commands {
		if c.err == nil && culprit(c) {
			commands[i].err = err
		}
		if rejected.Command != 0 && culprit(c) {
			commands[i].err, commands[i].inbox = err, false
		}
	}
	return true
}

func (e *Engine) byKey(key int64) *flow {
	for _, f := range e.all().ordered {
		if f.state.Load().Key == key {
			return f
		}
	}
	return nil
}

// resolveDoubts reads flows again whose last commit failed. A run that was
// reserved by it after all is started, one that ended by it is over.
func (e *Engine) resolveDoubts() {
	ctx, cancel := context.WithTimeout(context.Background(), callTimeout)
	defer cancel()
	if e.claimDoubtful && e.resolveClaim(ctx) != nil {
		return // the store is not well yet
	}
	for f := range e.doubtful {
		if e.reload(ctx, f) != nil {
			return
		}
		delete(e.doubtful, f)
		e.enlist(f)
		e.look(f, e.now())
	}
}

// moved says whether a step of the clock whose commit failed is in the store after all: to
// move a wait twice would be wrong.
func (c command) moved() bool {
	return c.version != 0 && isStep(c.event) && c.version != c.flow.state.Load().Version
}

func isStep(event core.Event) bool {
	switch event.(type) {
	case core.Adjust, core.Correct:
		return true
	}
	return false
}

// resolveClaim asks whether a claim whose commit failed is in the store after all.
func (e *Engine) resolveClaim(ctx context.Context) error {
	passive, err := e.Store.Passive(ctx)
	if err != nil {
		return err
	}
	e.claimDoubtful = false
	if passive == "" {
		e.activate()
	}
	return nil
}

// reload reads a flow again that may be another than the driver knows.
func (e *Engine) reload(ctx context.Context, f *flow) error {
	before := f.state.Load()
	state, counters, err := e.Store.Reload(ctx, before.Key)
	if err != nil {
		return fmt.Errorf("reload: %w", err)
	}
	e.counters.Seq = max(e.counters.Seq, counters.Seq)
	e.counters.Run = max(e.counters.Run, counters.Run)
	switch state.Version {
	case before.Version:
		return nil
	case 0:
		return errors.New("reload: its row is gone")
	}
	e.Logger.Warn("pawl: flow is not as the driver left it", "flow", f.id, "version", before.Version, "found", state.Version)
	e.replace(f, &state)
	f.jobs = slices.DeleteFunc(f.jobs, func(x *execution) bool {
		gone := !state.HasInFlight(x.run.Number)
		if gone { // nobody will look for it again
			x.cancel(ErrCancelled)
		}
		return gone
	})
	e.refill(f)
	f.lookAgain()
	return nil
}

// enlist shows a flow that an update which failed was to add, and has.
func (e *Engine) enlist(f *flow) {
	old := e.all()
	if old.byID[f.id] != nil || f.renamed || f.state.Load().Version == 0 {
		return
	}
	all := &registry{byID: maps.Clone(old.byID), ordered: append(slices.Clip(old.ordered), f)}
	all.byID[f.id] = f
	e.registry.Store(all)
}

// later lets what the database rejected rest.
func (e *Engine) later(c command) {
	if c.flow == nil {
		return
	}
	e.keep(c, time.Now().Add(rejectDelay))
	if r, ok := c.event.(core.Resume); ok && r.Expired && !e.draining {
		e.pauses.set(c.flow, e.now().Add(rejectDelay))
	}
	if _, ok := c.event.(core.Wake); ok && !e.draining {
		e.wakes.set(c.flow, e.now().Add(rejectDelay))
	}
	if due := c.flow.due(e.now()); !due.IsZero() && !e.draining {
		e.wait(c.flow, e.now().Add(rejectDelay), e.now())
	}
}
