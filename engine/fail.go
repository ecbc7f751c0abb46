package engine

import (
	"fmt"
	"time"

	"github.com/pawl-go/pawl/engine/core"
)

// Degraded is why the store does not take writes, and nothing is dispatched; nil:
// it does.
func (e *Engine) Degraded() error {
	if err := e.degraded.Load(); err != nil {
		return *err
	}
	return nil
}

// fail answers a batch that the store did not take. Its outcome is unknown: a
// failed COMMIT may yet be found in the log after a crash. So callers get the
// error at once; the ends of runs and flows that are due are tried again.
func (e *Engine) fail(b batch, err error) {
	if e.failing.IsZero() {
		e.failing = time.Now()
		e.Logger.Error(fmt.Sprintf("degraded: no flow is dispatched while the database takes no writes: %v", err))
	}
	e.degrade(err)
	e.retryAt, e.failure = time.Now().Add(retryDelay), err
	e.ownerNew = true // something to write, so that the end of the spell is noticed
	for _, f := range b.flows {
		e.doubtful[f] = true
	}
	e.claimDoubtful = e.claimDoubtful || b.claimed
	e.holdUp(b.commands, err)
}

// degrade shows what the store fails with now.
func (e *Engine) degrade(err error) {
	if before := e.Degraded(); before != nil && before.Error() == err.Error() {
		return
	}
	e.degraded.Store(&err)
	if e.OnDegraded != nil {
		e.OnDegraded(err)
	}
}

// holdUp answers commands while the store fails.
func (e *Engine) holdUp(commands []command, err error) {
	for _, c := range commands {
		e.reply(c, reply{err: fmt.Errorf("commit: %w", err), unknown: true})
		e.keep(c, time.Time{})
		if c.flow != nil {
			e.look(c.flow, e.now())
		}
	}
}

// recovered ends a spell in which the store failed.
func (e *Engine) recovered() {
	if e.failing.IsZero() {
		return
	}
	e.Logger.Info("pawl: the database takes writes again", "after", time.Since(e.failing).Round(time.Millisecond).String())
	e.failing, e.retryAt, e.failure = time.Time{}, time.Time{}, nil
	e.degraded.Store(nil)
	if e.OnDegraded != nil {
		e.OnDegraded(nil)
	}
}

// keep holds what must not be dropped until it is durable or refused.
func (e *Engine) keep(c command, after time.Time) {
	switch c.event.(type) {
	case core.Outcome, core.Cancel, core.Timeout, core.Adjust, core.Correct:
		c.err, c.after = nil, after
		if isStep(c.event) {
			c.version = c.flow.state.Load().Version
		}
		e.kept = append(e.kept, c)
	}
}

// probe lets the driver find out whether the store takes writes: what others read
// of it makes one doubt that.
func (e *Engine) probe() {
	select {
	case e.urgent <- command{probe: true}:
	case <-e.stopping:
	case <-e.drained:
	}
}
