package pawl

import (
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"sync"
	"time"

	"github.com/pawl-go/pawl/engine/core"
)

// WithObserver has a function called with each transition, in the order of Seq, after
// it was committed: one call at a time, on a goroutine of its own. It may be given
// several times. Stop waits up to 10 seconds until it was called with the last one.
//
// Up to 10,000 transitions wait for the function. When one more comes, nothing is
// committed until there is room, but for no longer than maxWait; 0: the scheduler
// never waits. What has no room then is dropped: a gap in Seq shows it,
// [Runner.Dropped] counts it, and a spell of it is logged once, as a warning. Until the
// function has caught up the scheduler does not wait again. Not told either, and not
// counted, is a transition whose commit returned an error and took effect all the
// same. Whoever must not miss one reads [Runner.Transitions] in place of this.
//
// The function may use the Runner, but must not wait for its Stop. A panic in it is
// logged and ends that call alone.
func WithObserver(observe func(Transition), maxWait time.Duration) Option {
	return func(o *options) error {
		if observe == nil {
			return errors.New("WithObserver(nil)")
		}
		o.observers = append(o.observers, func(l *slog.Logger) watcher {
			return newObserver(l, maxWait, observe, func(c *core.Change) (Transition, bool) { return c.Transition(), true })
		})
		return atLeast("WithObserver", maxWait, 0)
	}
}

// WithOnTrip has a function called with each flow that trips, as it was then, also when
// a probe of one that had tripped fails. Else it is as [WithObserver] that never
// lets the scheduler wait.
func WithOnTrip(tripped func(FlowInfo)) Option {
	return func(o *options) error {
		if tripped == nil {
			return errors.New("WithOnTrip(nil)")
		}
		o.observers = append(o.observers, func(l *slog.Logger) watcher {
			return newObserver(l, 0, tripped, func(c *core.Change) (info FlowInfo, tripped bool) {
				if tripped = c.Trips(); tripped {
					info = c.Info()
				}
				return info, tripped
			})
		})
		return nil
	}
}

// Dropped is how many transitions, and trips, had no room before the functions of
// [WithObserver] and [WithOnTrip], since the start.
func (r *Runner) Dropped() (n int64) {
	for _, o := range r.observers {
		n += o.missed()
	}
	return n
}

// Refusals is how many committed requests were refused since the start while nobody waited
// for the answer: rows of the inbox that [Runner.TriggerTx], [Client.Post] or plain SQL has
// left. The reason of each is in the log, and on its row.
func (r *Runner) Refusals() int64 { return r.engine.Refusals() }

// watcher is an observer of whatever it is about.
type watcher interface {
	observe(changes []core.Change)
	missed() int64
	drain() error
	abandon()
}

// observed is what the driver calls after a commit.
func (r *Runner) observed(changes []core.Change) {
	for _, o := range r.observers {
		o.observe(changes)
	}
	r.committed.ring()
}

const (
	observerQueue = 10_000           // that wait for an observer
	observerLimit = 10 * time.Second // for each, at Stop
)

// endObservers lets them see what is left, within bounds.
func (r *Runner) endObservers() error {
	var errs []error
	for _, o := range r.observers {
		errs = append(errs, limited(observerLimit, "tell an observer", o.drain))
		o.abandon()
	}
	return errors.Join(errs...)
}

// observer hands what it picks of the changes over to a function.
type observer[T any] struct {
	pick    func(*core.Change) (T, bool)
	tell    func(T)
	maxWait time.Duration
	logger  *slog.Logger

	mu      sync.Mutex
	queue   []T
	dropped int64
	behind  bool // something was dropped since the queue was last empty
	ended   bool // nothing is taken any more

	// The driver sends to added, and so does drain; the observer's goroutine to room.
	// Both have a capacity of 1, since all they say is 'look', and nobody closes them.
	added, room chan struct{}
	done        chan struct{} // closed by the observer's goroutine at its end
}

func newObserver[T any](l *slog.Logger, maxWait time.Duration, tell func(T), pick func(*core.Change) (T, bool)) *observer[T] {
	o := &observer[T]{
		pick: pick, tell: tell, maxWait: maxWait, logger: l,
		added: make(chan struct{}, 1), room: make(chan struct{}, 1), done: make(chan struct{}),
	}
	go o.follow()
	return o
}

// observe takes what is new, and waits for room, all in all, no longer than it may.
func (o *observer[T]) observe(changes []core.Change) {
	patience := o.maxWait
	for i := range changes {
		if item, ok := o.pick(&changes[i]); ok {
			patience = o.offer(item, patience, changes[i].Seq)
		}
	}
}

// offer puts an item into the queue, or drops it, and returns what is left of the
// patience.
func (o *observer[T]) offer(item T, patience time.Duration, seq int64) time.Duration {
	if o.put(item) {
		return patience
	}
	deadline := time.Now().Add(patience)
	for !o.isBehind() && o.awaitRoom(time.Until(deadline)) {
		if o.put(item) {
			return time.Until(deadline)
		}
	}
	o.drop(seq)
	return 0
}

func (o *observer[T]) put(item T) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.ended || len(o.queue) >= observerQueue {
		return false
	}
	o.queue = append(o.queue, item)
	signal(o.added)
	return true
}

func (o *observer[T]) isBehind() bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.behind || o.ended
}

func (o *observer[T]) awaitRoom(d time.Duration) bool {
	if d <= 0 {
		return false
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-o.room:
		return true
	case <-timer.C:
		return false
	}
}

// drop counts what has no room, and logs the first of a spell.
func (o *observer[T]) drop(seq int64) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if !o.behind {
		o.logger.Warn("pawl: an observer is behind, transitions are dropped", "seq", seq, "dropped before", o.dropped)
	}
	o.behind = true
	o.dropped++
}

func (o *observer[T]) missed() int64 {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.dropped
}

// follow calls the function until there is nothing left and the end has come.
func (o *observer[T]) follow() {
	over := false
	defer func() {
		if over {
			close(o.done)
		} else {
			go o.follow() // the function called runtime.Goexit
		}
	}()
	for {
		if item, ok := o.take(); ok {
			o.call(item)
		} else if over = o.isOver(); over {
			return
		} else {
			<-o.added
		}
	}
}

// call turns a panic into a line of the log.
func (o *observer[T]) call(item T) {
	defer func() {
		if r := recover(); r != nil {
			o.logger.Error("pawl: an observer panicked", "panic", fmt.Sprint(r), "stack", string(debug.Stack()))
		}
	}()
	o.tell(item)
}

func (o *observer[T]) take() (item T, ok bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if len(o.queue) == 0 {
		o.behind = false
		return item, false
	}
	item, o.queue[0] = o.queue[0], item // so that the memory behind it is let go
	o.queue = o.queue[1:]
	signal(o.room)
	return item, true
}

func (o *observer[T]) isOver() bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.ended && len(o.queue) == 0
}

// drain takes nothing any more, and waits until the function has seen all.
func (o *observer[T]) drain() error {
	o.mu.Lock()
	o.ended = true
	signal(o.added)
	o.mu.Unlock()
	<-o.done
	return nil
}

// abandon drops what the function has not seen.
func (o *observer[T]) abandon() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.dropped += int64(len(o.queue))
	o.queue = nil
}

// signal says 'look' to whoever receives.
func signal(c chan<- struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}
