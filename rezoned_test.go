package pawl_test

import (
	"encoding/binary"
	"os"
	"path/filepath"
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
			bubble(t, func(t *testing.T, db string) {
				begin := func() *pawl.Runner {
					s := quiet(db)
					require.NoError(t, s.Cron("f", test.expr, job(ok), pawl.WithLocation(zone)))
					return start(t, s)
				}
				putZone(t, zone, rule{offset: test.before})
				r := begin()
				time.Sleep(time.Until(day.Add(test.stop)))
				stop(t, r, db)
				time.Sleep(time.Until(day.Add(test.start)))
				putZone(t, zone, rule{offset: test.after})
				r = begin()
				synctest.Wait()
				assert.Equal(t, day.Add(test.next), status(t, r, "f").NextRun)
				stop(t, r, db)
				r = begin() // which finds nothing to change
				assert.Equal(t, day.Add(test.next), status(t, r, "f").NextRun)
				if test.before == test.after {
					assert.Equal(t, []string{"0"}, texts(t, db, `SELECT count(*) FROM pawl_transitions WHERE note LIKE '%rules%'`))
				} else {
					assert.Equal(t, []string{"1"}, texts(t, db, `SELECT count(*) FROM pawl_transitions WHERE event = 'adopt' AND note LIKE 'the rules of Test/%have changed%'`))
				}
				time.Sleep(time.Until(day.Add(47 * h)))
				synctest.Wait()
				if test.runs != nil {
					assert.Equal(t, test.runs, texts(t, db, `SELECT substr(scheduled_at, 9, 2) || ' ' || substr(scheduled_at, 12, 5) FROM pawl_runs ORDER BY number`))
				}
				stop(t, r, db)
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
			bubble(t, func(t *testing.T, db string) {
				begin := func(rules []rule) *pawl.Runner {
					putZone(t, zone, rules...)
					s := quiet(db)
					require.NoError(t, s.Cron("f", "30 2 * * *", job(ok), pawl.WithLocation(zone)))
					return start(t, s)
				}
				r := begin(test.before)
				time.Sleep(test.stop)
				stop(t, r, db)
				time.Sleep(test.start - test.stop)
				r = begin(test.after)
				time.Sleep(time.Until(day.Add(50 * h)))
				synctest.Wait()
				assert.Equal(t, test.runs, texts(t, db, `SELECT substr(scheduled_at, 9, 2) || ' ' || substr(scheduled_at, 12, 5) FROM pawl_runs ORDER BY number`))
				stop(t, r, db)
			})
		})
	}
}

// found C2: a pause or a trip that outlasts the change of the rules makes no local time run
// twice either.
func TestResumedFlowRunsNoLocalTimeTwice(t *testing.T) {
	day := time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)
	bubble(t, func(t *testing.T, db string) {
		begin := func(offset time.Duration) *pawl.Runner {
			putZone(t, "Test/Paused", rule{offset: offset})
			s := quiet(db)
			require.NoError(t, s.Cron("f", "0 9 * * *", job(ok), pawl.WithLocation("Test/Paused")))
			return start(t, s)
		}
		r := begin(3 * time.Hour)
		time.Sleep(6*time.Hour + time.Minute)
		require.NoError(t, r.Pause(t.Context(), "f", ""))
		stop(t, r, db)
		r = begin(2 * time.Hour)
		require.NoError(t, r.Resume(t.Context(), "f"))
		assert.Equal(t, day.Add(31*time.Hour), status(t, r, "f").NextRun)
		stop(t, r, db)
	})
}

// found C2: a change of the rules that lies ahead moves the instants from there on.
func TestNextRunFollowsAChangeThatLiesAhead(t *testing.T) {
	bubble(t, func(t *testing.T, db string) {
		begin := func(rules ...rule) *pawl.Runner {
			putZone(t, "Test/Ahead", rules...)
			s := quiet(db)
			require.NoError(t, s.Cron("f", "0 9 1 7 *", job(ok), pawl.WithLocation("Test/Ahead")))
			return start(t, s)
		}
		r := begin(rule{offset: time.Hour}, rule{time.Date(2000, 3, 26, 1, 0, 0, 0, time.UTC), 2 * time.Hour})
		assert.Equal(t, time.Date(2000, 7, 1, 7, 0, 0, 0, time.UTC), status(t, r, "f").NextRun)
		stop(t, r, db)
		r = begin(rule{offset: time.Hour}) // summer time was abolished
		assert.Equal(t, time.Date(2000, 7, 1, 8, 0, 0, 0, time.UTC), status(t, r, "f").NextRun)
		stop(t, r, db)
	})
}

// found C2: the view shows the UTC offsets that instants were derived from as people write them.
func TestViewShowsOffsets(t *testing.T) {
	bubble(t, func(t *testing.T, db string) {
		s := quiet(db)
		require.NoError(t, s.Cron("berlin", "0 9 * * *", job(ok), pawl.WithLocation("Europe/Berlin")))
		require.NoError(t, s.Cron("newfoundland", "0 9 * * *", job(ok), pawl.WithLocation("America/St_Johns")))
		require.NoError(t, s.Cron("utc", "0 9 * * *", job(ok)))
		stop(t, start(t, s), db)
		for id, want := range map[string]string{"berlin": "+01:00", "newfoundland": "-03:30", "utc": "none"} {
			assert.Equal(t, want, query[string](t, db, `SELECT COALESCE(next_offset, 'none') FROM pawl_flows WHERE id = '`+id+`'`))
		}
		assert.Equal(t, "none", query[string](t, db, `SELECT COALESCE(last_offset, 'none') FROM pawl_flows WHERE id = 'berlin'`))
	})
}
