package main

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/pawl-go/pawl"
	"github.com/pawl-go/pawl/cmd/bench/meter"
)

// firing is flows with a cron expression, each due every few seconds, and for how
// many seconds they are watched. As many are due in each second.
type firing struct{ flows, every, seconds int }

func (f firing) name() string {
	if f.every == 1 {
		return fmt.Sprintf("firing-%d", f.flows)
	}
	return fmt.Sprintf("firing-%d-over-%ds", f.flows, f.every)
}

func firingExperiment(f firing) experiment {
	return experiment{name: f.name(), long: true, sides: []side{{"pawl", f.measure}}}
}

// runs is how many there must be in the seconds that are watched.
func (f firing) runs() int { return f.flows / f.every * f.seconds }

func (f firing) expr(i int) string {
	if f.every == 1 {
		return "* * * * * *"
	}
	return fmt.Sprintf("%d/%d * * * * *", i%f.every, f.every)
}

// measure watches whole seconds, beginning with the third after the start.
func (f firing) measure(ctx context.Context, t trial) (values, error) {
	w := &watch{late: make([]time.Duration, f.runs())}
	r, err := f.start(ctx, t.file("pawl"), w)
	if err != nil {
		return nil, err
	}
	from := time.Now().Truncate(time.Second).Add(3 * time.Second)
	w.span(from, from.Add(time.Duration(f.seconds)*time.Second))
	time.Sleep(time.Until(from.Add(-50 * time.Millisecond)))
	used := meter.Now()
	time.Sleep(time.Until(from.Add(time.Duration(f.seconds)*time.Second - 50*time.Millisecond)))
	use := meter.Since(used)
	w.settle()
	if err := r.Stop(ctx); err != nil {
		return nil, err
	}
	return f.judge(ctx, t.file("pawl"), w, use)
}

func (f firing) start(ctx context.Context, file string, w *watch) (*pawl.Runner, error) {
	s, err := scheduler(file, 0, "", nil)
	if err != nil {
		return nil, err
	}
	for i := range f.flows {
		if err := s.Cron(flowID(i), f.expr(i), pawl.JobFunc(w.run)); err != nil {
			return nil, err
		}
	}
	return s.Start(ctx)
}

// judge compares what was watched with what the database has kept of it.
func (f firing) judge(ctx context.Context, file string, w *watch, use meter.Use) (values, error) {
	db, err := openFile(file)
	if err != nil {
		return nil, err
	}
	defer db.Close()
	const query = `SELECT count(*), COALESCE(sum(rows), 0), COALESCE(sum(completed), 0) FROM (
    SELECT count(*) AS rows, sum(status = 1) AS completed FROM pawl_run_log
    WHERE scheduled_at >= ? AND scheduled_at < ? GROUP BY flow, scheduled_at)`
	var instants, rows, completed int
	if err := db.QueryRowContext(ctx, query, w.from.Load(), w.to.Load()).Scan(&instants, &rows, &completed); err != nil {
		return nil, err
	}
	ran := int(w.ran.Load())
	if ran == 0 {
		return nil, errors.New("nothing ran")
	}
	if rows != instants || completed != rows || ran != rows {
		return nil, fmt.Errorf("%d instants have %d runs, %d of them completed, and %d were seen to run", instants, rows, completed, ran)
	}
	v := quantiles(w.late[:ran])
	v["lost"] = float64(f.runs() - instants) // never fired, or made up for by the run of another instant
	v["fired"] = float64(instants) / float64(f.runs())
	v["cpu"] = float64(use.CPU.Microseconds()) / float64(ran)
	v["written"] = float64(use.Written) / float64(ran)
	return v, nil
}

// watch is what jobs note of the instants in a span of time.
type watch struct {
	from, to atomic.Int64 // milliseconds since 1970; to is excluded
	ran      atomic.Int64
	late     []time.Duration
}

func (w *watch) span(from, to time.Time) {
	w.from.Store(from.UnixMilli())
	w.to.Store(to.UnixMilli())
}

// run is the job.
func (w *watch) run(ctx context.Context) error {
	now := time.Now()
	run, _ := pawl.RunFrom(ctx)
	at := run.ScheduledAt.UnixMilli()
	if at < w.from.Load() || at >= w.to.Load() {
		return nil
	}
	if i := int(w.ran.Add(1)) - 1; i < len(w.late) {
		w.late[i] = now.Sub(run.ScheduledAt)
	}
	return nil
}

// settle waits until every run has begun, or none has any more for a while.
func (w *watch) settle() {
	for quiet, before := 0, int64(-1); quiet < 20 && w.ran.Load() < int64(len(w.late)); quiet++ {
		if now := w.ran.Load(); now != before {
			quiet, before = 0, now
		}
		time.Sleep(100 * time.Millisecond)
	}
}
