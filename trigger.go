package pawl

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/pawl-go/pawl/engine"
	"github.com/pawl-go/pawl/engine/core"
	"github.com/pawl-go/pawl/internal/permanent"
	"github.com/pawl-go/pawl/store"
	"github.com/pawl-go/pawl/workflow"
)

// A TriggerOption changes what Trigger asks for.
type TriggerOption func(*core.Ask) error

// WithInput gives the run an input, which its job reads with [InputOf]. It is kept as
// JSON, of at most 1 MiB ([ErrTooLarge]).
func WithInput(v any) TriggerOption {
	return func(a *core.Ask) error {
		data, err := json.Marshal(v)
		if err != nil {
			return fmt.Errorf("input: %w", permanent.Wrap(err))
		}
		a.Input = core.JSON(data)
		return nil
	}
}

// WithStartAt lets the run wait until t, also over restarts. It does not count as in
// the way of other starts before. Then it waits for its turn, or, where the flow has
// [OverlapCancel], cancels what is before it.
func WithStartAt(t time.Time) TriggerOption {
	return func(a *core.Ask) error {
		a.StartAt = t
		return nil
	}
}

// WithKey makes the trigger idempotent: while the key stands for a run of the flow that
// is not over, or was accepted within the flow's key window ([WithKeyWindow]), the
// number of that run is returned and nothing else happens. At most 255 bytes.
func WithKey(key string) TriggerOption {
	return func(a *core.Ask) error {
		a.Token = key
		return nil
	}
}

// WithOverlapOnce is the overlap policy for this start, in place of the flow's.
func WithOverlapOnce(o Overlap) TriggerOption {
	return func(a *core.Ask) error {
		a.Overlap = &o
		return o.Validate()
	}
}

func ask(opts []TriggerOption) (core.Ask, error) {
	if len(opts) == 0 {
		return core.Ask{}, nil
	}
	a := new(core.Ask)
	for _, opt := range opts {
		if opt == nil {
			continue
		}
		if err := opt(a); err != nil {
			return *a, err
		}
	}
	return *a, a.Validate()
}

// Trigger starts a run of a flow now, whatever its schedule, and ignores a
// backoff window. It returns the number of the run when that is accepted and
// committed, not when it is over; see [Runner.WaitRun]. Accepted means reserved or,
// where the overlap policy, a limit or [WithStartAt] says so, waiting.
//
// Errors: [ErrFlowNotFound]; [ErrAlreadyRunning]; [ErrBufferFull]; [ErrTripped];
// [ErrTooLarge]; [ErrQueueFull], at once, when too many commands wait; [ErrPassive];
// [ErrStopped]; [ErrInCommit]; the error of a database that cannot be written, or that
// of ctx, after both of which the command may or may not have taken effect.
func (r *Runner) Trigger(ctx context.Context, id string, opts ...TriggerOption) (run int64, err error) {
	a, err := ask(opts)
	if err == nil {
		err = notInCommit(ctx)
	}
	if err == nil {
		run, err = r.engine.TriggerWith(ctx, id, a)
	}
	if err != nil {
		return 0, fmt.Errorf("trigger: %w", err)
	}
	return run, nil
}

// TriggerMany accepts a run for each input, all in one transaction or none, and
// returns the number of the first; the others follow. They wait until there is room,
// so the flow needs an overlap policy that lets as many wait: with [OverlapCancel] one,
// which cancels what is before it. Errors as of Trigger.
func (r *Runner) TriggerMany(ctx context.Context, id string, inputs []any) (first int64, err error) {
	if err := notInCommit(ctx); err != nil {
		return 0, fmt.Errorf("trigger: %w", err)
	}
	asks := make([]core.Ask, len(inputs))
	for i, v := range inputs {
		if asks[i], err = ask([]TriggerOption{WithInput(v)}); err != nil {
			return 0, fmt.Errorf("trigger: input %d: %w", i, err)
		}
	}
	if len(asks) == 0 {
		return 0, nil
	}
	if first, err = r.engine.TriggerMany(ctx, id, asks); err != nil {
		return 0, fmt.Errorf("trigger: %w", err)
	}
	return first, nil
}

// An Execer is a transaction of database/sql, or of what wraps one.
type Execer interface {
	ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error)
}

// TriggerTx asks for a run as part of the caller's own transaction on the same
// database file (see [WithSharedFile]): it happens if that commits, and not otherwise.
// It leaves a row in the inbox, pawl_commands, and returns its id; the owner handles
// it at once after the commit and writes the number of the run, or the error, on it. A run
// of a tripped flow waits for the reset, whatever the overlap policy says. Any other refusal
// shows in the log, in [Runner.Refusals] and in what the doctor finds.
//
// A transaction that reads first and writes later fails at once in SQLite when somebody else
// has committed in between ([ErrReadFirst]), and the scheduler commits often: begin those that
// are to write with BEGIN IMMEDIATE, as all do with "_txlock=immediate" in the DSN, besides
// "_pragma=busy_timeout(5000)".
//
// An open transaction of the caller that has written holds up everything. And a
// second SQLite library on the file in one process can corrupt it: the transaction
// has to be one of modernc.org/sqlite.
func (r *Runner) TriggerTx(ctx context.Context, tx Execer, id string, opts ...TriggerOption) (command int64, err error) {
	a, err := ask(opts)
	if err == nil && notInCommit(ctx) != nil && !store.Joins(ctx, tx) {
		err = fmt.Errorf("%w: TriggerTx takes the transaction that Committing hands out, no other one", ErrInCommit)
	}
	if err == nil {
		command, err = store.PostTx(ctx, tx, command_(id, a), "TriggerTx", time.Now())
	}
	if err != nil {
		return 0, fmt.Errorf("trigger: %w", err)
	}
	r.engine.Nudge()
	return command, nil
}

// command_ is a trigger as a row of the inbox.
func command_(id string, a core.Ask) engine.Command {
	args := engine.Args{Input: a.Input, StartAt: a.StartAt, Key: a.Token}
	if a.Overlap != nil {
		args.Overlap = a.Overlap.String()
	}
	return engine.Command{Verb: "trigger", Flow: id, Args: args.String()}
}

// InputOf is the input of the run that a job's context belongs to ([WithInput]), as a
// value of T. A run without one gives the zero value. Errors: a context that is not a
// job's, an input that does not fit T, that of the database.
func InputOf[T any](ctx context.Context) (v T, err error) {
	input, err := engine.InputFrom(ctx)
	if err != nil || input == "" {
		return v, err
	}
	if err := json.Unmarshal([]byte(input), &v); err != nil {
		return v, fmt.Errorf("input: %w", permanent.Wrap(err))
	}
	return v, nil
}

// SetOutput keeps v as the output of the run that a job's context belongs to, as JSON
// of at most 1 MiB ([ErrTooLarge]). It is stored with the run's outcome; the last call
// counts.
func SetOutput(ctx context.Context, v any) error {
	data, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("output: %w", permanent.Wrap(err))
	}
	if len(data) > core.MaxPayload {
		return fmt.Errorf("%w: the output has %d bytes, at most %d are allowed; store it elsewhere and keep a reference", ErrTooLarge, len(data), core.MaxPayload)
	}
	return engine.SetOutput(ctx, core.JSON(data))
}

// Permanent makes of a job's error one that no further attempt can change
// ([WithRetry]). Nil stays nil.
//
// These errors are permanent by themselves, wrapped or not: [ErrTooLarge],
// [ErrFlowNotFound], [ErrInvalidFlow], [ErrInvalidSchedule], [ErrInvalidBackoff],
// [ErrInCommit], and the errors of encoding and decoding inputs, outputs and values as JSON.
func Permanent(err error) error { return engine.Permanent(err) }

// RetryAfter sets the wait before the next attempt, if the flow has one left
// ([WithRetry]). Nil stays nil.
func RetryAfter(d time.Duration, err error) error { return engine.RetryAfter(d, err) }

// Skipped ends a run that found nothing to do: it is neither success nor failure, and
// leaves the streak as it is. The reason is kept with the run.
func Skipped(reason string) error { return engine.Skipped(reason) }

// Committing lets a job's own SQL join the transaction that commits the success of its
// run, if the job then returns nil: effect, outcome, streak and next run are there
// together or not at all, exactly once for work inside the file (see
// [WithSharedFile]). It only takes note of the function; of several calls the last
// counts.
//
// The function runs after the job has returned, while nothing else is committed: it
// has a second ([WithCommitTimeout]). It may be called again after a failure of the
// store. An error or a panic in it makes the run fail, and leaves nothing behind. tx
// is for its own tables; Commit, Rollback, changes of Pawl's tables and the like are
// refused. Calling the Runner with the function's context is [ErrInCommit], but for
// [Runner.TriggerTx] on tx: the next run is asked for in the commit of this one.
//
// A function runs in one commit, the next checkpoint or the outcome, and in no later one.
//
// In a state of a workflow it joins the checkpoint that leaves the state, or that of the
// step: exactly once for each, whatever becomes of the run. An error in it is a failure
// of the state. It is not for the branches of a split, nor for undos. A workflow that a job
// or a task runs in memory has no commit of its own: the functions of the states that it
// left join that of the job or the task, in order.
func Committing(ctx context.Context, do func(ctx context.Context, tx *sql.Tx) error) error {
	if do == nil {
		return errors.New("Committing(nil)")
	}
	if _, ok := RunFrom(ctx); !ok {
		return engine.Join(ctx, nil)
	}
	work := store.Work(func(ctx context.Context, tx *sql.Tx) error {
		return do(context.WithValue(ctx, committingKey{}, true), tx)
	})
	if ok, err := workflow.Attach(ctx, work, engine.JoinBefore); ok {
		return err
	}
	return engine.Join(ctx, work)
}

type committingKey struct{}

// notInCommit refuses a call of the Runner from within a commit, which would wait for
// itself.
func notInCommit(ctx context.Context) error {
	if ctx.Value(committingKey{}) != nil {
		return ErrInCommit
	}
	return nil
}
