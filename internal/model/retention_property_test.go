package model_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"github.com/pawl-go/pawl"
	"github.com/pawl-go/pawl/engine"
	"github.com/pawl-go/pawl/engine/core"
	"github.com/pawl-go/pawl/internal/harness"
)

// tape is what was committed: every run as it stands, and the failures in a row of
// each flow, by counting them.
type tape struct {
	engine.Store
	dead *atomic.Bool

	mu      *sync.Mutex
	runs    map[string]map[int64]core.Run
	streaks map[string][]int64
	states  map[string]core.State
}

func newTape() *tape {
	return &tape{mu: &sync.Mutex{}, runs: map[string]map[int64]core.Run{}, streaks: map[string][]int64{}, states: map[string]core.State{}}
}

func (p *tape) Commit(ctx context.Context, b engine.Batch) error {
	if p.dead.Load() {
		return errors.New("the process is dead")
	}
	if err := p.Store.Commit(ctx, b); err != nil {
		return err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, c := range b.Changes {
		if p.runs[c.ID] == nil {
			p.runs[c.ID] = map[int64]core.Run{}
		}
		for _, run := range c.Runs {
			p.runs[c.ID][run.Number] = run
		}
		switch {
		case c.FailureStreak == 0:
			p.streaks[c.ID] = nil
		case c.FailureStreak > p.states[c.ID].FailureStreak:
			p.streaks[c.ID] = append(p.streaks[c.ID], c.RunNumber)
		}
		p.states[c.ID] = *c.State
	}
	return nil
}

func (p *tape) Prune(ctx context.Context, cuts []core.Cut, rows int) ([]core.Pruned, error) {
	if p.dead.Load() {
		return nil, errors.New("the process is dead")
	}
	return p.Store.Prune(ctx, cuts, 300) // so small that little is done in one go
}

func (p *tape) Farewell(f engine.Farewell) error {
	if p.dead.Load() {
		return errors.New("the process is dead")
	}
	return p.Store.Farewell(f)
}

// keeps says whether a run has to be kept, and whether it may be. A run that is too old may
// stay for an hour more, and until the runs before it are too old as well. A failure that is
// not of the streak may stay if it is newer than the streak's first. Of the failures that
// need not be kept, the newest have to be.
func (p *tape) keeps(id string, keep core.Retention, run core.Run) (must, may bool) {
	s, streak := p.states[id], p.streaks[id]
	end := run.FinishedAt
	if end.IsZero() {
		end = run.StartedAt
	}
	age, hour := time.Since(end), time.Hour+2*time.Minute
	last := age // of the runs up to this one, which are deleted in their order, the one that ended last
	for _, other := range p.runs[id] {
		if other.Number < run.Number && other.Status.Over() && !other.FinishedAt.IsZero() {
			last = min(last, time.Since(other.FinishedAt))
		}
	}
	stays := func(run core.Run) bool {
		return !run.Status.Over() || run.Key == s.LastKey || run.Key == s.ErrorKey || slices.Contains(streak, run.Number)
	}
	expired := func(run core.Run) bool {
		return keep.Runs > 0 && run.Number <= s.LastNumber-int64(keep.Runs) || keep.For > 0 && time.Since(run.FinishedAt) > keep.For
	}
	newer, least := 0, 0 // failures that stay as such, at most and at least: those above the streak's first may stay for it
	for _, other := range p.runs[id] {
		if other.Number > run.Number && other.Status.Failure() && expired(other) && !stays(other) {
			newer++
			if len(streak) == 0 || other.Number < slices.Min(streak) {
				least++
			}
		}
	}
	failures := keep.Failures
	switch {
	case stays(run):
		return true, true
	case expired(run) && run.Status.Failure() && newer < failures.Runs && (failures.For == 0 || age <= failures.For):
		return true, true
	case expired(run) && run.Status.Failure() && least < failures.Runs && (failures.For == 0 || age <= failures.For+hour):
		return false, true
	case keep.Runs > 0 && run.Number <= s.LastNumber-int64(keep.Runs):
		return false, age <= hour || len(streak) > 0 && run.Number > slices.Min(streak) && run.Status != core.RunCompleted
	case keep.For > 0 && age > keep.For:
		return false, last <= keep.For+hour
	}
	return true, true
}

// history is a runner that goes through random acts.
type history struct {
	db     string
	tape   *tape
	runner *pawl.Runner
	ends   chan error // of jobs that hang
	next   atomic.Pointer[string]
}

var historyFlows = map[string]core.Retention{
	"serial":   {Runs: 3},
	"parallel": {Runs: 4, Failures: core.FailureRetention{Runs: 2}},
	"aged":     {For: 3 * time.Hour, Failures: core.FailureRetention{Runs: 10, For: 9 * time.Hour}},
}

func (h *history) start() (err error) {
	h.tape.dead = new(atomic.Bool)
	s := harness.Quiet(h.db, pawl.WithStopTimeout(0), harness.WithStore(func(real engine.Store) engine.Store {
		h.tape.Store = real
		copied := *h.tape // of this process; what is known is shared
		return &copied
	}))
	policy := pawl.WithBackoff(pawl.BackoffPolicy{Initial: time.Second, StreakLimit: 4})
	for id, opts := range map[string][]pawl.FlowOption{
		"serial":   {policy, pawl.WithOverlap(pawl.OverlapBuffer(1000))},
		"parallel": {policy, pawl.WithOverlap(pawl.OverlapAllow(3, 1000))},
		"aged":     {pawl.WithOverlap(pawl.OverlapBuffer(1000))},
	} {
		keep := historyFlows[id]
		if err := s.Manual(id, harness.Job(h.work), append(opts, pawl.WithRetention(keep.Runs, keep.For), pawl.WithFailureRetention(keep.Failures.Runs, keep.Failures.For))...); err != nil {
			return err
		}
	}
	h.runner, err = s.Start(context.Background())
	return err
}

// work ends as the last act says.
func (h *history) work(ctx context.Context) error {
	switch *h.next.Load() {
	case "fail":
		return errors.New("boom")
	case "skip":
		return pawl.Skipped("nothing to do")
	case "hang":
		select {
		case err := <-h.ends:
			return err
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

// deed is one act of a history.
type deed struct {
	What, Flow, End string
	Runs            int
}

var deeds = rapid.Custom(func(t *rapid.T) deed {
	return deed{
		What: rapid.SampledFrom([]string{"trigger", "trigger", "trigger", "later", "release", "wait", "reset", "stop", "crash"}).Draw(t, "what"),
		Flow: rapid.SampledFrom([]string{"serial", "parallel", "aged"}).Draw(t, "flow"),
		End:  rapid.SampledFrom([]string{"succeed", "fail", "skip", "hang"}).Draw(t, "end"),
		Runs: rapid.SampledFrom([]int{1, 2, 5, 40}).Draw(t, "runs"),
	}
})

func (h *history) do(d deed) error {
	ctx := context.Background()
	switch d.What {
	case "trigger", "later":
		h.next.Store(&d.End)
		for range d.Runs {
			var opts []pawl.TriggerOption
			if d.What == "later" {
				opts = append(opts, pawl.WithStartAt(time.Now().Add(5*time.Hour)))
			}
			if _, err := h.runner.Trigger(ctx, d.Flow, opts...); err != nil && !errors.Is(err, pawl.ErrTripped) {
				return err
			}
			synctest.Wait()
		}
	case "release":
		for range d.Runs {
			select {
			case h.ends <- nil:
			default:
			}
			synctest.Wait()
		}
	case "wait":
		time.Sleep(time.Duration(d.Runs) * 20 * time.Minute)
	case "reset":
		return h.runner.Reset(ctx, d.Flow)
	default:
		h.tape.dead.Store(d.What == "crash")
		_ = h.runner.Stop(ctx) // says which runs it cancelled
		return h.start()
	}
	return nil
}

// check compares what is kept, when there was time to delete, with the tape.
func (h *history) check() error {
	time.Sleep(2*time.Hour + 5*time.Minute)
	synctest.Wait()
	for id, keep := range historyFlows {
		runs, err := h.runner.Runs(context.Background(), pawl.RunsQuery{Flow: id, Limit: 100_000})
		if err != nil {
			return err
		}
		there := map[int64]pawl.RunStatus{}
		for _, run := range runs {
			there[run.Number] = run.Status
		}
		h.tape.mu.Lock()
		for number, run := range h.tape.runs[id] {
			must, may := h.tape.keeps(id, keep, run)
			if is, ok := there[number]; must && !ok || ok && !may || ok && is != run.Status {
				err = fmt.Errorf("%s: run %d, %s, is kept: %t, as %s; must be: %t, may be: %t", id, number, run.Status, ok, is, must, may)
			}
		}
		h.tape.mu.Unlock()
		if err != nil {
			return err
		}
	}
	return sound(h.db)
}

func (h *history) play(deeds []deed) (err error) {
	if err = h.start(); err == nil {
		for i, d := range deeds {
			if err = h.do(d); err == nil && i%4 == 3 {
				err = h.check()
			}
			if err != nil {
				err = fmt.Errorf("deed %d, %v: %w", i, d, err)
				break
			}
		}
	}
	if err == nil {
		err = h.check()
	}
	_ = h.runner.Stop(context.Background()) // says which runs it cancelled
	return errors.Join(err, sound(h.db))
}

// time K1: after any history what is kept is what has to be, and the file is sound.
// PAWL_TORTURE=1 tries 2,000 histories in place of 100.
func TestWhatIsKeptIsWhatHasToBe(t *testing.T) {
	t.Parallel()
	rounds := 1
	if os.Getenv("PAWL_TORTURE") != "" {
		rounds = 20
	}
	dir, n := t.TempDir(), 0
	property := func(rt *rapid.T) {
		acts := rapid.SliceOfN(deeds, 1, 12).Draw(rt, "history")
		n++
		var err error
		synctest.Test(t, func(t *testing.T) {
			succeed := "succeed"
			h := &history{db: filepath.Join(dir, fmt.Sprint(n, ".db")), tape: newTape(), ends: make(chan error)}
			h.next.Store(&succeed)
			err = h.play(acts)
		})
		if err != nil {
			rt.Fatal(err)
		}
	}
	for range rounds {
		rapid.Check(t, property)
	}
}
