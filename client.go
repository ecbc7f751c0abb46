package pawl

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"time"

	"github.com/pawl-go/pawl/engine"
	"github.com/pawl-go/pawl/engine/core"
	"github.com/pawl-go/pawl/store"
)

// Client reads a database and posts to its inbox, from any process, without
// owning, migrating or locking it. It is safe for use from any goroutine.
type Client struct {
	reader   *store.Reader
	database string
	queueing bool // without an owner commands are left for the next
}

// Owner is the process that drives a database.
type Owner struct {
	PID     int       `json:"pid"`
	Host    string    `json:"host"`
	Since   time.Time `json:"since"`
	Version string    `json:"version,omitempty"` // of Pawl in it
	Program string    `json:"program,omitempty"` // the name of its executable; set by LastOwner

	// Since when it has been stopping, so that nothing new starts; zero: it is not.
	StoppingAt time.Time `json:"stopping_at,omitzero"`

	// It runs at most half of the suspects at a time; see [WithIsolation]. Set by LastOwner.
	Isolates bool `json:"isolates,omitempty"`

	// Why the database takes no writes, so that nothing is dispatched; empty: it
	// does. It is told in the lock file, if that can be written.
	Degraded string `json:"degraded,omitempty"`
}

// Open opens a database that a Scheduler made. Errors: a file that is missing,
// [ErrForeignDatabase], [ErrSchemaTooNew], and [ErrSchemaTooOld] for a schema that
// [Migrate] has to bring up to date first. A file that this process may read but not
// write is read as it is, and nothing is made beside it.
func Open(database string) (*Client, error) {
	ctx := context.Background()
	reader, err := store.OpenReader(ctx, database)
	if err != nil {
		return nil, fmt.Errorf("open: %w", err)
	}
	id, err := reader.Database(ctx)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("open: %w", err), reader.Close())
	}
	return &Client{reader: reader, database: id}, nil
}

// Close closes the client's connections.
func (c *Client) Close() error { return c.reader.Close() }

// Database is the id that the database got when it was made.
func (c *Client) Database() string { return c.database }

// Owner tells who drives the database now. False: nobody does.
func (c *Client) Owner(ctx context.Context) (Owner, bool, error) {
	o, ok, err := c.reader.Holder()
	if err == nil && ok { // as far as the database can be read: that there is an owner is known without it
		o.StoppingAt, _ = c.reader.Stopping(ctx, o)
	}
	return Owner{PID: o.PID, Host: o.Host, Since: o.StartedAt, StoppingAt: o.StoppingAt, Version: o.Version, Degraded: o.Degraded}, ok, err
}

// LastOwner tells which process drives the database, or was the last to drive it: its
// program registered the flows. False: no process has driven it.
func (c *Client) LastOwner(ctx context.Context) (Owner, bool, error) {
	o, err := c.reader.LastOwner(ctx)
	if err != nil || o == nil {
		return Owner{}, false, err
	}
	return Owner{PID: o.PID, Host: o.Host, Since: o.StartedAt, StoppingAt: o.StoppingAt, Version: o.Version, Program: o.Program,
		Isolates: o.Isolates}, true, nil
}

// Status reads a flow. False: there is no such flow.
func (c *Client) Status(ctx context.Context, id string) (FlowInfo, bool, error) {
	return c.reader.Flow(ctx, id)
}

// List reads every flow in the order of registration; flows that are not
// registered any more come last.
func (c *Client) List(ctx context.Context) ([]FlowInfo, error) { return c.reader.Flows(ctx) }

// Runs reads runs, newest first.
func (c *Client) Runs(ctx context.Context, q RunsQuery) ([]RunInfo, error) {
	return c.reader.Runs(ctx, q)
}

// Trigger asks the owner of the database to start a run now and returns its
// number when that is committed. Errors as of [Runner.Trigger], and
// [ErrNoOwner]. After the end of ctx, or of the owner, the command stays in the
// inbox and may still take effect if the error is [ErrUnanswered] too.
func (c *Client) Trigger(ctx context.Context, id string, opts ...TriggerOption) (run int64, err error) {
	a, err := ask(opts)
	if err == nil {
		run, err = c.number(ctx, command_(id, a))
	}
	if err != nil {
		return 0, fmt.Errorf("trigger: %w", err)
	}
	return run, nil
}

// number asks for something whose answer is a number.
func (c *Client) number(ctx context.Context, command engine.Command) (int64, error) {
	result, err := c.ask(ctx, command)
	if err != nil {
		return 0, err
	}
	return strconv.ParseInt(result, 10, 64)
}

// Reset, Cancel and those below ask the owner of the database for what the methods of
// [Runner] with these names do, and return when that is committed. Errors as of those,
// and as of [Client.Trigger].
func (c *Client) Reset(ctx context.Context, id string, reason ...string) error {
	return c.operate(ctx, "reset", id, engine.Args{}, join(reason))
}

// Cancel: see [Client.Reset].
func (c *Client) Cancel(ctx context.Context, id string, run int64, reason ...string) error {
	return c.operate(ctx, "cancel", id, engine.Args{Run: run}, join(reason))
}

// CancelWithoutUndo: see [Client.Reset].
func (c *Client) CancelWithoutUndo(ctx context.Context, id string, run int64, reason ...string) error {
	return c.operate(ctx, "cancel", id, engine.Args{Run: run, Force: true}, join(reason))
}

// Pause: see [Client.Reset].
func (c *Client) Pause(ctx context.Context, id, note string, opts ...PauseOption) error {
	pause, err := pauseOf(note, time.Now(), opts)
	if err != nil {
		return fmt.Errorf("pause: %w", err)
	}
	return c.operate(ctx, "pause", id, engine.Args{Until: pause.Until, For: engine.Length(pause.For)}, note)
}

// Resume: see [Client.Reset].
func (c *Client) Resume(ctx context.Context, id string) error {
	return c.operate(ctx, "resume", id, engine.Args{}, "")
}

// ResumeFrom: see [Client.Reset].
func (c *Client) ResumeFrom(ctx context.Context, id string, from time.Time) error {
	return c.operate(ctx, "resume", id, engine.Args{From: from}, "")
}

// Probe: see [Client.Reset].
func (c *Client) Probe(ctx context.Context, id string) (int64, error) {
	run, err := c.number(ctx, engine.Command{Verb: "probe", Flow: id})
	if err != nil {
		return 0, fmt.Errorf("probe: %w", err)
	}
	return run, nil
}

// Backfill: see [Client.Reset].
func (c *Client) Backfill(ctx context.Context, id string, b Backfill) (accepted int64, err error) {
	args := engine.Args{From: b.From, To: b.To, Again: b.Again}
	if err := args.Validate(); err != nil {
		return 0, fmt.Errorf("backfill: %w", err)
	}
	accepted, err = c.number(ctx, engine.Command{Verb: "backfill", Flow: id, Args: args.String()})
	if err != nil {
		return 0, fmt.Errorf("backfill: %w", err)
	}
	return accepted, nil
}

// CancelBackfill: see [Client.Reset].
func (c *Client) CancelBackfill(ctx context.Context, id string, reason ...string) error {
	return c.operate(ctx, "backfill", id, engine.Args{Drop: true}, join(reason))
}

// Forget: see [Client.Reset].
func (c *Client) Forget(ctx context.Context, id string) error {
	return c.operate(ctx, "forget", id, engine.Args{}, "")
}

func (c *Client) operate(ctx context.Context, verb, id string, args engine.Args, why string) error {
	err := args.Validate()
	if err == nil {
		_, err = c.ask(ctx, engine.Command{Verb: verb, Flow: id, Args: args.String(), Why: why})
	}
	if err != nil {
		return fmt.Errorf("%s: %w", verb, err)
	}
	return nil
}

// Claim says that the database here is the one to run, though it was copied or
// restored, and returns when the owner has committed that. Without an owner it is
// left for the next start, which is active then, and that is [ErrNoOwner] too.
func (c *Client) Claim(ctx context.Context) error {
	_, err := c.ask(ctx, engine.Command{Verb: "claim"})
	if errors.Is(err, ErrNoOwner) {
		_, posted := c.Post(ctx, "claim", "")
		err = errors.Join(err, posted)
	}
	if err != nil {
		return fmt.Errorf("claim: %w", err)
	}
	return nil
}

// AcceptClock says that the wall clock is right, though it is more than three hours behind
// the newest transition, so that occurrences wait; it returns when the owner has committed
// that. Without an owner it is left for the next start, and that is [ErrNoOwner] too.
func (c *Client) AcceptClock(ctx context.Context) error {
	_, err := c.ask(ctx, engine.Command{Verb: "accept_clock"})
	if errors.Is(err, ErrNoOwner) {
		_, posted := c.Post(ctx, "accept_clock", "")
		err = errors.Join(err, posted)
	}
	if err != nil {
		return fmt.Errorf("accept the clock: %w", err)
	}
	return nil
}

// ClockBehind is the time of the newest transition, if the wall clock is more than three
// hours behind it: a start does not believe such a clock. The zero time: it is not behind,
// or somebody has accepted it.
func (c *Client) ClockBehind(ctx context.Context) (time.Time, error) {
	return c.reader.ClockBehind(ctx, time.Now)
}

// Passive is why the owner runs nothing until somebody claims the database: it
// was copied or restored ([WithRestoreGuard]). Empty: nothing keeps him.
func (c *Client) Passive(ctx context.Context) (string, error) { return c.reader.Passive(ctx) }

// Doubt is why the database is taken for a copy, or an older state, of the one
// that its last owner left at this place. Empty: it is not.
func (c *Client) Doubt(ctx context.Context) (string, error) { return c.reader.SuspectedCopy(ctx) }

// At tells of every flow as it stood at an instant, by folding its transitions up
// to then. What no transition keeps (the schedule, the policy) is that of today,
// and LastScheduled is left out.
func (c *Client) At(ctx context.Context, at time.Time) ([]FlowInfo, error) {
	return c.reader.At(ctx, at)
}

// Backup copies the database as it is now into a new file that only its owner can
// read, and returns its size when it is on disk. An owner may be at work. A file
// that exists is not overwritten ([fs.ErrExist]).
func (c *Client) Backup(ctx context.Context, dest string) (size int64, err error) {
	return c.reader.Backup(ctx, dest, time.Now())
}

// Verify checks the whole database and returns a sentence for each violation;
// none: all is well. SQLite looks at its pages, and each flow's transitions are
// replayed and compared with its runs and its row. An owner may be at work.
func (c *Client) Verify(ctx context.Context) ([]string, error) { return c.reader.Verify(ctx) }

// Doctor looks at all that can be wrong with the database and its surroundings:
// what Verify does, who else can read the files, whether it takes writes, its
// owner, its origin, the clock. It changes nothing.
func (c *Client) Doctor(ctx context.Context) ([]Check, error) {
	return c.reader.Examine(ctx, time.Now)
}

// Post leaves a command (trigger, probe, reset, pause, resume, forget, claim or accept_clock) in the
// inbox and returns the id of its row in pawl_commands, without waiting for an answer.
// With no owner the row waits for the next start.
func (c *Client) Post(ctx context.Context, command, id string, opts ...TriggerOption) (int64, error) {
	a, err := ask(opts)
	if err != nil {
		return 0, err
	}
	row := command_(id, a)
	row.Verb = command
	return c.post(ctx, row)
}

func (c *Client) post(ctx context.Context, command engine.Command) (int64, error) {
	host, _ := os.Hostname()
	command.By = fmt.Sprintf("pid %d on %s", os.Getpid(), host)
	return c.reader.Post(ctx, command, time.Now())
}

// WaitRun waits until a run is over and returns it. Errors: [ErrFlowNotFound],
// [ErrRunNotFound], that of ctx; [ErrNoOwner] when nobody is left to end the run.
func (c *Client) WaitRun(ctx context.Context, id string, run int64) (info RunInfo, err error) {
	err = c.until(ctx, func() (bool, error) {
		var ok bool
		if info, ok, err = c.reader.Run(ctx, id, run); err != nil {
			return false, err
		}
		if !ok {
			return false, c.notFound(ctx, id, run)
		}
		return info.Status.Over(), nil
	})
	if err != nil {
		return RunInfo{}, fmt.Errorf("wait: %w", err)
	}
	return info, nil
}

func (c *Client) notFound(ctx context.Context, id string, run int64) error {
	flow, ok, err := c.reader.Flow(ctx, id)
	if err != nil || !ok {
		return errors.Join(err, fmt.Errorf("%w: %q", ErrFlowNotFound, id))
	}
	return core.NoRun(flow, run)
}

// ask posts a command and waits for the answer on its row.
func (c *Client) ask(ctx context.Context, command engine.Command) (string, error) {
	if _, ok, err := c.Owner(ctx); err != nil {
		return "", errors.Join(err, ErrNoOwner)
	} else if !ok {
		return "", c.ownerless(ctx, command)
	}
	command.Args = engine.Awaited(command.Args)
	row, err := c.post(ctx, command)
	if err != nil {
		return "", err
	}
	var answer engine.Answer
	err = c.until(ctx, func() (ok bool, err error) {
		answer, ok, err = c.reader.Answer(ctx, row)
		return ok, err
	})
	if err != nil {
		return "", fmt.Errorf("command %d %w: %w", row, ErrUnanswered, err)
	}
	return answer.Result, answer.AnswerError()
}

// ownerPause is how often a wait makes sure that there is an owner to wait for.
const ownerPause = time.Second

// until waits for what only an owner can bring about.
func (c *Client) until(ctx context.Context, done func() (bool, error)) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	watch := make(chan struct{})
	go func() {
		defer close(watch)
		tick := time.NewTicker(ownerPause)
		defer tick.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
			}
			if _, ok, err := c.Owner(ctx); err == nil && !ok {
				cancel(ErrNoOwner)
				return
			}
		}
	}()
	err := c.reader.Until(ctx, done)
	gone := errors.Is(context.Cause(ctx), ErrNoOwner)
	cancel(nil)
	<-watch
	if err != nil && gone {
		if ok, err := done(); ok || err != nil { // it may have been the owner's last word
			return err
		}
		return ErrNoOwner
	}
	return err
}

// ErrQueued is what a [Client.Queueing] answers when nobody owns the database: the
// command waits in the inbox for the next start.
var ErrQueued = errors.New("left in the inbox for the next start")

// Queueing is the client for whoever does not need an owner: what its methods ask for
// while nobody owns the database is left in the inbox, durably, and is [ErrQueued]
// instead of [ErrNoOwner]. The next start carries it out. It shares the connections of
// c, and is closed with it.
func (c *Client) Queueing() *Client {
	q := *c
	q.queueing = true
	return &q
}

// ownerless is the answer to a command that nobody is there to carry out.
func (c *Client) ownerless(ctx context.Context, command engine.Command) error {
	if !c.queueing {
		return ErrNoOwner
	}
	if _, err := c.post(ctx, command); err != nil {
		return err
	}
	return ErrQueued
}
