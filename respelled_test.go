package pawl_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/pawl-go/pawl"
)

// register puts one flow, called f, on a scheduler.
type register func(s *pawl.Scheduler) error

func cronOf(expr string, opts ...pawl.FlowOption) register {
	return func(s *pawl.Scheduler) error { return s.Cron("f", expr, job(ok), opts...) }
}

func everyOf(d time.Duration, opts ...pawl.FlowOption) register {
	return func(s *pawl.Scheduler) error { return s.Every("f", d, job(ok), opts...) }
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
			bubble(t, func(t *testing.T, db string) {
				s := quiet(db)
				require.NoError(t, test.before(s))
				r := start(t, s)
				time.Sleep(7*time.Hour + 30*time.Minute)
				stop(t, r, db)
				time.Sleep(5 * time.Hour)
				known := len(toldTimes(t, db))
				s = quiet(db)
				require.NoError(t, test.after(s))
				r = start(t, s)
				time.Sleep(time.Second)
				synctest.Wait()
				assert.Equal(t, test.told, append([]string(nil), toldTimes(t, db)[known:]...))
				stop(t, r, db)
			})
		})
	}
}

// toldTimes are the times of day that the runs of the schedule were for.
func toldTimes(t *testing.T, db string) []string {
	return texts(t, db, `SELECT substr(scheduled_at, 12, 5) FROM pawl_runs WHERE flow_id = 'f' AND trigger = 'schedule' ORDER BY number`)
}

// found C4: a limit goes on counting when the schedule is only spelled in another way, and a
// pause and a trip keep what they hold back.
func TestAnotherSpellingIsNoChange(t *testing.T) {
	bubble(t, func(t *testing.T, db string) {
		s := quiet(db)
		require.NoError(t, s.Cron("f", "*/10 * * * * *", job(ok), pawl.WithLimit(3)))
		r := start(t, s)
		time.Sleep(25 * time.Second)
		require.NoError(t, r.Pause(t.Context(), "f", ""))
		time.Sleep(10 * time.Second)
		held := status(t, r, "f").Held
		require.NoError(t, r.Update(t.Context(), func(s *pawl.Scheduler) error {
			return errorsOf(s.Remove("f"), s.Cron("f", "*/10 *  * * * *", job(ok), pawl.WithLimit(3)))
		}))
		assert.Equal(t, held, status(t, r, "f").Held)
		assert.Equal(t, "*/10 *  * * * *", status(t, r, "f").Schedule, "it is shown as it is spelled")
		require.NoError(t, r.Resume(t.Context(), "f"))
		time.Sleep(time.Minute)
		assert.Equal(t, int64(3), status(t, r, "f").RunCount)
		stop(t, r, db)
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
		bubble(t, func(t *testing.T, db string) {
			for i, zone := range test.zones {
				s := quiet(db)
				require.NoError(t, s.Cron("f", "*/10 * * * * *", job(ok), pawl.WithLimit(3), pawl.WithLocation(zone)))
				r := start(t, s)
				time.Sleep(time.Minute)
				want := int64(3)
				if i > 0 && !test.same {
					want = 6 // the limit counts anew
				}
				assert.Equal(t, want, status(t, r, "f").RunCount, "%v", test.zones)
				stop(t, r, db)
			}
		})
	}
}

// found C12: a fixed rate with a start counts from the start, over restarts, runs and a new
// end; a flow from before keeps its anchor until its schedule changes.
func TestFixedRateCountsFromTheStartOfItsBounds(t *testing.T) {
	bubble(t, func(t *testing.T, db string) {
		from := time.Date(2000, 1, 1, 0, 0, 30, 0, time.UTC)
		run := func(d time.Duration, register register) []time.Duration {
			s := quiet(db)
			require.NoError(t, register(s))
			r := start(t, s)
			time.Sleep(d)
			synctest.Wait()
			list := told(t, r, "f")
			stop(t, r, db)
			return list
		}
		rate := func(opts ...pawl.FlowOption) register {
			return everyOf(20*time.Second, append(opts, pawl.WithFixedRate())...)
		}
		time.Sleep(3 * time.Second)
		assert.Equal(t, seconds(30, 50), run(58*time.Second, rate(pawl.WithBetween(from, time.Time{}))))
		assert.Equal(t, seconds(30, 50, 70), run(20*time.Second, rate(pawl.WithBetween(from, time.Time{}))))
		assert.Equal(t, seconds(30, 50, 70, 90), run(20*time.Second, rate(pawl.WithBetween(from, from.Add(time.Hour)))), "another end")
		assert.Equal(t, seconds(30, 50, 70, 90, 105), run(10*time.Second, rate(pawl.WithBetween(from.Add(-5*time.Second), time.Time{}))), "another start")
		assert.Equal(t, seconds(30, 50, 70, 90, 105, 120), run(15*time.Second, everyOf(15*time.Second, pawl.WithFixedRate())), "without a start from the last instant that ran")
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
