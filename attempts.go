package pawl

import (
	"context"
	"fmt"

	"github.com/pawl-go/pawl/engine/core"
	"github.com/pawl-go/pawl/store"
)

// Attempt is one call of the job of a run: the first, or a retry ([WithRetry]). It marshals
// to JSON with the names of the columns of the view pawl_attempts; zero times are omitted.
//
//	Number     int       // from 1; higher if an earlier run for the instant was cancelled
//	Status     RunStatus // of an attempt before the last: failed, timed_out, interrupted or cancelled; of the last: as of the run
//	StartedAt  time.Time // of one that started again after it was cut short: the last time, or the first if it goes on from a checkpoint
//	FinishedAt time.Time // zero while it goes on, and for an interrupted attempt
//	Error      string    // at most 8 KiB, and 1 KiB after the 100th attempt
//	ExitCode   int       // as of [RunInfo]
type Attempt = core.Attempt

// Attempts is every attempt of a run that has started, in order, with its error. A run that
// was cut short and started again ([RunInfo].Restarts) did so within one attempt. Of runs of
// an older version of Pawl only the attempts that it kept are there.
// Errors: [ErrRunNotFound], as of Runs.
func (r *Runner) Attempts(ctx context.Context, id string, run int64) ([]Attempt, error) {
	if err := notInCommit(ctx); err != nil {
		return nil, fmt.Errorf("attempts: %w", err)
	}
	list, err := attempts(ctx, r.store.Reader, id, run)
	if err != nil {
		return nil, fmt.Errorf("attempts: %w", r.closed(err))
	}
	return list, nil
}

// Attempts is as of [Runner.Attempts].
func (c *Client) Attempts(ctx context.Context, id string, run int64) ([]Attempt, error) {
	list, err := attempts(ctx, c.reader, id, run)
	if err != nil {
		return nil, fmt.Errorf("attempts: %w", err)
	}
	return list, nil
}

// Attempts is as of [Runner.Attempts].
func (v View) Attempts(ctx context.Context, id string, run int64) (list []Attempt, err error) {
	err = v.read(ctx, "attempts", func() error {
		list, err = attempts(ctx, v.reader, id, run)
		return err
	})
	return list, err
}

func attempts(ctx context.Context, r *store.Reader, id string, run int64) ([]Attempt, error) {
	list, ok, err := r.AttemptsOf(ctx, id, run)
	if err == nil && !ok {
		err = fmt.Errorf("%w: run %d of %s", ErrRunNotFound, run, show(id))
	}
	return list, err
}
