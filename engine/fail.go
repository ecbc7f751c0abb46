package engine

import (
	"fmt"
	"time"
)

// fail answers a batch that the store did not take. Its outcome is unknown: a
// failed COMMIT may yet be found in the log after a crash. So callers get the
// error at once; the ends of runs and flows that are due are tried again.
func (e *Engine) fail(b batch, err error) {
	if e.failing.IsZero() {
		e.failing = time.Now()
		e.Logger.Error("pawl: the database does not take writes; no flow is dispatched until it does", "error", err)
	}
	e.retryAt, e.failure = time.Now().Add(retryDelay), err
	e.ownerNew = true // something to write, so that the end of the spell is noticed
	for _, f := range b.flows {
		e.doubtful[f] = true
	}
	e.holdUp(b.commands, err)
}

// holdUp answers commands while the store fails.
func (e *Engine) holdUp(commands []command, err error) {
	for _, c := range commands {
		e.reply(c, reply{err: fmt.Errorf("commit: %w", err), unknown: true})
		e.keep(c, time.Time{})
		if c.flow != nil {
			e.look(c.flow)
		}
	}
}

// recovered ends a spell in which the store failed.
func (e *Engine) recovered() {
	if e.failing.IsZero() {
		return
	}
	e.Logger.Info("pawl: the database takes writes again", "after", time.Since(e.failing))
	e.failing, e.retryAt, e.failure = time.Time{}, time.Time{}, nil
}

// keep holds what must not be dropped until it is durable or refused.
func (e *Engine) keep(c command, after time.Time) {
	switch c.event.(type) {
	case Outcome, Cancel, Adjust, Correct:
		c.err, c.after = nil, after
		e.kept = append(e.kept, c)
	}
}
