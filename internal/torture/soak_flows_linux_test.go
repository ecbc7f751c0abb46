package torture_test

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"github.com/pawl-go/pawl"
	"github.com/pawl-go/pawl/internal/harness"
	"github.com/pawl-go/pawl/workflow"
)

// soakFlow is a flow of the soak.
type soakFlow struct {
	id   string
	when func(*pawl.Scheduler, string, pawl.Job, ...pawl.FlowOption) error
	work func(context.Context, pawl.RunInfo) error
	opts []pawl.FlowOption
}

func every(d time.Duration) func(*pawl.Scheduler, string, pawl.Job, ...pawl.FlowOption) error {
	return func(s *pawl.Scheduler, id string, job pawl.Job, opts ...pawl.FlowOption) error {
		return s.Every(id, d, job, opts...)
	}
}

func cron(expr string) func(*pawl.Scheduler, string, pawl.Job, ...pawl.FlowOption) error {
	return func(s *pawl.Scheduler, id string, job pawl.Job, opts ...pawl.FlowOption) error {
		return s.Cron(id, expr, job, opts...)
	}
}

// soon is once in each life: later than the last time.
func soon(s *pawl.Scheduler, id string, job pawl.Job, opts ...pawl.FlowOption) error {
	return s.Once(id, time.Now().Add(100*time.Millisecond), job, opts...)
}

func with(opts ...pawl.FlowOption) []pawl.FlowOption { return opts }

// quickly is a policy of waits that are over soon.
func quickly(limit int) pawl.BackoffPolicy {
	return pawl.BackoffPolicy{Initial: 50 * time.Millisecond, MaxDelay: 500 * time.Millisecond, Jitter: 0.5, StreakLimit: limit}
}

// soakFlows have every kind of schedule and every policy.
var soakFlows = []soakFlow{
	{"often", every(50 * time.Millisecond), fine, nil},
	{"flaky", every(100 * time.Millisecond), flaky, with(pawl.WithBackoff(quickly(0)))},
	{"trips", every(200 * time.Millisecond), fails, with(pawl.WithBackoff(quickly(5)))},
	{"panics", every(5 * time.Second), panics, nil},
	{"rate", every(200 * time.Millisecond), fine, with(pawl.WithFixedRate(), pawl.WithJitter(50*time.Millisecond))},
	{"grid", every(500 * time.Millisecond), fine, with(pawl.WithAligned())},
	{"secondly", cron("* * * * * *"), fine, with(pawl.WithLocation("Europe/Berlin"), pawl.WithJitter(500*time.Millisecond))},
	{"secondly fails", cron("* * * * * *"), fails, with(pawl.WithBackoff(quickly(0)))},
	{"soon", soon, fine, nil},

	{"skip, latest", every(150 * time.Millisecond), takes(200 * time.Millisecond), with(pawl.WithFixedRate())},
	{"one, earliest", every(200 * time.Millisecond), flakyTakes, with(pawl.WithFixedRate(), pawl.WithOverlap(pawl.OverlapBufferOne), pawl.WithCatchUp(pawl.CatchUpEarliest))},
	{"some, all", every(time.Second), takes(100 * time.Millisecond), with(pawl.WithFixedRate(), pawl.WithOverlap(pawl.OverlapBuffer(20)), pawl.WithCatchUp(pawl.CatchUpAll(9)))},
	{"cancel, none", every(300 * time.Millisecond), takes(350 * time.Millisecond), with(pawl.WithAligned(), pawl.WithOverlap(pawl.OverlapCancel), pawl.WithCatchUp(pawl.CatchUpNone))},
	{"allow, within", every(100 * time.Millisecond), takes(250 * time.Millisecond), with(pawl.WithAligned(), pawl.WithOverlap(pawl.OverlapAllow(3, 5)), pawl.WithCatchUpWithin(time.Second))},
	{"group a", every(100 * time.Millisecond), takes(80 * time.Millisecond), with(pawl.WithGroup("two"))},
	{"group b", every(100 * time.Millisecond), takes(80 * time.Millisecond), with(pawl.WithGroup("two"), pawl.WithOverlap(pawl.OverlapAllow(2, 2)))},

	{"tries", every(300 * time.Millisecond), secondTry, with(pawl.WithRetry(2, quickly(0)))},
	{"late", every(time.Second), takes(time.Second), with(pawl.WithTimeout(200 * time.Millisecond))},
	{"deaf", demand, deaf, with(pawl.WithTimeout(100*time.Millisecond), pawl.WithOverlap(pawl.OverlapAllow(4, 4)))},
	{"hangs", demand, takes(time.Hour), nil},
	{"pauses", every(200 * time.Millisecond), fine, with(pawl.WithFixedRate(), pawl.WithOverlap(pawl.OverlapBuffer(50)), pawl.WithCatchUp(pawl.CatchUpAll(10)))},
	{"changes", every(time.Second), fine, nil},

	{"asked", demand, fine, nil},
	{"asked slow", demand, takes(10 * time.Millisecond), nil},
	{"asked flaky", demand, flaky, with(pawl.WithBackoff(quickly(3)))},
	{inboxOnly, demand, fine, nil},

	{"effect", every(100 * time.Millisecond), leaves, wholeLife},
	{"queue", demand, queued, append(with(pawl.WithOverlap(pawl.OverlapAllow(4, 10_000)), pawl.WithRetry(5, quickly(0)), pawl.WithKeyWindow(20*time.Second)), wholeLife...)},
	{"order", demand, nil, with(pawl.WithOverlap(pawl.OverlapAllow(10, 100)))},
}

// wholeLife keeps the runs whose effects are counted when a life is over.
var wholeLife = with(pawl.WithRetention(5000, 10*time.Minute))

func demand(s *pawl.Scheduler, id string, job pawl.Job, opts ...pawl.FlowOption) error {
	return s.Manual(id, job, opts...)
}

// register lets the scheduler keep little of a flow, if the flow does not say otherwise.
func (f soakFlow) register(b *pawl.Scheduler, s *soak) error {
	opts := append(with(pawl.WithRetention(100, time.Minute)), f.opts...)
	if f.work == nil {
		return f.when(b, f.id, shop(s).Job("new"), opts...)
	}
	return f.when(b, f.id, s.job(f.work), opts...)
}

// job notes when it begins and when it ends.
func (s *soak) job(work func(context.Context, pawl.RunInfo) error) pawl.Job {
	return harness.Job(func(ctx context.Context) error {
		run, _ := pawl.RunFrom(ctx)
		s.total.Add(1)
		defer s.books.begin(run)()
		return work(ctx, run)
	})
}

var errSoak = errors.New("no luck")

func fine(context.Context, pawl.RunInfo) error   { return nil }
func fails(context.Context, pawl.RunInfo) error  { return errSoak }
func panics(context.Context, pawl.RunInfo) error { panic("no manners") }

func flaky(_ context.Context, run pawl.RunInfo) error {
	if run.Number%3 != 0 {
		return errSoak
	}
	return nil
}

func secondTry(_ context.Context, run pawl.RunInfo) error {
	if run.Attempt == 1 {
		return errSoak
	}
	return pawl.Skipped("there was nothing to do")
}

func takes(d time.Duration) func(context.Context, pawl.RunInfo) error {
	return func(ctx context.Context, _ pawl.RunInfo) error {
		select {
		case <-time.After(d):
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func flakyTakes(ctx context.Context, run pawl.RunInfo) error {
	return errors.Join(takes(220*time.Millisecond)(ctx, run), flaky(ctx, run))
}

// deaf goes on when its time, and the grace after it, are long over.
func deaf(context.Context, pawl.RunInfo) error {
	<-time.After(12 * time.Second)
	return nil
}

// leaves has an effect, if the run is completed.
func leaves(ctx context.Context, run pawl.RunInfo) error {
	return leave(ctx, run, run.Number%7 == 0)
}

// queued does so with the input of the run.
func queued(ctx context.Context, run pawl.RunInfo) error {
	n, err := pawl.InputOf[int](ctx)
	if err != nil {
		return err
	}
	return errors.Join(pawl.SetOutput(ctx, n), leave(ctx, run, n%5 == 0 && run.Attempt == 1))
}

func leave(ctx context.Context, run pawl.RunInfo, fails bool) error {
	return pawl.Committing(ctx, func(ctx context.Context, tx *sql.Tx) error {
		const insert = "INSERT INTO effects (flow, run, attempt) VALUES (?, ?, ?)"
		if _, err := tx.ExecContext(ctx, insert, run.FlowID, run.Number, run.Attempt); err != nil || !fails {
			return err
		}
		return errSoak
	})
}

// shop is a workflow with a split, a timer, and an undo for every third run. A value that
// a state has put is there in the others.
func shop(s *soak) *workflow.Workflow[string] {
	w := workflow.New[string]()
	branch := func(context.Context, *workflow.Resources) error { return nil }
	w.Register("new", func(ctx context.Context, _ *workflow.Resources) (string, error) {
		s.total.Add(1)
		return "check", errors.Join(workflow.Put(ctx, "number", numberOf(ctx)), workflow.SetUndo(ctx, numberOf(ctx)))
	}, workflow.WithUndo(func(ctx context.Context, _ *workflow.Resources, number int64) error {
		if number != numberOf(ctx) {
			s.t.Errorf("run %d of the shop undoes %d", numberOf(ctx), number)
		}
		return nil
	}))
	w.RegisterSplit("check", []workflow.Branch{branch, branch, branch}, workflow.All("wait"))
	w.Register("wait", workflow.Timer("ship", func(ctx context.Context, _ *workflow.Resources) (time.Time, error) {
		if numberOf(ctx)%5 == 0 {
			return time.Now().Add(6 * time.Second), nil // for which it is parked: found Q7
		}
		return time.Now().Add(300 * time.Millisecond), nil
	}))
	w.Register("ship", func(ctx context.Context, _ *workflow.Resources) (string, error) {
		number, _, err := workflow.Value[int64](ctx, "number")
		if err == nil && number != numberOf(ctx) {
			s.t.Errorf("run %d of the shop has the value of %d", numberOf(ctx), number)
		}
		if number%3 == 0 {
			return "", workflow.Permanent(errSoak)
		}
		return "end", err
	})
	w.Exit("end")
	return w
}
