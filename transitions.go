package pawl

import (
	"context"
	"fmt"
	"iter"
	"sync/atomic"

	"github.com/pawl-go/pawl/store"
)

// Transitions reads the transitions after one, of every flow and in the order of Seq,
// from the database, and then waits for more: none that is kept is left out. 0 begins
// with the oldest. Whoever stores the Seq of the last one that he has dealt with, and
// begins after it the next time, misses nothing over restarts either.
//
// It ends with an error: that of ctx, of the database, [ErrInCommit], or [ErrStopped]; what was
// committed until then and not yet read is there for the next. A hundred rows are in
// memory at a time, and no transaction is open while the loop's body runs.
func (r *Runner) Transitions(ctx context.Context, afterSeq int64) iter.Seq2[Transition, error] {
	return func(yield func(Transition, error) bool) {
		if err := notInCommit(ctx); err != nil {
			yield(Transition{}, fmt.Errorf("transitions: %w", err))
			return
		}
		t := tail{r.store.Reader, afterSeq, yield}
		for {
			committed, last := r.committed.wait(), r.ended() // before the look, or one would be missed
			more, err := t.look(ctx)
			if err == nil && more && !last {
				select {
				case <-committed:
					continue
				case <-r.engine.Done():
					continue
				case <-ctx.Done():
					err = ctx.Err()
				}
			}
			if more {
				yield(Transition{}, fmt.Errorf("transitions: %w", r.why(ctx, err)))
			}
			return
		}
	}
}

// ended says whether nothing is committed any more.
func (r *Runner) ended() bool {
	select {
	case <-r.engine.Done():
		return true
	default:
		return false
	}
}

// why is what ended a tail.
func (r *Runner) why(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if r.ended() {
		return ErrStopped
	}
	return err
}

// Transitions is [Runner.Transitions] for other processes. It looks at the file 40
// times a second, and reads when something was committed; an owner is not needed. It
// ends with the error of ctx or of the database.
func (c *Client) Transitions(ctx context.Context, afterSeq int64) iter.Seq2[Transition, error] {
	return func(yield func(Transition, error) bool) {
		t := tail{c.reader, afterSeq, yield}
		err := c.reader.Until(ctx, func() (bool, error) {
			more, err := t.look(ctx)
			return !more, err
		})
		if ctx.Err() != nil && err != nil {
			err = ctx.Err()
		}
		if err != nil {
			yield(Transition{}, fmt.Errorf("transitions: %w", err))
		}
	}
}

// tailPage is how many transitions are in memory at a time.
const tailPage = 100

// tail is a reader of transitions and how far it has come.
type tail struct {
	reader *store.Reader
	seq    int64
	yield  func(Transition, error) bool
}

// look yields what is there. False: nobody wants more.
func (t *tail) look(ctx context.Context) (more bool, err error) {
	for {
		page, err := t.reader.Transitions(ctx, t.seq, tailPage)
		if err != nil {
			return true, err
		}
		for _, transition := range page {
			t.seq = transition.Seq
			if !t.yield(transition, nil) {
				return false, nil
			}
		}
		if len(page) < tailPage {
			return true, nil
		}
	}
}

// bell wakes those who wait for the next commit. It costs nothing while nobody does.
type bell struct{ next atomic.Pointer[chan struct{}] }

// wait returns a channel that the next ring closes.
func (b *bell) wait() <-chan struct{} {
	for {
		if c := b.next.Load(); c != nil {
			return *c
		}
		c := make(chan struct{})
		if b.next.CompareAndSwap(nil, &c) {
			return c
		}
	}
}

// ring is called by one goroutine at a time.
func (b *bell) ring() {
	if b.next.Load() != nil {
		close(*b.next.Swap(nil))
	}
}

// NewestTransition is the Seq of the newest transition, from which on
// [Client.Transitions] tells only what is new; 0: there is none yet.
func (c *Client) NewestTransition(ctx context.Context) (seq int64, err error) {
	if seq, err = c.reader.NewestSeq(ctx); err != nil {
		return 0, fmt.Errorf("newest transition: %w", err)
	}
	return seq, nil
}
