package peer

import (
	"context"
	"encoding/binary"
	"errors"
	"sync/atomic"
	"time"

	"maragu.dev/goqite"
	"maragu.dev/goqite/jobs"
)

func goqitePeer() Peer {
	return Peer{
		Name:     "goqite",
		Module:   "maragu.dev/goqite",
		Settings: "SQLite, WAL, synchronous=FULL, 1 connection, 100 workers, polls every 1 ms, deletes finished jobs",
		Measures: durable(openGoqite, openGoqite, openGoqite, 2000),
	}
}

// goqiteSchema is that of its README at this version, which its module does not
// export.
const goqiteSchema = `
create table goqite (
  id text primary key default ('m_' || lower(hex(randomblob(16)))),
  created text not null default (strftime('%Y-%m-%dT%H:%M:%fZ')),
  updated text not null default (strftime('%Y-%m-%dT%H:%M:%fZ')),
  queue text not null,
  body blob not null,
  timeout text not null default (strftime('%Y-%m-%dT%H:%M:%fZ')),
  received integer not null default 0,
  priority integer not null default 0
) strict;

create trigger goqite_updated_timestamp after update on goqite begin
  update goqite set updated = strftime('%Y-%m-%dT%H:%M:%fZ') where id = old.id;
end;

create index goqite_queue_priority_created_idx on goqite (queue, priority desc, created);`

const goqiteJob = "peer"

type goqiteLibrary struct {
	*file
	queue    *goqite.Queue
	runner   *jobs.Runner
	inserted atomic.Int64

	ctx   context.Context // that it works under, ended by stop
	stop  context.CancelFunc
	ended chan struct{} // closed when the runner has ended; nil before it begins
}

func openGoqite(ctx context.Context, dir string, job func(int64)) (*goqiteLibrary, error) {
	f, err := openFile(dir)
	if err != nil {
		return nil, err
	}
	if _, err := f.db.ExecContext(ctx, goqiteSchema); err != nil {
		return nil, errors.Join(err, f.close())
	}
	queue := goqite.New(goqite.NewOpts{DB: f.db, Name: "jobs"})
	l := &goqiteLibrary{
		file: f, queue: queue,
		runner: jobs.NewRunner(jobs.NewRunnerOpts{Queue: queue, Limit: 100, PollInterval: time.Millisecond}),
	}
	l.ctx, l.stop = context.WithCancel(lasting(ctx))
	l.runner.Register(goqiteJob, func(_ context.Context, message []byte) error {
		job(int64(binary.BigEndian.Uint64(message)))
		return nil
	})
	return l, nil
}

func (l *goqiteLibrary) work() error {
	l.ended = make(chan struct{})
	go func() {
		defer close(l.ended)
		l.runner.Start(l.ctx)
	}()
	return nil
}

func goqiteMessage(number int64) goqite.Message {
	return goqite.Message{Body: binary.BigEndian.AppendUint64(nil, uint64(number))}
}

func (l *goqiteLibrary) insert(ctx context.Context, number int64) error {
	if _, err := jobs.Create(ctx, l.queue, goqiteJob, goqiteMessage(number)); err != nil {
		return err
	}
	l.inserted.Add(1)
	return nil
}

func (l *goqiteLibrary) insertMany(ctx context.Context, n int) error {
	tx, err := l.db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback() // does nothing after the commit
	for range n {
		if _, err := jobs.CreateTx(ctx, tx, l.queue, goqiteJob, goqiteMessage(0)); err != nil {
			return err
		}
	}
	if err := tx.Commit(); err != nil {
		return err
	}
	l.inserted.Add(int64(n))
	return nil
}

// finished is what was inserted and is gone. What is being inserted at the
// moment may be missing.
func (l *goqiteLibrary) finished(ctx context.Context) (int, error) {
	inserted := l.inserted.Load()
	left, err := l.count(ctx, `SELECT count(*) FROM goqite`)
	return max(0, int(inserted)-left), err
}

func (l *goqiteLibrary) close() error {
	l.stop()
	if l.ended != nil {
		select {
		case <-l.ended:
		case <-time.After(stopTimeout):
		}
	}
	return l.file.close()
}
