package workflow

import (
	"context"
	"errors"
	"fmt"

	"github.com/pawl-go/pawl/internal/permanent"
)

// fail makes the run one that failed for good. When there is something to undo that is
// recorded: from then on the run goes back, also after a crash. What the journal refuses
// for good does not keep it from that.
func (r *run[S]) fail(err error) error {
	e := &TaskError{State: r.at.text, Attempts: r.main.tried, Err: err}
	r.cause = e
	r.failed(e)
	if len(r.visits) == 0 {
		return nil
	}
	return stopOf(r.record(KindFailed, r.at, payload{Error: clip(err.Error(), maxError), Attempts: e.Attempts, Permanent: permanent.Is(err)}))
}

// failed tells the observers.
func (r *run[S]) failed(e *TaskError) {
	r.settings.tell(func(o *Observer) {
		if o.Failed != nil {
			o.Failed(r.ctx, e.State, e)
		}
	})
}

// compensate undoes what was done, the last state first. The error it returns is the
// run's.
func (r *run[S]) compensate() error {
	for len(r.visits) > 0 {
		switch err := r.undoLast(); {
		case err == errSuspended:
			return r.journal.Suspend()
		case err != nil:
			return stopOf(err)
		}
	}
	return r.verdict()
}

// undoing is an undo at work.
type undoing struct {
	line
	end func() // of its context
}

// undoLast undoes the last visit, and records that. Its errors are stop and errSuspended.
func (r *run[S]) undoLast() error {
	v := r.visits[len(r.visits)-1]
	if r.undoing == nil {
		r.undoing = r.startUndo(v)
	}
	err := r.undoing.attempts()
	u := r.undoing
	u.end()
	r.undoing = nil
	if err == errSuspended {
		return err
	}
	p := payload{}
	if err != nil && !isSkipped(err) {
		e := &TaskError{State: v.node.text, Attempts: u.tried, Err: fmt.Errorf("undo: %w", err)}
		r.undoErrs = append(r.undoErrs, e)
		r.failed(e)
		p.Error, p.Attempts = clip(e.Err.Error(), maxError), e.Attempts
	} else {
		p.Data, _ = u.left()
	}
	if err := stopOf(r.record(KindUndo, v.node, p)); err != nil {
		return stop{err}
	}
	u.keep(p.Data)
	r.main.data = u.data
	r.undone = true
	r.visits = r.visits[:len(r.visits)-1]
	return nil
}

// startUndo prepares the attempts of an undo. Their context survives the run's, but not
// the end of the run's while the process stops.
func (r *run[S]) startUndo(v visit[S]) *undoing {
	limit := r.settings.undoLimit()
	ctx, cancel := context.WithTimeoutCause(context.WithoutCancel(r.ctx), limit,
		fmt.Errorf("timeout of an undo, %v: %w", limit, context.DeadlineExceeded))
	detach := context.AfterFunc(r.ctx, func() {
		select {
		case <-r.suspending:
			cancel()
		default:
		}
	})
	policy := v.node.policy
	policy.breaker = nil // to refuse an undo helps nobody
	return &undoing{
		line: line{
			scope:   scope{Context: ctx, role: roleUndo, data: r.main.data, kept: r.main.kept},
			policy:  &policy,
			journey: &r.journey,
			branch:  -1,
			call:    func(ctx context.Context) error { return v.node.undo(ctx, r.res, v.output) },
		},
		end: func() { detach(); cancel() },
	}
}

// verdict is the error of a run that failed. One that would fail in the same way again
// is marked as permanent.
func (r *run[S]) verdict() error {
	err := r.cause
	if len(r.undoErrs) > 0 {
		err = errors.Join(append([]error{err}, r.undoErrs...)...)
	}
	late := r.late != nil && !r.undone && errors.Is(r.cause, r.late)
	if r.journal != nil && (late || permanent.Is(r.cause)) {
		return r.journal.Permanent(err)
	}
	return err
}
