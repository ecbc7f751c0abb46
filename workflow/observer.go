package workflow

import (
	"context"
	"log/slog"
	"time"
)

// An Observer is told what happens in the runs of a workflow. Its functions, each of
// which may be nil, are called where it happens: the run goes on when they return. Those
// about tasks are called by the branches of a split, too, several at once. The context is
// the run's; states are in text form. A panic in one is logged and ends that call alone;
// none may call runtime.Goexit.
type Observer struct {
	// Entered: the run is in this state now, and that is durable.
	Entered func(ctx context.Context, state string)
	// Resumed: the run goes on in this state, in another process or attempt.
	Resumed func(ctx context.Context, state string)
	// Retried: an attempt, counted from 1, failed, and the next comes after this wait. For
	// a branch of a split err is a [*BranchError].
	Retried func(ctx context.Context, state string, attempt int, err error, wait time.Duration)
	// Failed: a state failed for good, or an undo.
	Failed func(ctx context.Context, state string, err error)
	// Recorded: a checkpoint is durable. Its Seq and At are those of the journal alone.
	Recorded func(ctx context.Context, c Checkpoint)
}

// tell calls what f gives for each observer.
func (s *settings) tell(f func(o *Observer)) {
	for i := range s.observers {
		func() {
			defer func() {
				if v := recover(); v != nil {
					slog.Error("an observer of a workflow panicked", "panic", v)
				}
			}()
			f(&s.observers[i])
		}()
	}
}
