package workflow

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"sync/atomic"
	"time"
)

// journey is what all that is done for one run has in common.
type journey struct {
	ctx        context.Context // the run's
	settings   *settings
	res        *Resources
	journal    Journal         // nil: the run is kept in memory alone
	suspending <-chan struct{} // the journal's; nil: none
	began      time.Time       // when the first state was entered
	name       string          // another for each run
}

// run is one execution of a workflow: where it stands, and what leads back from there.
type run[S comparable] struct {
	journey
	w        *Workflow[S]
	durable  context.Context // for the journal: what was done is recorded also when ctx has ended
	late     error           // the cause of its end when the workflow's timeout passed
	at       *node[S]
	next     S
	main     line
	visits   []visit[S] // states that were left and are to be undone if the run fails
	cause    error      // not nil: the run failed for good, and undos follow
	undone   bool       // something was
	undoErrs []error    // of undos that failed for good
	undoing  *undoing   // not nil: one is at work
	stale    bool       // the last checkpoint is that of a step that put nothing
	seq      int64      // of the last checkpoint, but for those that the journal adds
}

// visit is a state that was left, with what its undo needs.
type visit[S comparable] struct {
	node   *node[S]
	output json.RawMessage
}

// stop is an error that ends a run where it stands: nothing is undone.
type stop struct{ error }

// stopOf is the error in a stop; nil: err is none.
func stopOf(err error) error {
	var s stop
	if errors.As(err, &s) {
		return s.error
	}
	return nil
}

// execute makes a run from initial, or from where the journal says it is.
func (w *Workflow[S]) execute(ctx context.Context, initial *node[S]) (S, error) {
	r := w.newRun(ctx)
	resumed, err := r.begin(initial)
	if err != nil {
		return initial.state, err
	}
	defer r.limit()()
	r.arrived(resumed)
	outlive(func() { err = r.loop() })
	return r.at.state, err
}

// runs counts the runs of this process, which names those without a journal that does.
var runs atomic.Int64

func nameOf(j Journal) string {
	if n, ok := j.(named); ok {
		return n.Name()
	}
	return strconv.FormatInt(runs.Add(1), 10)
}

func (w *Workflow[S]) newRun(ctx context.Context) *run[S] {
	r := &run[S]{w: w, journey: journey{ctx: ctx, settings: &w.settings, res: &w.res}}
	if !w.volatile {
		r.journal = journalFrom(ctx)
	}
	if r.journal != nil {
		r.durable = context.WithoutCancel(ctx)
		r.suspending, r.main.kept = r.journal.Suspending(), true
	}
	r.name = nameOf(r.journal)
	r.main.Context, r.main.journey, r.main.call, r.main.branch = ctx, &r.journey, r.task, -1
	return r
}

// limit sets the timeout of the workflow, if it has one.
func (r *run[S]) limit() (cancel context.CancelFunc) {
	d := r.w.timeout
	if d == 0 {
		return func() {}
	}
	r.late = fmt.Errorf("timeout of the workflow, %v: %w", d, context.DeadlineExceeded)
	r.ctx, cancel = context.WithDeadlineCause(r.ctx, time.Now().Add(rest(r.began, r.began.Add(d), r.now(), d)), r.late)
	r.main.Context = r.ctx
	return cancel
}

// loop goes on from where r stands until the run is over. It may be entered again
// after a task has ended the goroutine under it.
func (r *run[S]) loop() error {
	for r.cause == nil && !r.at.exit {
		if err := r.step(); err != nil {
			return err
		}
	}
	if r.cause == nil {
		return nil
	}
	return r.compensate()
}

// step is a state from its task to the next one. An error ends the run where it stands.
func (r *run[S]) step() error {
	err := r.work()
	if err == nil {
		err = r.leave()
	}
	switch {
	case err == nil:
		return nil
	case err == errSuspended:
		return r.journal.Suspend()
	case parkingOf(err) != nil:
		return r.park(*parkingOf(err))
	case stopOf(err) != nil:
		return stopOf(err)
	case isSkipped(err):
		return err
	}
	return r.fail(err)
}

// park is the error to return of a run that leaves memory.
func (r *run[S]) park(p parking) error {
	if t, ok := r.journal.(timer); ok && p.length > 0 {
		return t.ParkFor(p.length, p.until)
	}
	return r.journal.(parker).Park(p.until)
}

// work does what is to be done in the state.
func (r *run[S]) work() error {
	if r.at.split != nil {
		r.next = r.at.split.join.next
		return r.at.split.run(&r.main)
	}
	for {
		if err := r.main.attempts(); !errors.Is(err, errPause) {
			return err
		}
		if err := r.pause(r.main.requests); err != nil {
			return err
		}
	}
}

// task is one attempt at the state's task.
func (r *run[S]) task(ctx context.Context) (err error) {
	r.next, err = r.at.task(ctx, r.res)
	return err
}

// pause does what the task asked for. After that the task is called again.
func (r *run[S]) pause(p pause) error {
	l := &r.main
	puts, undo := l.left()
	switch p.kind {
	case afterStep:
		if err := r.record(KindStep, r.at, payload{Cursor: p.cursor, Data: puts, work: l.attached()}); err != nil {
			return err
		}
		l.keep(puts)
		l.cursor = p.cursor
	case untilInstant:
		if l.until == nil {
			now := r.now().Round(0)
			if p.after {
				p.until = now.Add(p.length)
			}
			if err := r.record(KindTimer, r.at, payload{Until: &p.until, For: p.length, Data: puts, Undo: undo, work: l.attached()}); err != nil {
				return err
			}
			l.keep(puts)
			l.until, l.forUndo, l.since, l.length = &p.until, undo, now, p.length
		}
		return l.waitTimer()
	case askAgain:
		l.asked++
		return l.wait(p.wait.Delay(l.asked, jitter(r.began, r.name, r.at.text, -1, l.asked)))
	}
	return nil
}

// leave goes on to the next state.
func (r *run[S]) leave() error {
	next := r.w.lookup(r.next)
	if next == nil {
		text, _ := textOf(r.next)
		return fmt.Errorf("its task returned the state %s, which is neither registered nor an exit", text)
	}
	if r.at.to != nil && !slices.Contains(r.at.to, r.next) {
		return fmt.Errorf("its task returned the state %s, which it does not declare: add it to To(...)", next.text)
	}
	puts, output := r.main.left()
	came := r.main.outcomes
	if err := r.record(KindEnter, next, payload{Data: puts, Undo: output, Branches: came, work: r.main.attached()}); err != nil {
		return err
	}
	if r.at.undo != nil {
		r.visits = append(r.visits, visit[S]{r.at, output})
	}
	r.main.keep(puts)
	r.enter(next, came)
	r.arrived(false)
	return nil
}

func (r *run[S]) enter(n *node[S], came []Outcome) {
	r.at = n
	r.main.policy = &n.policy
	r.main.move(came)
}

// arrived tells the observers where the run is.
func (r *run[S]) arrived(resumed bool) {
	r.settings.tell(func(o *Observer) {
		switch {
		case resumed && o.Resumed != nil:
			o.Resumed(r.ctx, r.at.text)
		case !resumed && o.Entered != nil:
			o.Entered(r.ctx, r.at.text)
		}
	})
}

// record makes a checkpoint durable, and tells the observers. An error that is no stop is
// for good: it is the failure of the state. While the journal cannot be written the run
// stops, and the next process goes on.
func (r *run[S]) record(kind string, n *node[S], p payload) error {
	if r.journal == nil {
		return r.main.passOn()
	}
	c, err := r.checkpoint(kind, n, p)
	if err != nil {
		return fmt.Errorf("record %s of state %s: %w", kind, n.text, err)
	}
	if err := r.journal.Record(r.durable, c); err != nil {
		err = fmt.Errorf("record %s of state %s: %w", kind, n.text, err)
		if errors.Is(err, ErrTooLarge) || errors.Is(err, ErrWork) {
			return err
		}
		return stop{err}
	}
	if !c.Replaces {
		r.seq++
	}
	r.stale = kind == KindStep && len(p.Data) == 0
	r.settings.tell(func(o *Observer) {
		if o.Recorded != nil {
			o.Recorded(r.ctx, c)
		}
	})
	return nil
}

// checkpoint is what is to be recorded, if that leaves room for what has to follow.
func (r *run[S]) checkpoint(kind string, n *node[S], p payload) (c Checkpoint, err error) {
	c = Checkpoint{State: n.text, Kind: kind, Work: p.work, Replaces: kind == KindStep && r.stale && !r.repeats(p)}
	if kind != KindFailed && kind != KindUndo && !c.Replaces {
		if err := r.room(n); err != nil {
			return c, err
		}
	}
	c.Payload, err = p.encode()
	return c, err
}

// repeats says whether a step has work but records what the step before it has recorded.
// In the place of that, nobody could tell after a commit in doubt whether the work is done.
func (r *run[S]) repeats(p payload) bool {
	return p.work != nil && len(p.Data) == 0 && bytes.Equal(p.Cursor, r.main.cursor)
}
