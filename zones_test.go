package pawl_test

import (
	"context"
	"encoding/binary"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/pawl-go/pawl"
	"github.com/pawl-go/pawl/internal/harness"
)

// A rule is an offset of a zone from an instant on.
type rule struct {
	from   time.Time // zero, of the first: since ever
	offset time.Duration
}

// putZone makes a zone, or gives it other rules.
func putZone(t *testing.T, name string, rules ...rule) {
	t.Helper()
	n := uint32(len(rules))
	data := append([]byte("TZif"), make([]byte, 16)...)
	for _, count := range []uint32{0, 0, 0, n - 1, n, 4} {
		data = binary.BigEndian.AppendUint32(data, count)
	}
	for _, r := range rules[1:] {
		data = binary.BigEndian.AppendUint32(data, uint32(r.from.Unix()))
	}
	for i := range rules[1:] {
		data = append(data, byte(i+1))
	}
	for _, r := range rules {
		data = append(binary.BigEndian.AppendUint32(data, uint32(int32(r.offset/time.Second))), 0, 0)
	}
	path := filepath.Join(harness.TestZones, name)
	require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o700))
	require.NoError(t, os.WriteFile(path, append(data, "TST\x00"...), 0o600))
}

// found C2: where the rules of a zone change between two starts, the next instant is derived
// again from its local time, and a local time that has run does not run again.
func TestNextRunFollowsTheRulesOfItsZone(t *testing.T) {
	const morning, h = "0 9 * * *", time.Hour
	day := time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)
	for name, test := range map[string]struct {
		expr          string
		before, after time.Duration // offsets
		stop, start   time.Duration // since the day began in UTC
		next          time.Duration // after the start
		runs          []string      // for, up to two days later
	}{
		"to the east, ahead":         {morning, 2 * h, 3 * h, 1 * h, 2 * h, 6 * h, []string{"01 06:00", "02 06:00"}},
		"to the east, overdue":       {morning, 2 * h, 3 * h, 1 * h, 6*h + 30*time.Minute, 30 * h, []string{"01 06:00", "02 06:00"}},
		"to the east, after the run": {morning, 2 * h, 3 * h, 8 * h, 9 * h, 30 * h, []string{"01 07:00", "02 06:00"}},
		"to the west, ahead":         {morning, 3 * h, 2 * h, 1 * h, 2 * h, 7 * h, []string{"01 07:00", "02 07:00"}},
		"to the west, after the run": {morning, 3 * h, 2 * h, 6*h + 10*time.Minute, 6*h + 20*time.Minute, 31 * h, []string{"01 06:00", "02 07:00"}},
		"by half an hour":            {morning, 3 * h, 3*h + 30*time.Minute, 1 * h, 2 * h, 5*h + 30*time.Minute, []string{"01 05:30", "02 05:30"}},
		"time that elapses":          {"*/30 7,8 * * *", 0, 30 * time.Minute, 7*h + 40*time.Minute, 7*h + 50*time.Minute, 8 * h, nil},
		"the same rules":             {morning, 2 * h, 2 * h, 8 * h, 9 * h, 31 * h, []string{"01 07:00", "02 07:00"}},
		"to the west, down over it":  {morning, 3 * h, 2 * h, 5 * h, 8 * h, 31 * h, []string{"01 07:00", "02 07:00"}},
	} {
		t.Run(name, func(t *testing.T) {
			zone := "Test/" + filepath.Base(t.Name())
			harness.Bubble(t, func(t *testing.T, db string) {
				begin := func() *pawl.Runner {
					s := harness.Quiet(db)
					require.NoError(t, s.Cron("f", test.expr, harness.Job(harness.OK), pawl.WithLocation(zone)))
					return harness.Start(t, s)
				}
				putZone(t, zone, rule{offset: test.before})
				r := begin()
				time.Sleep(time.Until(day.Add(test.stop)))
				harness.Stop(t, r, db)
				time.Sleep(time.Until(day.Add(test.start)))
				putZone(t, zone, rule{offset: test.after})
				r = begin()
				synctest.Wait()
				assert.Equal(t, day.Add(test.next), harness.Status(t, r, "f").NextRun)
				harness.Stop(t, r, db)
				r = begin() // which finds nothing to change
				assert.Equal(t, day.Add(test.next), harness.Status(t, r, "f").NextRun)
				if test.before == test.after {
					assert.Equal(t, []string{"0"}, harness.Texts(t, db, `SELECT count(*) FROM pawl_transitions WHERE note LIKE '%rules%'`))
				} else {
					assert.Equal(t, []string{"1"}, harness.Texts(t, db, `SELECT count(*) FROM pawl_transitions WHERE event = 'adopt' AND note LIKE 'the rules of Test/%have changed%'`))
				}
				time.Sleep(time.Until(day.Add(47 * h)))
				synctest.Wait()
				if test.runs != nil {
					assert.Equal(t, test.runs, harness.Texts(t, db, `SELECT substr(scheduled_at, 9, 2) || ' ' || substr(scheduled_at, 12, 5) FROM pawl_runs ORDER BY number`))
				}
				harness.Stop(t, r, db)
			})
		})
	}
}

// found C2: a change of the rules that takes a DST gap away, or makes one, loses no local time.
func TestLocalTimeOfAGapFollowsTheRulesOfItsZone(t *testing.T) {
	const h = time.Hour
	day := time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)
	summer, winter := []rule{{offset: h}, {day.Add(25 * h), 2 * h}}, []rule{{offset: h}}
	for name, test := range map[string]struct {
		before, after []rule
		stop, start   time.Duration
		runs          []string
	}{
		"gap goes, ahead":         {summer, winter, 10 * h, 11 * h, []string{"01 01:30", "02 01:30", "03 01:30"}},
		"gap goes, overdue":       {summer, winter, 20 * h, 27 * h, []string{"01 01:30", "02 01:30", "03 01:30"}},
		"gap goes, after the run": {summer, winter, 25*h + 10*time.Minute, 25*h + 20*time.Minute, []string{"01 01:30", "02 01:00", "03 01:30"}},
		"gap comes":               {winter, summer, 10 * h, 11 * h, []string{"01 01:30", "02 01:00", "03 00:30"}},
	} {
		t.Run(name, func(t *testing.T) {
			zone := "Test/" + filepath.Base(t.Name())
			harness.Bubble(t, func(t *testing.T, db string) {
				begin := func(rules []rule) *pawl.Runner {
					putZone(t, zone, rules...)
					s := harness.Quiet(db)
					require.NoError(t, s.Cron("f", "30 2 * * *", harness.Job(harness.OK), pawl.WithLocation(zone)))
					return harness.Start(t, s)
				}
				r := begin(test.before)
				time.Sleep(test.stop)
				harness.Stop(t, r, db)
				time.Sleep(test.start - test.stop)
				r = begin(test.after)
				time.Sleep(time.Until(day.Add(50 * h)))
				synctest.Wait()
				assert.Equal(t, test.runs, harness.Texts(t, db, `SELECT substr(scheduled_at, 9, 2) || ' ' || substr(scheduled_at, 12, 5) FROM pawl_runs ORDER BY number`))
				harness.Stop(t, r, db)
			})
		})
	}
}

// found C2: a pause or a trip that outlasts the change of the rules makes no local time run
// twice either.
func TestResumedFlowRunsNoLocalTimeTwice(t *testing.T) {
	day := time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)
	harness.Bubble(t, func(t *testing.T, db string) {
		begin := func(offset time.Duration) *pawl.Runner {
			putZone(t, "Test/Paused", rule{offset: offset})
			s := harness.Quiet(db)
			require.NoError(t, s.Cron("f", "0 9 * * *", harness.Job(harness.OK), pawl.WithLocation("Test/Paused")))
			return harness.Start(t, s)
		}
		r := begin(3 * time.Hour)
		time.Sleep(6*time.Hour + time.Minute)
		require.NoError(t, r.Pause(t.Context(), "f", ""))
		harness.Stop(t, r, db)
		r = begin(2 * time.Hour)
		require.NoError(t, r.Resume(t.Context(), "f"))
		assert.Equal(t, day.Add(31*time.Hour), harness.Status(t, r, "f").NextRun)
		harness.Stop(t, r, db)
	})
}

// found C2: a change of the rules that lies ahead moves the instants from there on.
func TestNextRunFollowsAChangeThatLiesAhead(t *testing.T) {
	harness.Bubble(t, func(t *testing.T, db string) {
		begin := func(rules ...rule) *pawl.Runner {
			putZone(t, "Test/Ahead", rules...)
			s := harness.Quiet(db)
			require.NoError(t, s.Cron("f", "0 9 1 7 *", harness.Job(harness.OK), pawl.WithLocation("Test/Ahead")))
			return harness.Start(t, s)
		}
		r := begin(rule{offset: time.Hour}, rule{time.Date(2000, 3, 26, 1, 0, 0, 0, time.UTC), 2 * time.Hour})
		assert.Equal(t, time.Date(2000, 7, 1, 7, 0, 0, 0, time.UTC), harness.Status(t, r, "f").NextRun)
		harness.Stop(t, r, db)
		r = begin(rule{offset: time.Hour}) // summer time was abolished
		assert.Equal(t, time.Date(2000, 7, 1, 8, 0, 0, 0, time.UTC), harness.Status(t, r, "f").NextRun)
		harness.Stop(t, r, db)
	})
}

// found C2: the view shows the UTC offsets that instants were derived from as people write them.
func TestViewShowsOffsets(t *testing.T) {
	harness.Bubble(t, func(t *testing.T, db string) {
		s := harness.Quiet(db)
		require.NoError(t, s.Cron("berlin", "0 9 * * *", harness.Job(harness.OK), pawl.WithLocation("Europe/Berlin")))
		require.NoError(t, s.Cron("newfoundland", "0 9 * * *", harness.Job(harness.OK), pawl.WithLocation("America/St_Johns")))
		require.NoError(t, s.Cron("utc", "0 9 * * *", harness.Job(harness.OK)))
		harness.Stop(t, harness.Start(t, s), db)
		for id, want := range map[string]string{"berlin": "+01:00", "newfoundland": "-03:30", "utc": "none"} {
			assert.Equal(t, want, harness.Query[string](t, db, `SELECT COALESCE(next_offset, 'none') FROM pawl_flows WHERE id = '`+id+`'`))
		}
		assert.Equal(t, "none", harness.Query[string](t, db, `SELECT COALESCE(last_offset, 'none') FROM pawl_flows WHERE id = 'berlin'`))
	})
}

// time S4, time W1, time W2: a flow at 02:30 in Berlin through a year of virtual time, with both
// nights on which clocks are changed: a run for every day, no more and no less, and a
// line in the ledger for each DST gap and fold.
func TestNightsOfBerlinHaveOneRunEach(t *testing.T) {
	harness.Bubble(t, func(t *testing.T, db string) {
		var fired []time.Time
		s := harness.Quiet(db)
		require.NoError(t, s.Cron("night", "30 2 * * *", harness.Job(func(ctx context.Context) error {
			run, _ := pawl.RunFrom(ctx)
			fired = append(fired, run.ScheduledAt)
			return nil
		}), pawl.WithLocation("Europe/Berlin"), pawl.WithRetention(0, 0)))
		require.NoError(t, s.Cron("quarters", "*/15 2 * * *", harness.Job(harness.OK), pawl.WithLocation("Europe/Berlin"), pawl.WithRetention(0, 0)))
		r := harness.Start(t, s)
		time.Sleep(366 * 24 * time.Hour)
		synctest.Wait()
		require.Len(t, fired, 366)
		local := map[string]int{}
		berlin, err := time.LoadLocation("Europe/Berlin")
		require.NoError(t, err)
		for _, at := range fired {
			local[at.In(berlin).Format("2006-01-02")]++
		}
		assert.Len(t, local, 366, "one on every day")
		assert.Contains(t, fired, time.Date(2000, 3, 26, 1, 0, 0, 0, time.UTC), "02:30 does not exist: right after the gap")
		assert.Contains(t, fired, time.Date(2000, 10, 29, 0, 30, 0, 0, time.UTC), "the first of two")
		assert.Equal(t, []string{
			"night dst_gap 2000-03-26T01:00:00.000Z 2000-03-26T01:00:00.000Z 1 02:30 does not exist on 2000-03-26 in Europe/Berlin 86",
			"night dst_fold 2000-10-29T01:30:00.000Z 2000-10-29T01:30:00.000Z 1 02:30 comes twice on 2000-10-29 in Europe/Berlin; this is its second copy 0",
		}, ledgerRows(t, db))
		reason, err := r.Why(t.Context(), "night", time.Date(2000, 3, 26, 1, 0, 0, 0, time.UTC))
		require.NoError(t, err)
		assert.Equal(t, "night ran for 2000-03-26 03:00:00 CEST: run 86, completed, started 2000-03-26 03:00:00 CEST; 02:30 does not exist on 2000-03-26 in Europe/Berlin.", reason.Text)
		reason, err = r.Why(t.Context(), "night", time.Date(2000, 10, 29, 1, 30, 0, 0, time.UTC))
		require.NoError(t, err)
		assert.Equal(t, pawl.VerdictFold, reason.Verdict)
		assert.Equal(t, int64(366*4-4+4), harness.Status(t, r, "quarters").RunCount, "a wildcard follows elapsed time: none in the gap, eight in the fold")
		harness.Stop(t, r, db)
	})
}

// time C1, time M1, time M2: nights missed while nobody ran are caught up on, one run each; those of a
// pause are not missed, and a backfill runs them when somebody asks, once.
func TestMissedNightsAreCaughtUpAndPausedOnesBackfilled(t *testing.T) {
	harness.Bubble(t, func(t *testing.T, db string) {
		var ran []string
		build := func() *pawl.Scheduler {
			s := harness.Quiet(db)
			require.NoError(t, s.Cron("night", "0 2 * * *", harness.Job(func(ctx context.Context) error {
				run, _ := pawl.RunFrom(ctx)
				ran = append(ran, run.Trigger+" "+run.ScheduledAt.Format("01-02"))
				return nil
			}), pawl.WithCatchUp(pawl.CatchUpAll(10)), pawl.WithOverlap(pawl.OverlapBuffer(10)), pawl.WithBackoff(pawl.TripAfter(3))))
			return s
		}
		r := harness.Start(t, build())
		time.Sleep(24 * time.Hour)
		harness.Stop(t, r, db)
		time.Sleep(3 * 24 * time.Hour)
		r = harness.Start(t, build())
		time.Sleep(time.Hour)
		synctest.Wait()
		assert.Equal(t, []string{"schedule 01-01", "schedule 01-02", "schedule 01-03", "schedule 01-04"}, ran)

		require.NoError(t, r.Pause(t.Context(), "night", "vacation"))
		time.Sleep(5 * 24 * time.Hour)
		require.NoError(t, r.Resume(t.Context(), "night"))
		synctest.Wait()
		assert.Len(t, ran, 4, "time spent paused is not missed")
		next := harness.Status(t, r, "night").NextRun

		from, to := time.Date(2000, 1, 3, 2, 0, 0, 0, time.UTC), time.Date(2000, 1, 8, 2, 0, 0, 0, time.UTC)
		dry, err := r.Instants("night", from, to)
		require.NoError(t, err)
		assert.Len(t, dry, 6, "both ends are included")
		n, err := r.Backfill(t.Context(), "night", pawl.Backfill{From: from, To: to})
		require.NoError(t, err)
		assert.Equal(t, int64(4), n, "but for the two that have a run")
		synctest.Wait()
		assert.Equal(t, []string{"backfill 01-05", "backfill 01-06", "backfill 01-07", "backfill 01-08"}, ran[4:])
		assert.Equal(t, next, harness.Status(t, r, "night").NextRun)
		n, err = r.Backfill(t.Context(), "night", pawl.Backfill{From: from, To: to})
		require.NoError(t, err)
		assert.Zero(t, n, "all have a run now")
		n, err = r.Backfill(t.Context(), "night", pawl.Backfill{From: from, To: from, Again: true})
		require.NoError(t, err)
		assert.Equal(t, int64(1), n)
		synctest.Wait()
		_, err = r.Backfill(t.Context(), "night", pawl.Backfill{From: from, To: time.Now().Add(time.Hour)})
		require.ErrorIs(t, err, pawl.ErrInvalidRange)
		verdict, text := func() (pawl.VerdictKind, string) {
			reason, err := r.Why(t.Context(), "night", time.Date(2000, 1, 6, 2, 0, 0, 0, time.UTC))
			require.NoError(t, err)
			return reason.Verdict, reason.Text
		}()
		assert.Equal(t, pawl.VerdictPaused, verdict)
		assert.Contains(t, text, "the flow was paused: vacation, one of 5 instants from 2000-01-05 02:00:00 UTC to 2000-01-09 02:00:00 UTC; run 6 of a backfill did later")
		harness.Stop(t, r, db)
	})
}

// time M2, time O3: a backfill survives a restart, goes on in order one after another, lets the
// schedule and triggers go first, and can be cancelled.
func TestBackfillGoesOnAfterARestartAndCanBeCancelled(t *testing.T) {
	harness.Bubble(t, func(t *testing.T, db string) {
		var ran []string
		build := func() *pawl.Scheduler {
			s := harness.Quiet(db, pawl.WithStopTimeout(time.Hour))
			require.NoError(t, s.Cron("hour", "0 * * * *", harness.Job(func(ctx context.Context) error {
				run, _ := pawl.RunFrom(ctx)
				ran = append(ran, run.Trigger)
				time.Sleep(10 * time.Minute)
				return nil
			})))
			return s
		}
		r := harness.Start(t, build())
		time.Sleep(200*time.Hour + 30*time.Minute)
		synctest.Wait()
		ran = nil
		base := time.Date(1999, 12, 1, 0, 0, 0, 0, time.UTC)
		n, err := r.Backfill(t.Context(), "hour", pawl.Backfill{From: base, To: base.Add(199 * time.Hour)})
		require.NoError(t, err)
		assert.Equal(t, int64(200), n)
		time.Sleep(25 * time.Minute) // 55 minutes past: runs of the backfill began at 30, 40, 50
		require.NoError(t, r.Stop(context.Background()))
		r = harness.Start(t, build())
		time.Sleep(3*time.Hour + time.Minute)
		synctest.Wait()
		assert.Equal(t, []string{"backfill", "backfill", "backfill", "schedule", "backfill"}, ran[:5], "the schedule goes first")
		info := harness.Status(t, r, "hour")
		assert.Equal(t, pawl.StatusRunning, info.Status)
		assert.Greater(t, info.Backfill, 150)
		runs, err := r.Runs(t.Context(), pawl.RunsQuery{Flow: "hour", Status: pawl.RunCompleted, Limit: 20})
		require.NoError(t, err)
		var instants []time.Time
		for _, run := range runs {
			if run.Trigger == "backfill" {
				instants = append(instants, run.ScheduledAt)
			}
		}
		assert.True(t, slices.IsSortedFunc(instants, func(a, b time.Time) int { return b.Compare(a) }), "in order")
		require.NoError(t, r.CancelBackfill(t.Context(), "hour", "enough"))
		info = harness.Status(t, r, "hour")
		assert.Zero(t, info.Backfill)
		time.Sleep(80 * time.Minute)
		assert.Equal(t, pawl.StatusCompleted, harness.Status(t, r, "hour").Status)
		harness.Stop(t, r, db)
	})
}

// register puts one flow, called f, on a scheduler.
type register func(s *pawl.Scheduler) error

func cronOf(expr string, opts ...pawl.FlowOption) register {
	return func(s *pawl.Scheduler) error { return s.Cron("f", expr, harness.Job(harness.OK), opts...) }
}

func everyOf(d time.Duration, opts ...pawl.FlowOption) register {
	return func(s *pawl.Scheduler) error { return s.Every("f", d, harness.Job(harness.OK), opts...) }
}

// found C4: what was due before the schedule was spelled in another way, or got other bounds,
// or became one that has the same instant, is caught up at the next start; what the new
// schedule does not have is not.
func TestWhatWasDueOutlivesAChangeOfTheSchedule(t *testing.T) {
	berlin := pawl.WithLocation("Europe/Berlin")
	night := time.Date(2000, 1, 1, 22, 0, 0, 0, time.UTC)
	bounded := pawl.WithBetween(time.Time{}, night)
	all := []pawl.FlowOption{pawl.WithCatchUp(pawl.CatchUpAll(100)), pawl.WithOverlap(pawl.OverlapBuffer(100))}
	for name, test := range map[string]struct {
		before, after register
		told          []string // before the first instant after the start, which is at 12:30
	}{
		"spaces":           {cronOf("0 9 * * *", berlin), cronOf("0   9  * * *", berlin), []string{"08:00"}},
		"zeros":            {cronOf("0 9 * * *", berlin), cronOf("00 09 * * *", berlin), []string{"08:00"}},
		"seconds":          {cronOf("0 9 * * *", berlin), cronOf("0 0 9 * * *", berlin), []string{"08:00"}},
		"zone in the text": {cronOf("0 9 * * *", berlin), cronOf("CRON_TZ=Europe/Berlin 0 9 * * *"), []string{"08:00"}},
		"names":            {cronOf("0 9 * 1 6,7"), cronOf("0 9 * JAN sat-sun"), []string{"09:00"}},
		"descriptor":       {cronOf("@hourly"), cronOf("0 * * * *"), []string{"12:00"}},
		"a list of all":    {cronOf("0 9 1-31 * MON"), cronOf("0 9 * * *"), []string{"09:00"}},
		"an alias":         {cronOf("0 10 * * *", pawl.WithLocation("Europe/Kiev")), cronOf("0 10 * * *", pawl.WithLocation("Europe/Kyiv")), []string{"08:00"}},
		"in UTC":           {cronOf("*/30 * * * *"), cronOf("0,30 * * * *"), []string{"12:30"}},
		"zone of UTC":      {cronOf("0 9 * * *"), cronOf("0 9 * * *", pawl.WithLocation("Etc/UTC")), []string{"09:00"}},
		"another end":      {cronOf("0 9 * * *"), cronOf("0 9 * * *", bounded), []string{"09:00"}},
		"no end":           {cronOf("0 9 * * *", bounded), cronOf("0 9 * * *"), []string{"09:00"}},
		"a later start":    {cronOf("0 9 * * *"), cronOf("0 9 * * *", pawl.WithBetween(night, time.Time{})), []string{"09:00"}},
		"narrowed":         {cronOf("0 * * * *"), cronOf("0 9 * * *"), []string{"09:00"}},
		"widened":          {cronOf("0 12 * * *"), cronOf("0 * * * *"), []string{"12:00"}},
		"the other zone":   {cronOf("0 9 * * *"), cronOf("0 10 * * *", berlin), []string{"09:00"}},
		"another hour":     {cronOf("0 9 * * *"), cronOf("0 10 * * *"), nil},
		"a grid":           {everyOf(time.Hour, pawl.WithAligned()), cronOf("0 */2 * * *"), []string{"12:00"}},
		"each":             {cronOf("0 * * * *", all...), cronOf("0  * * * *", all...), []string{"08:00", "09:00", "10:00", "11:00", "12:00"}},
		"each, narrowed":   {cronOf("0 * * * *", all...), cronOf("0 9,12 * * *", all...), []string{"09:00", "12:00"}},
		"each, widened":    {cronOf("0 9 * * *", all...), cronOf("* * * * *", all...), nil},
	} {
		t.Run(name, func(t *testing.T) {
			harness.Bubble(t, func(t *testing.T, db string) {
				s := harness.Quiet(db)
				require.NoError(t, test.before(s))
				r := harness.Start(t, s)
				time.Sleep(7*time.Hour + 30*time.Minute)
				harness.Stop(t, r, db)
				time.Sleep(5 * time.Hour)
				known := len(toldTimes(t, db))
				s = harness.Quiet(db)
				require.NoError(t, test.after(s))
				r = harness.Start(t, s)
				time.Sleep(time.Second)
				synctest.Wait()
				assert.Equal(t, test.told, append([]string(nil), toldTimes(t, db)[known:]...))
				harness.Stop(t, r, db)
			})
		})
	}
}

// toldTimes are the times of day that the runs of the schedule were for.
func toldTimes(t *testing.T, db string) []string {
	return harness.Texts(t, db, `SELECT substr(scheduled_at, 12, 5) FROM pawl_runs WHERE flow_id = 'f' AND trigger = 'schedule' ORDER BY number`)
}

// found C4: a limit goes on counting when the schedule is only spelled in another way, and a
// pause and a trip keep what they hold back.
func TestAnotherSpellingIsNoChange(t *testing.T) {
	harness.Bubble(t, func(t *testing.T, db string) {
		s := harness.Quiet(db)
		require.NoError(t, s.Cron("f", "*/10 * * * * *", harness.Job(harness.OK), pawl.WithLimit(3)))
		r := harness.Start(t, s)
		time.Sleep(25 * time.Second)
		require.NoError(t, r.Pause(t.Context(), "f", ""))
		time.Sleep(10 * time.Second)
		held := harness.Status(t, r, "f").Held
		require.NoError(t, r.Update(t.Context(), func(s *pawl.Scheduler) error {
			return errorsOf(s.Remove("f"), s.Cron("f", "*/10 *  * * * *", harness.Job(harness.OK), pawl.WithLimit(3)))
		}))
		assert.Equal(t, held, harness.Status(t, r, "f").Held)
		assert.Equal(t, "*/10 *  * * * *", harness.Status(t, r, "f").Schedule, "it is shown as it is spelled")
		require.NoError(t, r.Resume(t.Context(), "f"))
		time.Sleep(time.Minute)
		assert.Equal(t, int64(3), harness.Status(t, r, "f").RunCount)
		harness.Stop(t, r, db)
	})
}

// found C4: a zone that was renamed is the same zone. So is another with the same rules.
func TestRenamedZoneIsNoChange(t *testing.T) {
	for _, test := range []struct {
		zones [2]string
		same  bool
	}{
		{[2]string{"Europe/Kiev", "Europe/Kyiv"}, true},
		{[2]string{"Asia/Calcutta", "Asia/Kolkata"}, true},
		{[2]string{"US/Eastern", "America/New_York"}, true},
		{[2]string{"Europe/Berlin", "Europe/Paris"}, true},
		{[2]string{"UTC", "Etc/GMT"}, true},
		{[2]string{"Europe/Berlin", "Europe/London"}, false},
		{[2]string{"UTC", "Europe/London"}, false},
		{[2]string{"America/Phoenix", "America/Denver"}, false},
	} {
		harness.Bubble(t, func(t *testing.T, db string) {
			for i, zone := range test.zones {
				s := harness.Quiet(db)
				require.NoError(t, s.Cron("f", "*/10 * * * * *", harness.Job(harness.OK), pawl.WithLimit(3), pawl.WithLocation(zone)))
				r := harness.Start(t, s)
				time.Sleep(time.Minute)
				want := int64(3)
				if i > 0 && !test.same {
					want = 6 // the limit counts anew
				}
				assert.Equal(t, want, harness.Status(t, r, "f").RunCount, "%v", test.zones)
				harness.Stop(t, r, db)
			}
		})
	}
}

// found C12: a fixed rate with a start counts from the start, over restarts, runs and a new
// end; a flow from before keeps its anchor until its schedule changes.
func TestFixedRateCountsFromTheStartOfItsBounds(t *testing.T) {
	harness.Bubble(t, func(t *testing.T, db string) {
		from := time.Date(2000, 1, 1, 0, 0, 30, 0, time.UTC)
		run := func(d time.Duration, register register) []time.Duration {
			s := harness.Quiet(db)
			require.NoError(t, register(s))
			r := harness.Start(t, s)
			time.Sleep(d)
			synctest.Wait()
			list := harness.Told(t, r, "f")
			harness.Stop(t, r, db)
			return list
		}
		rate := func(opts ...pawl.FlowOption) register {
			return everyOf(20*time.Second, append(opts, pawl.WithFixedRate())...)
		}
		time.Sleep(3 * time.Second)
		assert.Equal(t, harness.Seconds(30, 50), run(58*time.Second, rate(pawl.WithBetween(from, time.Time{}))))
		assert.Equal(t, harness.Seconds(30, 50, 70), run(20*time.Second, rate(pawl.WithBetween(from, time.Time{}))))
		assert.Equal(t, harness.Seconds(30, 50, 70, 90), run(20*time.Second, rate(pawl.WithBetween(from, from.Add(time.Hour)))), "another end")
		assert.Equal(t, harness.Seconds(30, 50, 70, 90, 105), run(10*time.Second, rate(pawl.WithBetween(from.Add(-5*time.Second), time.Time{}))), "another start")
		assert.Equal(t, harness.Seconds(30, 50, 70, 90, 105, 120), run(15*time.Second, everyOf(15*time.Second, pawl.WithFixedRate())), "without a start from the last instant that ran")
	})
}

func errorsOf(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}
