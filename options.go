package pawl

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"runtime/debug"
	"time"

	"github.com/pawl-go/pawl/engine"
	"github.com/pawl-go/pawl/internal/hook"
	"github.com/pawl-go/pawl/internal/wording"
)

// An Option changes a Scheduler. A value that makes no sense is an error of Start.
type Option func(*options) error

func init() {
	hook.Option = func(h hook.Hooks) any {
		return Option(func(o *options) error {
			if h.Store != nil {
				o.wrapStore = h.Store
			}
			if h.Now != nil {
				o.now = h.Now
			}
			if !h.Built.IsZero() {
				o.built = h.Built
			}
			return nil
		})
	}
}

// WithLogger sets the logger; default: slog.Default(). Starts are logged at
// info, transitions at debug, trips and clock jumps at warn, a database that
// cannot be written once per spell at error.
func WithLogger(l *slog.Logger) Option {
	return func(o *options) error {
		if l != nil {
			o.logger = l
		}
		return nil
	}
}

// WithStopTimeout sets how long runs in flight may go on after Stop, counted
// from the call; default 30 s. Then their contexts are cancelled, and what still
// runs 5 seconds later is cut short: it goes back to the queue, or its occurrence is run
// again as attempt 2 (see [WithStopCancels]).
func WithStopTimeout(d time.Duration) Option {
	return func(o *options) error {
		o.stopTimeout = d
		return atLeast("WithStopTimeout", d, 0)
	}
}

// WithQueue sets the capacity of the command queue, from 1; default 1024.
func WithQueue(n int) Option {
	return func(o *options) error {
		o.queue = n
		return atLeast("WithQueue", n, 1)
	}
}

// WithInboxPoll sets how often the inbox is looked at; default 250 ms, 0: only at the
// start, and after [Runner.TriggerTx]. An inbox that nobody used for a minute is looked at half as
// often. A look costs no query while nothing is written to the file.
func WithInboxPoll(d time.Duration) Option {
	return func(o *options) error {
		o.inboxPoll = d
		return atLeast("WithInboxPoll", d, 0)
	}
}

// WithWaitForOwner lets Start wait that long for another owner of the database
// to end; default 0: it fails at once with [ErrDatabaseOwned].
func WithWaitForOwner(d time.Duration) Option {
	return func(o *options) error {
		o.wait = d
		return atLeast("WithWaitForOwner", d, 0)
	}
}

// WithSharedFile says that the file holds tables of the app too. Without it a
// file with tables that are not Pawl's is refused with [ErrForeignDatabase]. The
// app has to open it with modernc.org/sqlite too: a second SQLite library in one
// process breaks the locks of the first.
func WithSharedFile() Option {
	return func(o *options) error {
		o.shared = true
		return nil
	}
}

// WithClockTrusted says that the wall clock is right when the scheduler starts. Without it,
// a clock that is more than three hours behind the newest transition in the database is
// not believed: occurrences of schedules wait, while triggers, retries and timers go on
// from the time of that transition. It is believed again when it is within three hours of
// the newest transition, when somebody accepts it ([Runner.AcceptClock],
// [Client.AcceptClock], pawl clock accept), or after ten minutes if it is later than the
// time at which the program was built.
func WithClockTrusted() Option {
	return func(o *options) error {
		o.clockTrusted = true
		return nil
	}
}

// WithRestoreGuard makes the start on a database that was copied or put back from a
// backup passive: it owns the file and answers, but runs nothing by schedule and
// refuses triggers with [ErrPassive] until somebody claims the database
// ([Runner.Claim], [Client.Claim], pawl claim). Restarts with the guard do not end
// that. Without the guard such a start is logged as a warning, and catches up on
// what is overdue there even if the original has run it.
//
// A copy that [Client.Backup] made knows what it is. Any other is given away by
// the lock file beside the database: it is missing, or it tells of other starts, or
// of transitions that are not there; those since the last start of a process that
// was killed it does not tell of. Both files copied together look like the
// original, unless the program knows better ([WithDoubt]). A database that is moved
// without its lock file looks like a copy.
func WithRestoreGuard() Option {
	return func(o *options) error {
		o.guard = true
		return nil
	}
}

// WithDoubt lets a start ask, when it owns the database and has read its id, why that
// may not be the one that should run here; empty: nothing speaks against it. A reason
// counts like that of a lock file which gives a copy away: see [WithRestoreGuard].
func WithDoubt(ask func(ctx context.Context, id string) (why string)) Option {
	return func(o *options) error {
		o.doubt = ask
		return nil
	}
}

// A doubting store tells of a reason for doubt that it does not know itself.
type doubting struct {
	engine.Store
	ask func(ctx context.Context, id string) (why string)
}

// Load adds the doubt to what the store has.
func (d doubting) Load(ctx context.Context) (engine.Snapshot, error) {
	s, err := d.Store.Load(ctx)
	if err == nil && s.Doubt == "" && d.ask != nil {
		s.Doubt = d.ask(ctx, s.Database)
	}
	return s, err
}

func atLeast[N int | time.Duration](option wording.Name, value, least N) error {
	if value < least {
		return wording.Errorf("%s(%v): must be at least %v", option, value, least)
	}
	return nil
}

// WithMaxRunning bounds how many runs of all flows are in flight at once, also while
// what was missed is caught up; default: no bound. Flows that are due, and starts
// that were asked for, wait by the instant since when.
func WithMaxRunning(n int) Option {
	return func(o *options) error {
		o.maxRunning = n
		return atLeast("WithMaxRunning", n, 1)
	}
}

// WithIsolation sets how long a suspect waits for other suspects at most; default 10
// minutes, 0: suspects do not wait.
//
// When several runs were in flight as the process died, none is blamed and each becomes a
// suspect ([RunInfo].Suspect, or [FlowInfo].Suspect where the crash ended the run). If the
// process dies again with suspects in flight, at most half of the suspects run at a time.
// Those that are in flight at the next crash stay suspects, the others are cleared, until
// one is left in flight: that one has failed. A suspect is cleared when its run ends or has
// gone on for a minute.
func WithIsolation(most time.Duration) Option {
	return func(o *options) error {
		o.isolation = most
		return atLeast("WithIsolation", most, 0)
	}
}

// WithGroupLimit bounds how many runs of the flows of a group ([WithGroup]) are in
// flight at once.
func WithGroupLimit(group string, n int) Option {
	return func(o *options) error {
		if o.groups == nil {
			o.groups = map[string]int{}
		}
		o.groups[group] = n
		if group == "" {
			return errors.New("WithGroupLimit: the name of the group is empty")
		}
		return atLeast("WithGroupLimit", n, 1)
	}
}

// WithCommitTimeout sets how long a function given to [Committing] may take; default
// 1 s. While it runs, nothing else is committed.
func WithCommitTimeout(d time.Duration) Option {
	return func(o *options) error {
		o.commitTimeout = d
		return atLeast("WithCommitTimeout", d, time.Millisecond)
	}
}

type options struct {
	maxRunning    int
	groups        map[string]int
	commitTimeout time.Duration
	isolation     time.Duration

	logger      *slog.Logger
	stopTimeout time.Duration
	queue       int
	inboxPoll   time.Duration
	wait        time.Duration
	shared      bool
	guard       bool

	clockTrusted bool
	doubt        func(context.Context, string) string
	observers    []func(*slog.Logger) watcher
	stopwatch    *stopwatch // nil: no observer wants to know how long commits take
	middleware   []func(Job) Job
	hooks        hook.Hooks

	// Of tests: a store between the engine and the real one, a clock that jumps.
	wrapStore func(engine.Store) engine.Store
	now       func() time.Time
	built     time.Time // when the program was; zero: as it says itself
}

// builtAt is when the program was built; zero: nobody knows.
func (o *options) builtAt() time.Time {
	if !o.built.IsZero() {
		return o.built
	}
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, s := range info.Settings {
			if at, err := time.Parse(time.RFC3339, s.Value); s.Key == "vcs.time" && err == nil {
				return at
			}
		}
	}
	path, err := os.Executable()
	if err != nil {
		return time.Time{}
	}
	file, err := os.Stat(path)
	if err != nil {
		return time.Time{}
	}
	return file.ModTime()
}
