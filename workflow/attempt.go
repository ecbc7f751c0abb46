package workflow

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"time"

	"github.com/pawl-go/pawl/internal/permanent"
)

// errSuspended is for inside: the process is about to end, and the run stops here.
var errSuspended = errors.New("suspended")

// parking is for inside: the run has recorded where it is, and leaves memory until an instant.
type parking struct {
	until  time.Time
	length time.Duration // 0: until an instant
}

func (p *parking) Error() string { return "parked until " + p.until.Format(time.RFC3339) }

// parkingOf is the parking in an error; nil: err is none.
func parkingOf(err error) *parking {
	var p *parking
	errors.As(err, &p)
	return p
}

// parkAfter is the longest wait for which a run stays in memory.
const parkAfter = 5 * time.Second

// line is a sequence of attempts: of the task of a state, of a branch, or of an undo.
type line struct {
	scope
	*policy
	*journey
	call    func(ctx context.Context) error
	branch  int   // its index; -1: not a branch
	tried   int   // attempts that failed
	aborted error // not nil: what runtime.Goexit in the last attempt comes to
}

// attempts makes attempts until one succeeds or asks for a pause, or the line fails for
// good. When an attempt ends its goroutine, calling it again goes on behind that.
func (l *line) attempts() error {
	var last error // of the attempts before
	for {
		err := l.aborted
		l.aborted = nil
		if err == nil {
			if err := l.stopped(); err != nil {
				return err
			}
			epoch, refused := l.admit()
			if refused != nil {
				return because(refused, last)
			}
			err = l.attempt(epoch)
		}
		if err == nil || errors.Is(err, errPause) {
			l.tried = 0
			return err
		}
		l.tried++
		switch {
		case isSkipped(err):
			return err
		case l.Err() != nil:
			return because(l.stopped(), err)
		case l.tried > l.retries || permanent.Is(err):
			return err
		}
		wait := l.backoff.Delay(l.tried, jitter(l.began, l.name, l.text, l.branch, l.tried))
		l.retrying(err, wait)
		if over := l.wait(wait); over != nil {
			return because(over, err)
		}
		last = err
	}
}

// admit asks the breaker, if there is one.
func (l *line) admit() (epoch int, err error) {
	if l.breaker == nil {
		return 0, nil
	}
	return l.breaker.allow()
}

// because is the error of a line that was stopped for cause when a task returned err; nil:
// none has.
func because(cause, err error) error {
	if err == nil || cause == errSuspended || errors.Is(cause, err) {
		return cause
	}
	return fmt.Errorf("%w: %w", cause, err)
}

// attempt is one of them.
func (l *line) attempt(epoch int) (err error) {
	l.reset()
	ctx := context.Context(&l.scope)
	if l.timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeoutCause(ctx, l.timeout, fmt.Errorf("timeout of an attempt, %v: %w", l.timeout, context.DeadlineExceeded))
		defer cancel()
	}
	returned := false
	defer func() {
		if !returned {
			l.aborted = &PanicError{Value: ErrGoexit, Stack: debug.Stack()}
		}
		if l.breaker != nil {
			l.breaker.settle(epoch, l.verdict(errors.Join(err, l.aborted)))
		}
	}()
	err = safely(ctx, l.call)
	returned = true
	if err != nil && ctx.Err() != nil && l.Err() == nil {
		err = because(context.Cause(ctx), err)
	}
	return err
}

func (l *line) verdict(err error) verdict {
	switch {
	case err == nil || errors.Is(err, errPause):
		return saysWell
	case permanent.Is(err) || isSkipped(err) || l.Err() != nil:
		return saysNothing
	}
	return saysIll
}

// safely calls f, and makes an error of a panic.
func safely(ctx context.Context, f func(context.Context) error) (err error) {
	defer func() {
		if v := recover(); v != nil {
			err = &PanicError{Value: v, Stack: debug.Stack()}
		}
	}()
	return f(ctx)
}

// stopped says why no attempt is to begin: errSuspended, or why the context ended.
func (l *line) stopped() error {
	select {
	case <-l.suspending:
		return errSuspended
	default:
	}
	if l.Err() != nil {
		return context.Cause(l)
	}
	return nil
}

// wait returns nil when d is over, else why it is not to be waited for.
func (l *line) wait(d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-l.suspending:
	case <-l.Done():
	}
	return l.stopped()
}

// now is the clock of the journal, or the wall clock.
func (j *journey) now() time.Time {
	if k, ok := j.journal.(timekeeper); ok {
		return k.Now()
	}
	return time.Now()
}

// rest is what is left of a length of time that began at since and ends at until: never more
// than all of it, which is left if the clock shows less than at its beginning.
func rest(since, until, now time.Time, length time.Duration) time.Duration {
	if now.Before(since) {
		return length
	}
	return min(max(until.Sub(now), 0), length)
}

// waitTimer waits for the timer of the line. A length of time is waited for by the monotonic
// clock, an instant by the wall clock, which it compares once a minute: the clock may be set, and
// timers may stand still while the machine sleeps.
func (l *line) waitTimer() error {
	end := time.Now().Add(rest(l.since, *l.until, l.now(), l.length)) // monotonic
	for {
		left := l.until.Sub(l.now())
		if l.length > 0 {
			left = time.Until(end)
		}
		if left <= 0 || l.woken {
			l.waited = true
			return nil
		}
		if left > parkAfter && l.parks() {
			return &parking{l.notAfterDeadline(l.now().Add(left)), l.length}
		}
		if err := l.wait(min(left, time.Minute)); err != nil {
			return err
		}
	}
}

// parks says whether the run can leave memory: a journal has it, which starts it again.
func (l *line) parks() bool {
	_, ok := l.journal.(parker)
	return ok && l.stopped() == nil
}

// notAfterDeadline is t, or when the run's time is over if that is earlier.
func (l *line) notAfterDeadline(t time.Time) time.Time {
	if end, ok := l.ctx.Deadline(); ok { // of the monotonic clock
		if end := l.now().Add(time.Until(end)); end.Before(t) {
			return end
		}
	}
	return t
}

// retrying tells the observers.
func (l *line) retrying(err error, wait time.Duration) {
	if l.branch >= 0 {
		err = &BranchError{Branch: l.branch, Attempts: l.tried, Err: err}
	}
	l.settings.tell(func(o *Observer) {
		if o.Retried != nil {
			o.Retried(l.ctx, l.text, l.tried, err, wait)
		}
	})
}

// outlive calls f until it returns, on goroutines of its own: one that f's callees end
// with runtime.Goexit is followed by another, which calls f again. A panic of f, which is
// none of a task's, is the caller's.
func outlive(f func()) {
	for over := false; !over; {
		done := make(chan error, 1) // sent by the goroutine at its end
		go func() {
			var err error
			defer func() { done <- err }()
			err = safely(context.Background(), func(context.Context) error { f(); over = true; return nil })
		}()
		if err := <-done; err != nil {
			panic(err)
		}
	}
}
