package peer

import (
	"context"
	"errors"
	"time"

	"github.com/mikestefanello/backlite"
)

func backlitePeer() Peer {
	return Peer{
		Name:     "backlite",
		Module:   "github.com/mikestefanello/backlite",
		Settings: "SQLite, WAL, synchronous=FULL, 1 connection, 1,000 workers, keeps finished jobs",
		Measures: durable(openBacklite, openBacklite, openBacklite, 4000),
	}
}

type backliteLibrary struct {
	*file
	client *backlite.Client
	ctx    context.Context // that it works under
}

type backliteTask struct{ Number int64 }

// Config is that of the README.
func (backliteTask) Config() backlite.QueueConfig {
	return backlite.QueueConfig{
		Name: "peer", MaxAttempts: 5, Backoff: 5 * time.Second, Timeout: 10 * time.Second,
		Retention: &backlite.Retention{Duration: 6 * time.Hour, Data: &backlite.RetainData{OnlyFailed: true}},
	}
}

func openBacklite(ctx context.Context, dir string, job func(int64)) (*backliteLibrary, error) {
	f, err := openFile(dir)
	if err != nil {
		return nil, err
	}
	client, err := backlite.NewClient(backlite.ClientConfig{
		DB: f.db, ReleaseAfter: 10 * time.Minute, NumWorkers: 1000, CleanupInterval: time.Hour,
	})
	if err == nil {
		client.Register(backlite.NewQueue(func(_ context.Context, task backliteTask) error {
			job(task.Number)
			return nil
		}))
		err = client.Install()
	}
	if err != nil {
		return nil, errors.Join(err, f.close())
	}
	return &backliteLibrary{f, client, lasting(ctx)}, nil
}

func (l *backliteLibrary) work() error {
	l.client.Start(l.ctx)
	return nil
}

func (l *backliteLibrary) insert(ctx context.Context, number int64) error {
	_, err := l.client.Add(backliteTask{number}).Ctx(ctx).Save()
	return err
}

func (l *backliteLibrary) insertMany(ctx context.Context, n int) error {
	tasks := make([]backlite.Task, n)
	for i := range tasks {
		tasks[i] = backliteTask{}
	}
	_, err := l.client.Add(tasks...).Ctx(ctx).Save()
	return err
}

func (l *backliteLibrary) finished(ctx context.Context) (int, error) {
	return l.count(ctx, `SELECT count(*) FROM backlite_tasks_completed WHERE succeeded = 1`)
}

// close gives its workers a moment: with jobs left, Stop waits until its context
// ends, also for workers that have ended.
func (l *backliteLibrary) close() error {
	ctx, cancel := context.WithTimeout(l.ctx, 200*time.Millisecond)
	defer cancel()
	l.client.Stop(ctx)
	return l.file.close()
}
