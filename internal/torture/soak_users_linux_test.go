package torture_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"syscall"
	"time"

	"github.com/pawl-go/pawl"
)

// work sets the users, the sampler and the tail to work for a life.
func (s *soak) work() {
	for _, id := range []string{"asked", "asked slow", "asked flaky"} {
		s.every(30*time.Millisecond, func(ctx context.Context) { s.finish(ctx, id) })
	}
	s.every(time.Second, func(ctx context.Context) {
		for _, id := range []string{"trips", "asked flaky", "secondly fails"} {
			s.tolerate(s.runner.Reset(ctx, id, "again"))
		}
	})
	s.every(400*time.Millisecond, s.feed)
	s.every(200*time.Millisecond, func(ctx context.Context) { s.ask(ctx, "order") })
	s.every(3*time.Second, func(ctx context.Context) { s.ask(ctx, "deaf") })
	s.every(4*time.Second, s.feedTx)
	s.every(700*time.Millisecond, s.cancel)
	s.every(900*time.Millisecond, s.operate)
	s.every(3*time.Second, s.update)
	s.every(5*time.Second, s.visit)
	s.every(s.sampling, s.sample)
	s.users.Go(func() { s.tail(s.stop) })
}

// every calls a user again and again until the end of the life.
func (s *soak) every(pause time.Duration, use func(context.Context)) {
	stop := s.stop
	s.users.Go(func() {
		tick := time.NewTicker(pause)
		defer tick.Stop()
		for {
			select {
			case <-stop:
				return
			case <-tick.C:
				ctx, cancel := context.WithTimeout(context.Background(), time.Minute) // much longer than any fault
				use(ctx)
				cancel()
			}
		}
	})
}

// ask triggers a flow, and notes what was reported.
func (s *soak) ask(ctx context.Context, id string, opts ...pawl.TriggerOption) (run int64, ok bool) {
	run, err := s.runner.Trigger(ctx, id, opts...)
	if err != nil {
		s.tolerate(err)
		return 0, false
	}
	s.books.report(id, run)
	return run, true
}

// finish triggers a flow and waits for its end.
func (s *soak) finish(ctx context.Context, id string) {
	if run, ok := s.ask(ctx, id); ok {
		_, err := s.runner.WaitRun(ctx, id, run)
		s.tolerate(err)
	}
}

// feed gives the queue inputs, one of them twice under a key.
func (s *soak) feed(ctx context.Context) {
	first, err := s.runner.TriggerMany(ctx, "queue", []any{1, 2, 3, 4, 5})
	s.tolerate(err)
	if err == nil {
		s.books.report("queue", first+4)
	}
	key := pawl.WithKey(fmt.Sprint(s.total.Load()))
	run, ok := s.ask(ctx, "queue", pawl.WithInput(6), key)
	again, repeated := s.ask(ctx, "queue", pawl.WithInput(6), key)
	if ok && repeated && run != again {
		s.t.Errorf("a key stands for the runs %d and %d", run, again)
	}
}

// feedTx does it in a transaction of the app.
func (s *soak) feedTx(ctx context.Context) {
	db := s.app()
	defer db.Close()
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return // the file is away
	}
	defer tx.Rollback()
	_, queued := s.runner.TriggerTx(ctx, tx, "queue", pawl.WithInput(7))
	_, kept := s.runner.TriggerTx(ctx, tx, "trips") // as like as not it waits for a reset: found Q2
	if errors.Join(queued, kept) == nil && tx.Commit() == nil {
		s.posted.Add(2)
	}
}

// app is the file as the app opens it, which does not make it anew.
func (s *soak) app() *sql.DB {
	db, err := sql.Open("sqlite", "file:"+s.db+"?mode=rw&_pragma=busy_timeout(5000)")
	if err != nil {
		panic(err)
	}
	return db
}

// cancel takes a run back that hangs, and one that is to start later.
func (s *soak) cancel(ctx context.Context) {
	hangs, ok := s.ask(ctx, "hangs")
	if !ok {
		if info, _ := s.runner.Status("hangs"); info.InFlight > 0 {
			hangs, ok = info.LastNumber, true
		}
	}
	if ok {
		s.tolerate(s.runner.Cancel(ctx, "hangs", hangs, "enough"))
	}
	if later, ok := s.ask(ctx, "queue", pawl.WithStartAt(time.Now().Add(time.Minute)), pawl.WithInput(8)); ok {
		s.tolerate(s.runner.Cancel(ctx, "queue", later, "not any more"))
	}
}

// operate pauses a flow, lets it go on from now or from before, backfills it, and probes
// one that may be tripped.
func (s *soak) operate(ctx context.Context) {
	now := time.Now()
	s.tolerate(s.runner.Pause(ctx, "pauses", "for a while"))
	s.rest(300 * time.Millisecond)
	if now.UnixMilli()%2 == 0 {
		s.tolerate(s.runner.Resume(ctx, "pauses"))
	} else {
		s.tolerate(s.runner.ResumeFrom(ctx, "pauses", now))
	}
	_, err := s.runner.Backfill(ctx, "pauses", pawl.Backfill{From: now.Add(-time.Second), To: now, Again: now.UnixMilli()%3 == 0})
	s.tolerate(err)
	if now.UnixMilli()%5 == 0 {
		s.tolerate(s.runner.CancelBackfill(ctx, "pauses", "enough"))
	}
	run, err := s.runner.Probe(ctx, "trips")
	s.tolerate(err)
	if err == nil {
		s.books.report("trips", run)
	}
}

// update changes a flow, and one comes and goes.
func (s *soak) update(ctx context.Context) {
	s.tolerate(s.runner.Update(ctx, func(b *pawl.Scheduler) error {
		changed := soakFlow{"changes", every(time.Duration(500+s.total.Load()%500) * time.Millisecond), fine, nil}
		err := errors.Join(b.Remove("changes"), changed.register(b, s))
		if b.Contains("comes and goes") {
			return errors.Join(err, b.Remove("comes and goes"))
		}
		return errors.Join(err, soakFlow{"comes and goes", every(100 * time.Millisecond), fine, nil}.register(b, s))
	}))
}

// visit is what another process would do: look around, and ask through the inbox.
func (s *soak) visit(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	c, err := pawl.Open(s.db)
	if err != nil {
		return // it is locked or away
	}
	defer c.Close()
	s.posted.Add(1)
	if run, err := c.Trigger(ctx, inboxOnly); err == nil { // refused, as like as not
		s.books.report(inboxOnly, run)
	}
	_, _ = c.Runs(ctx, pawl.RunsQuery{Flow: "often"})
	_, _ = c.List(ctx)
}

// tolerate takes the refusals that are normal, and errors of a database that is or was
// unwell, or of a scheduler that is no more.
func (s *soak) tolerate(err error) {
	normal := []error{pawl.ErrTripped, pawl.ErrAlreadyRunning, pawl.ErrBufferFull, pawl.ErrRunOver, pawl.ErrStopped, syscall.EIO}
	for _, normal := range normal {
		if errors.Is(err, normal) {
			return
		}
	}
	if err != nil && s.runner.Degraded() == nil && s.ill.Load() == 0 {
		s.t.Errorf("%v", err)
	}
}
