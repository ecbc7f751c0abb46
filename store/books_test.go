package store

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"time"

	"github.com/pawl-go/pawl/engine"
	"github.com/pawl-go/pawl/engine/core"
	"github.com/pawl-go/pawl/engine/schedule"
)

// plan begins with an owner and his flows; then come runs that begin and end in
// any way, commands in the inbox, checkpoints, and looks from outside.
func plan(seed uint64, commits, checkpoints int) (steps []step, err error) {
	chance := rand.New(rand.NewPCG(seed, 1))
	b, err := newBooks(chance)
	if err != nil {
		return nil, err
	}
	steps = append(steps, commitStep("start", b.start()))
	for n := range commits {
		steps = append(steps, commitStep(fmt.Sprintf("commit %d", n+1), b.next()))
		switch what := chance.IntN(7); {
		case what == 0 && n < checkpoints:
			steps = append(steps, step{"checkpoint", checkpointNow})
		case what == 2:
			steps = append(steps, b.prune(), step{"tidy", tidyAll})
		case what == 1:
			b.posted++
			steps = append(steps, step{"post", func(ctx context.Context, s *Store) error {
				_, err := s.Post(ctx, engine.Command{Verb: "trigger", Flow: "manual"}, epoch)
				return err
			}})
		}
	}
	return append(steps, commitStep("stop", b.stop())), nil
}

// prune deletes all but the newest run of each flow, and what has to stay, and knows of no
// deletion before: its commit may have been in doubt.
func (b *books) prune() step {
	cuts := make([]core.Cut, len(b.ids))
	for i, id := range b.ids {
		s := b.states[id]
		cuts[i] = core.Cut{Flow: s.Key, Through: s.LastNumber - 1, Keys: b.now, All: true,
			LastKey: s.LastKey, LastSeq: s.LastSeq, ErrorKey: s.ErrorKey, StreakFrom: s.StreakFrom}
	}
	return step{"prune", func(ctx context.Context, s *Store) error {
		_, err := s.Prune(ctx, cuts, 10_000)
		return err
	}}
}

// tidyAll deletes the commands that were answered.
func tidyAll(ctx context.Context, s *Store) error {
	_, err := s.Tidy(ctx, epoch.AddDate(1, 0, 0))
	return err
}

func commitStep(name string, b engine.Batch) step {
	return step{name, func(ctx context.Context, s *Store) error { return s.Commit(ctx, b) }}
}

// checkpointNow is Checkpoint with a log that has become long, without making it
// long: the next commit begins it anew.
func checkpointNow(_ context.Context, s *Store) error {
	w := s.writer
	if w.conn == nil {
		return nil
	}
	if _, _, err := pair(w.statements.checkpoint); err != nil {
		w.discard()
		return explainWrite(w.path, err)
	}
	return nil
}

// books keeps the flows of a workload as the engine would.
type books struct {
	chance    *rand.Rand
	ids       []string
	plans     map[string]core.Plan
	states    map[string]core.State
	counters  engine.Counters
	now       time.Time
	owner     engine.Owner
	posted    int64 // commands
	answered  int64
	unwritten engine.Batch
	reached   map[int64]int64 // the last checkpoint of each run of the flow that has them
}

func newBooks(chance *rand.Rand) (*books, error) {
	every, err := schedule.Every(time.Second)
	if err != nil {
		return nil, err
	}
	cron, err := schedule.Cron("* * * * * *")
	if err != nil {
		return nil, err
	}
	policy := &core.BackoffPolicy{Initial: time.Second, Jitter: 0.5, StreakLimit: 3}
	b := &books{chance: chance, reached: map[int64]int64{}, states: map[string]core.State{}, now: epoch, plans: map[string]core.Plan{
		"every": {Schedule: every, Backoff: policy}, "cron": {Schedule: cron},
		"manual": {Schedule: schedule.Manual()}, "trips": {Schedule: schedule.Manual(), Backoff: policy},
		"order": {Schedule: schedule.Manual(), Resumes: true},
		"queue": {Schedule: schedule.Manual(), Overlap: core.OverlapBuffer(6), Retry: &core.Retry{Max: 1}},
		"ticks": {Schedule: cron, Overlap: core.OverlapBuffer(3), CatchUp: core.CatchUpAll(2)},
	}}
	b.ids = []string{"every", "cron", "manual", "trips", "order", "queue", "ticks"}
	b.owner = engine.Owner{Host: "test", PID: 1, BootID: "boot", Version: "test", StartedAt: epoch}
	return b, nil
}

func (b *books) start() engine.Batch {
	b.owner.Generation = 1
	for i, id := range b.ids {
		p := b.plans[id]
		p.Position, p.Database = i, "test"
		b.plans[id] = p
		b.counters.Flow++
		b.states[id] = core.NewState(id, b.counters.Flow)
		b.apply(id, core.Adopt{})
	}
	return b.batch(true)
}

// next is one to five transitions; those of one flow may follow one another.
func (b *books) next() engine.Batch {
	for want := 1 + b.chance.IntN(5); len(b.unwritten.Changes) < want; {
		b.now = b.now.Add(time.Duration(b.chance.IntN(1500)) * time.Millisecond)
		id := b.ids[b.chance.IntN(len(b.ids))]
		b.apply(id, b.event(b.states[id]))
		b.apply(id, b.asked(b.states[id]))
	}
	if b.answered < b.posted {
		b.answered++
		b.unwritten.Answers = []engine.Answer{{ID: b.answered, At: b.now, Result: strconv.FormatInt(b.answered, 10)}}
	}
	return b.batch(false)
}

// asked is what is asked of the flows that let starts wait, or of their schedule; of others
// it is something that is refused.
func (b *books) asked(s core.State) core.Event {
	switch s.ID {
	case "queue":
		ask := core.Ask{Input: `{"n":1}`, Token: fmt.Sprint("key ", b.counters.Seq)}
		return []core.Event{
			core.Accept{Key: b.counters.Run + 1, Asks: []core.Ask{ask, {Input: "2"}}}, core.Reserve{Trigger: core.TriggerManual, Ask: ask},
			core.Abort{Run: s.LastNumber, Reason: "not any more"},
		}[b.chance.IntN(3)]
	case "ticks":
		past := b.now.Truncate(time.Second).Add(-time.Minute)
		return []core.Event{
			core.Pause{Note: "why"}, core.Resume{}, core.Resume{From: past}, core.Reserve{Trigger: core.TriggerSchedule},
			core.Backfill{Key: b.counters.Run + 1, Instants: []time.Time{past, past.Add(time.Second)}}, core.Drop{},
		}[b.chance.IntN(6)]
	}
	return core.Abort{}
}

func (b *books) event(s core.State) core.Event {
	n := s.LastNumber
	if len(s.Open) > 0 {
		n = s.Open[0].Number
	}
	if s.InFlight == 0 {
		return []core.Event{core.Reserve{Trigger: core.TriggerManual}, core.Reserve{Trigger: core.TriggerSchedule}, core.Reset{}}[b.chance.IntN(3)]
	}
	long := strings.Repeat("it broke, and here is why. ", 1+b.chance.IntN(250)) // up to two pages
	if s.ID == "order" && b.chance.IntN(3) > 0 {
		return core.Checkpoint{Run: n, Steps: []core.CheckpointData{
			{Seq: b.reached[n] + 1, State: "paid", Kind: "enter", Payload: core.JSON(strconv.Quote(long))},
			{Seq: b.reached[n] + 1 + int64(b.chance.IntN(2)), State: "paid", Kind: "step"}, // which may take the place of that
		}}
	}
	return []core.Event{
		core.Outcome{Run: n}, core.Outcome{Run: n, Error: "boom"}, core.Outcome{Run: n, Error: long},
		core.Interrupt{Run: n, Error: "interrupted"}, core.Cancel{Run: n, Error: "cancelled"},
	}[b.chance.IntN(5)]
}

func (b *books) stop() engine.Batch {
	b.owner.StoppedAt = b.now
	return b.batch(true)
}

// apply makes a transition, unless it is refused.
func (b *books) apply(id string, e core.Event) {
	switch r := e.(type) {
	case core.Reserve:
		r.Key = b.counters.Run + 1
		e = r
	case core.Cancel:
		r.Key = b.counters.Run + 1
		e = r
	}
	c, err := core.Apply(b.states[id], e, b.now, b.plans[id])
	if err != nil {
		return
	}
	if c.Checkpoints != nil {
		b.reached[c.RunNumber] = max(b.reached[c.RunNumber], c.Checkpoints.Steps[len(c.Checkpoints.Steps)-1].Seq)
	}
	b.counters.Seq++
	b.counters.Run = max(b.counters.Run, c.LastKey)
	c.Number(b.counters.Seq)
	b.states[id] = *c.State
	b.unwritten.Changes = append(b.unwritten.Changes, c)
}

func (b *books) batch(owner bool) engine.Batch {
	batch := b.unwritten
	b.unwritten = engine.Batch{}
	if owner {
		o := b.owner
		batch.Owner = &o
	}
	return batch
}
