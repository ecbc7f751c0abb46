package peer

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver"
	"github.com/riverqueue/river/rivermigrate"
)

// riverSettings are what River is tuned by; everything else is its default.
type riverSettings struct {
	cooldown, poll time.Duration // between fetches: at least and at most
	workers        int
}

// riverDatabase is what River and we use of a database; T is its transaction.
type riverDatabase[T any] interface {
	driver() riverdriver.Driver[T]
	count(ctx context.Context, query string) (int, error)
	close() error
}

type riverLibrary[T any] struct {
	riverDatabase[T]
	client *river.Client[T]
	ctx    context.Context // that it works under
}

type riverArgs struct {
	Number int64 `json:"number"`
}

func (riverArgs) Kind() string { return "peer" }

// openRiver closes db if it fails.
func openRiver[T any](ctx context.Context, db riverDatabase[T], s riverSettings, job func(int64)) (*riverLibrary[T], error) {
	client, err := riverClient(ctx, db.driver(), s, job)
	if err != nil {
		return nil, errors.Join(err, db.close())
	}
	return &riverLibrary[T]{db, client, lasting(ctx)}, nil
}

func riverClient[T any](ctx context.Context, driver riverdriver.Driver[T], s riverSettings, job func(int64)) (*river.Client[T], error) {
	logger := slog.New(slog.DiscardHandler)
	migrator, err := rivermigrate.New(driver, &rivermigrate.Config{Logger: logger})
	if err != nil {
		return nil, err
	}
	if _, err := migrator.Migrate(ctx, rivermigrate.DirectionUp, nil); err != nil {
		return nil, err
	}
	workers := river.NewWorkers()
	river.AddWorker(workers, river.WorkFunc(func(_ context.Context, j *river.Job[riverArgs]) error {
		job(j.Args.Number)
		return nil
	}))
	return river.NewClient(driver, &river.Config{
		FetchCooldown: s.cooldown, FetchPollInterval: s.poll,
		Queues:  map[string]river.QueueConfig{river.QueueDefault: {MaxWorkers: s.workers}},
		Workers: workers, Logger: logger,
	})
}

func (l *riverLibrary[T]) work() error { return l.client.Start(l.ctx) }

func (l *riverLibrary[T]) insert(ctx context.Context, number int64) error {
	_, err := l.client.Insert(ctx, riverArgs{number}, nil)
	return err
}

func (l *riverLibrary[T]) insertMany(ctx context.Context, n int) error {
	jobs := make([]river.InsertManyParams, n)
	for i := range jobs {
		jobs[i].Args = riverArgs{}
	}
	_, err := l.client.InsertManyFast(ctx, jobs)
	return err
}

func (l *riverLibrary[T]) finished(ctx context.Context) (int, error) {
	return l.count(ctx, `SELECT count(*) FROM river_job WHERE state = 'completed'`)
}

func (l *riverLibrary[T]) close() error {
	ctx, cancel := context.WithTimeout(l.ctx, stopTimeout)
	defer cancel()
	_ = l.client.StopAndCancel(ctx) // it did not start, or jobs that it cancels are still there
	return l.riverDatabase.close()
}
