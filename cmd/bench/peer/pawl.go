package peer

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"sync/atomic"

	"github.com/pawl-go/pawl"
)

// PawlQueue is Pawl as a queue, measured as the others are; [All] is without it.
func PawlQueue() Peer {
	return Peer{
		Name:   "Pawl, a queue",
		Module: "github.com/pawl-go/pawl",
		Settings: fmt.Sprintf("WAL, synchronous=FULL; one manual flow with OverlapAllow(%d, %d) and WithRetention(0, 0), a run with an input for each job, "+
			"keeps finished runs and every step of them", pawlSlots, pawlWaiting),
		Measures: map[string]Measure{
			OneByOne: measureOneByOne(openPawl),
			Batch:    measureBatch(openPawl, 40_000),
		},
	}
}

const (
	pawlFlow    = "queue"
	pawlSlots   = 100
	pawlWaiting = 10_000_000
)

type pawlJob struct {
	Number int64 `json:"number"`
}

type pawlLibrary struct {
	path   string
	runner *pawl.Runner
	client *pawl.Client
	gate   chan struct{} // closed by work; until then jobs wait
	done   atomic.Int64  // jobs that returned
}

func openPawl(ctx context.Context, dir string, job func(int64)) (l *pawlLibrary, err error) {
	l = &pawlLibrary{path: filepath.Join(dir, "peer.db"), gate: make(chan struct{})}
	s := pawl.NewScheduler(l.path, pawl.WithLogger(slog.New(slog.DiscardHandler)), pawl.WithStopTimeout(stopTimeout))
	work := pawl.JobFunc(func(ctx context.Context) error { return l.run(ctx, job) })
	if err := s.Manual(pawlFlow, work, pawl.WithRetention(0, 0), pawl.WithOverlap(pawl.OverlapAllow(pawlSlots, pawlWaiting))); err != nil {
		return nil, err
	}
	if l.runner, err = s.Start(lasting(ctx)); err != nil {
		return nil, err
	}
	if l.client, err = pawl.Open(l.path); err != nil {
		return nil, errors.Join(err, l.runner.Stop(ctx))
	}
	return l, nil
}

func (l *pawlLibrary) run(ctx context.Context, job func(int64)) error {
	select {
	case <-l.gate:
	case <-ctx.Done():
		return ctx.Err()
	}
	in, err := pawl.InputOf[pawlJob](ctx)
	if err != nil {
		return err
	}
	job(in.Number)
	l.done.Add(1)
	return nil
}

func (l *pawlLibrary) work() error {
	close(l.gate)
	return nil
}

func (l *pawlLibrary) insert(ctx context.Context, number int64) error {
	_, err := l.runner.Trigger(ctx, pawlFlow, pawl.WithInput(pawlJob{number}))
	return err
}

func (l *pawlLibrary) insertMany(ctx context.Context, n int) error {
	inputs := make([]any, n)
	for i := range inputs {
		inputs[i] = pawlJob{}
	}
	_, err := l.runner.TriggerMany(ctx, pawlFlow, inputs)
	return err
}

func (l *pawlLibrary) finished(ctx context.Context) (int, error) {
	info, _, err := l.client.Status(ctx, pawlFlow)
	return int(info.RunCount) - info.InFlight, err
}

// close also checks that each job that returned has its outcome.
func (l *pawlLibrary) close() error {
	err := errors.Join(l.client.Close(), l.runner.Stop(context.Background()))
	if err != nil {
		return err
	}
	db, err := sql.Open("sqlite", "file:"+l.path)
	if err != nil {
		return err
	}
	defer db.Close()
	var completed int64
	if err := db.QueryRow(`SELECT count(*) FROM pawl_run_log WHERE status = 1`).Scan(&completed); err != nil {
		return err
	}
	if done := l.done.Load(); completed != done {
		return fmt.Errorf("%d jobs returned, %d runs are completed", done, completed)
	}
	return nil
}
