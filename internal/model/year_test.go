package model_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/pawl-go/pawl"
	"github.com/pawl-go/pawl/engine"
	"github.com/pawl-go/pawl/internal/harness"
)

func yearFlows() []*yearFlow {
	never := func(int64) bool { return false }
	policy := func(initial time.Duration, limit int) *pawl.BackoffPolicy {
		return &pawl.BackoffPolicy{Initial: initial, Multiplier: 2, MaxDelay: 24 * time.Hour, StreakLimit: limit}
	}
	return []*yearFlow{
		{id: "berlin", expr: "0 30 2 * * *", zone: "Europe/Berlin", fails: never,
			matches: func(l time.Time) bool { return l.Hour() == 2 && l.Minute() == 30 }},
		{id: "new york", expr: "0 30 1 * * *", zone: "America/New_York", fails: never,
			matches: func(l time.Time) bool { return l.Hour() == 1 && l.Minute() == 30 }},
		{id: "half an hour", expr: "0 45 1 * * *", zone: "Australia/Lord_Howe", fails: never,
			matches: func(l time.Time) bool { return l.Hour() == 1 && l.Minute() == 45 }},
		{id: "weekdays", expr: "0 5 9 * * 1-5", zone: "Asia/Kathmandu", fails: never,
			matches: func(l time.Time) bool {
				return l.Weekday() != time.Saturday && l.Weekday() != time.Sunday && l.Hour() == 9 && l.Minute() == 5
			}},
		{id: "leap day", expr: "0 15 4 29 2 *", zone: "UTC", fails: never,
			matches: func(l time.Time) bool {
				return l.Month() == time.February && l.Day() == 29 && l.Hour() == 4 && l.Minute() == 15
			}},
		{id: "flaky", expr: "0 0 */6 * * *", zone: "UTC", policy: policy(4*time.Hour, 0), fails: func(n int64) bool { return n%5 < 3 },
			matches: func(l time.Time) bool { return l.Hour()%6 == 0 && l.Minute() == 0 }},
		{id: "long", interval: 9 * time.Hour, lasts: 100 * time.Minute, policy: policy(3*time.Hour, 0), fails: func(n int64) bool { return n%4 == 0 }},
		{id: "trips", interval: 8 * time.Hour, policy: policy(5*time.Hour, 3), fails: func(n int64) bool { return n%7 < 3 }},
		{id: "daily", interval: 24 * time.Hour, fails: func(n int64) bool { return n%2 == 0 }},
		{id: "asked for", fails: never},
		{id: "berlin without gaps", expr: "0 30 2 * * *", zone: "Europe/Berlin", fails: never, gapSkip: true, foldBoth: true,
			options: []pawl.FlowOption{pawl.WithDST(pawl.GapSkip, pawl.FoldBoth)},
			matches: func(l time.Time) bool { return l.Hour() == 2 && l.Minute() == 30 }},
		{id: "rate", step: 17*time.Hour + time.Millisecond, fails: never, options: []pawl.FlowOption{pawl.WithFixedRate()}},
		{id: "rate that fails", step: 13 * time.Hour, fails: func(n int64) bool { return n%3 > 0 }, policy: policy(7*time.Hour, 0),
			options: []pawl.FlowOption{pawl.WithFixedRate()}, catchUp: "earliest"},
		{id: "aligned", step: 12 * time.Hour, aligned: true, fails: never, catchUp: "all",
			options: []pawl.FlowOption{pawl.WithAligned(), pawl.WithOverlap(pawl.OverlapBuffer(1000))}},
		{id: "each its own", step: 8 * time.Hour, aligned: true, fails: func(n int64) bool { return n%2 == 0 }, catchUp: "all",
			within: 20 * time.Hour, options: []pawl.FlowOption{pawl.WithAligned(), pawl.WithOverlap(pawl.OverlapBuffer(1000))}},
		{id: "the newest alone", expr: "0 20 */12 * * *", zone: "UTC", fails: never, catchUp: "none",
			matches: func(l time.Time) bool { return l.Hour()%12 == 0 && l.Minute() == 20 }},
		{id: "paused", expr: "0 40 */8 * * *", zone: "UTC", fails: never,
			matches: func(l time.Time) bool { return l.Hour()%8 == 0 && l.Minute() == 40 }},
		{id: "tried again", expr: "0 10 */12 * * *", zone: "UTC", fails: func(n int64) bool { return n%4 != 0 }, policy: policy(3*time.Hour, 0),
			retries: 2, retryDelay: 50 * time.Minute,
			matches: func(l time.Time) bool { return l.Hour()%12 == 0 && l.Minute() == 10 }},
		{id: "times out", interval: 11 * time.Hour, lasts: 3 * time.Hour, timeout: 2 * time.Hour, fails: never, policy: policy(time.Hour, 0)},
	}
}

// A year in which the process is stopped, killed and started hundreds of times, the
// wall clock jumps, flows are reset and triggered: nothing is missed, nothing runs
// twice. PAWL_SEED repeats it; PAWL_TORTURE=1 lives through 200 years,
// -short through three months.
// Harness 5; faults I3, faults I5; scheduler L2 to scheduler L6, scheduler L8, scheduler T4 to scheduler T8, scheduler D2; time S1, time S4; time C1, time C2; time O1, time O3; time Q1, time Q4; time X1; time M1; matrix:
// suspend, clock forward and back.
func TestAYearHasNoMissAndNoExtra(t *testing.T) {
	t.Parallel()
	seed, years := uint64(time.Now().UnixNano()), uint64(1)
	if text := os.Getenv("PAWL_SEED"); text != "" {
		var err error
		seed, err = strconv.ParseUint(text, 10, 64)
		require.NoError(t, err)
	}
	if os.Getenv("PAWL_TORTURE") != "" {
		years = 200
	}
	for ; years > 0; years-- {
		t.Logf("PAWL_SEED=%d", seed)
		harness.Bubble(t, func(t *testing.T, db string) { liveAYear(t, db, seed) })
		seed++
	}
}

func liveAYear(t *testing.T, db string, seed uint64) {
	y := &year{t: t, db: db, flows: yearFlows(), random: rand.New(rand.NewPCG(seed, 0)), log: map[string][]entry{},
		orders: orderBook{placed: map[int64]orderPlaced{}, ready: map[int64][]time.Time{}}}
	for _, f := range y.flows {
		f.expand(time.Now().UTC())
	}
	y.live()
	harness.Verify(t, db)
	y.check()
}

// year is a program, what happens to it, and the log that its jobs write.
type year struct {
	t      *testing.T
	db     string
	flows  []*yearFlow
	random *rand.Rand
	shift  atomic.Int64 // of the wall clock
	dead   *atomic.Bool // nothing reaches the file any more
	runner *pawl.Runner

	mu         sync.Mutex
	log        map[string][]entry // by flow, in the order in which the runs began
	happenings []happening
	fed        int // inputs, to the queue
	orders     orderBook
}

func (y *year) wall() time.Time { return time.Now().Add(time.Duration(y.shift.Load())) }

func (y *year) happen(what, flow string) {
	synctest.Wait()
	y.happenings = append(y.happenings, happening{what: what, at: time.Now(), shift: time.Duration(y.shift.Load()), flow: flow})
}

func (y *year) live() {
	y.start()
	months := 12
	if testing.Short() { // with the race detector a year takes minutes
		months = 3
	}
	for end := time.Now().AddDate(0, months, 0); time.Now().Before(end); {
		y.sleep(40 * time.Hour)
		y.order()
		switch y.random.IntN(14) {
		case 0, 1, 2:
			y.stop()
		case 3, 4, 5:
			y.crash()
		case 6:
			y.jump()
		case 7:
			y.trigger("asked for")
		case 8:
			y.trigger("berlin")
		case 9, 10:
			y.pause()
		case 11, 12:
			y.feed()
		default:
			y.reset([]string{"trips", "flaky"}[y.random.IntN(2)])
		}
	}
	y.sleep(40 * time.Hour)
	y.happen("down", "")
	_ = y.runner.Stop(context.Background()) // may cancel a run
}

// sleep lets up to a while pass, in milliseconds, as fine as the store keeps time.
func (y *year) sleep(most time.Duration) {
	time.Sleep(time.Duration(1+y.random.Int64N(int64(most/time.Millisecond))) * time.Millisecond)
}

func (y *year) start() {
	y.dead = new(atomic.Bool)
	s := harness.Quiet(y.db, harness.WithNow(y.wall), harness.WithStore(func(real engine.Store) engine.Store { return &harness.Mortal{Store: real, Dead: y.dead} }))
	for _, f := range y.flows {
		opts := f.registered()
		job := y.job(f, y.dead)
		switch {
		case f.interval+f.step > 0:
			require.NoError(y.t, s.Every(f.id, f.interval+f.step, job, opts...))
		case f.expr != "":
			require.NoError(y.t, s.Cron(f.id, fmt.Sprintf("CRON_TZ=%s %s", f.zone, f.expr), job, opts...))
		default:
			require.NoError(y.t, s.Manual(f.id, job, opts...))
		}
	}
	require.NoError(y.t, s.Manual(yearQueue, y.queueJob(), pawl.WithOverlap(pawl.OverlapAllow(yearServers, 1000))))
	version := 1
	if y.random.IntN(4) == 0 {
		version = 2
	}
	require.NoError(y.t, s.Manual(yearOrder, y.orders.orderJob(version), pawl.WithOverlap(pawl.OverlapAllow(3, 100))))
	y.happenings = append(y.happenings, happening{what: "start", at: time.Now(), shift: time.Duration(y.shift.Load()), n: version})
	y.runner = harness.Start(y.t, s)
}

// registered is the options of a flow.
func (f *yearFlow) registered() []pawl.FlowOption {
	opts := slices.Clone(f.options)
	if f.policy != nil {
		opts = append(opts, pawl.WithBackoff(*f.policy))
	}
	if f.timeout > 0 {
		opts = append(opts, pawl.WithTimeout(f.timeout))
	}
	if f.retries > 0 {
		opts = append(opts, pawl.WithRetry(f.retries, pawl.BackoffPolicy{Initial: f.retryDelay, MaxDelay: f.retryDelay, Jitter: pawl.NoJitter}))
	}
	if f.within > 0 {
		opts = append(opts, pawl.WithCatchUpWithin(f.within))
	}
	if f.catchUp != "" {
		modes := map[string]pawl.CatchUp{"earliest": pawl.CatchUpEarliest, "all": pawl.CatchUpAll(10_000), "none": pawl.CatchUpNone}
		opts = append(opts, pawl.WithCatchUp(modes[f.catchUp]))
	}
	return opts
}

// job writes the log.
func (y *year) job(f *yearFlow, dead *atomic.Bool) pawl.Job {
	return harness.Job(func(ctx context.Context) error {
		e := entry{began: time.Now()}
		e.RunInfo, _ = pawl.RunFrom(ctx)
		e.failed = f.fails(e.Number + int64(e.Attempt) - 1)
		if f.lasts > 0 {
			select {
			case <-time.After(f.lasts):
			case <-ctx.Done():
				e.failed = errors.Is(context.Cause(ctx), pawl.ErrTimedOut)
				e.cancelled = !e.failed
			}
		}
		e.ended, e.lost = time.Now(), dead.Load()
		y.mu.Lock()
		y.log[f.id] = append(y.log[f.id], e)
		y.mu.Unlock()
		if e.cancelled {
			return ctx.Err()
		}
		if e.failed {
			return errors.New("boom")
		}
		return nil
	})
}

func (y *year) stop() {
	y.happen("stop", "")
	err := y.runner.Stop(context.Background())
	if err != nil {
		require.ErrorIs(y.t, err, pawl.ErrStopTimeout)
	}
	y.happen("down", "")
	y.sleep(20 * time.Hour)
	y.start()
}

// crash lets one flow alone have runs in flight, so that it is to blame.
func (y *year) crash() {
	for y.atWork() > 1 {
		y.sleep(time.Hour)
		synctest.Wait()
	}
	y.happen("down", "")
	y.dead.Store(true)
	_ = y.runner.Stop(context.Background())
	y.sleep(20 * time.Hour)
	y.start()
}

// atWork is how many flows have a run in flight.
func (y *year) atWork() (n int) {
	for _, info := range y.runner.List() {
		n += min(info.InFlight, 1)
	}
	return n
}

// jump sets the wall clock soon after an instant of most flows, and makes the driver
// look at it at once.
func (y *year) jump() {
	wall := y.wall()
	time.Sleep(wall.Truncate(6 * time.Hour).Add(6*time.Hour + 10*time.Minute).Sub(wall))
	y.sleep(time.Minute)
	by := []time.Duration{31 * time.Hour, 40 * time.Minute, -20 * time.Minute, -2 * time.Hour, -170 * time.Minute, -5 * time.Hour, -50 * time.Hour}
	y.shift.Add(int64(by[y.random.IntN(len(by))]))
	y.happen("jump", "")
	y.trigger("asked for")
	y.sleep(time.Minute)
	y.reset("flaky")
}

func (y *year) reset(id string) {
	y.happen("reset", id)
	require.NoError(y.t, y.runner.Reset(context.Background(), id))
	synctest.Wait()
}

// pause holds a flow back, every other time for up to three days, or lets it go on.
func (y *year) pause() {
	info, _ := y.runner.Status("paused")
	if info.PausedAt.IsZero() {
		y.happen("pause", "paused")
		until := time.Time{}
		if y.random.IntN(2) == 0 {
			until = y.wall().Add(time.Duration(1+y.random.IntN(72)) * time.Hour).Truncate(time.Millisecond)
		}
		y.happenings[len(y.happenings)-1].until = until
		require.NoError(y.t, y.runner.Pause(context.Background(), "paused", "for a while", pawl.PauseUntil(until)))
	} else {
		y.happen("resume", "paused")
		require.NoError(y.t, y.runner.Resume(context.Background(), "paused"))
	}
	synctest.Wait()
}

func (y *year) trigger(id string) {
	y.happen("trigger", id)
	_, err := y.runner.Trigger(context.Background(), id)
	require.NoError(y.t, err)
	synctest.Wait()
}

func (y *year) check() {
	runs, starts, jumps := 0, 0, 0
	for _, h := range y.happenings {
		switch h.what {
		case "start":
			starts++
		case "jump":
			jumps++
		}
	}
	for _, f := range y.flows {
		log := y.log[f.id]
		runs += len(log)
		require.NoError(y.t, f.check(log, y.happenings))
		require.NotEmpty(y.t, log, f.id)

		at := y.random.IntN(len(log))
		require.Error(y.t, f.check(slices.Delete(slices.Clone(log), at, at+1), y.happenings), "%s without run %d", f.id, at)
		require.Error(y.t, f.check(slices.Insert(slices.Clone(log), at, log[at]), y.happenings), "%s with run %d twice", f.id, at)
	}
	queue := y.log[yearQueue]
	require.NoError(y.t, checkQueue(queue, y.happenings))
	at := y.random.IntN(len(queue))
	require.Error(y.t, checkQueue(slices.Delete(slices.Clone(queue), at, at+1), y.happenings), "without run %d", at)
	require.Error(y.t, checkQueue(slices.Insert(slices.Clone(queue), at, queue[at]), y.happenings), "with run %d twice", at)
	require.NoError(y.t, y.orders.check(y.happenings))
	require.NotEmpty(y.t, y.orders.ready)
	for number, at := range y.orders.ready {
		delete(y.orders.ready, number)
		require.Error(y.t, y.orders.check(y.happenings), "without order %d", number)
		y.orders.ready[number] = append(at, at...)
		require.Error(y.t, y.orders.check(y.happenings), "with order %d twice", number)
		break
	}
	y.t.Logf("%d runs, %d starts, %d jumps of the clock", runs, starts, jumps)
	require.Greater(y.t, starts, 15)
}
