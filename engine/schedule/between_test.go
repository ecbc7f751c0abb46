package schedule

import (
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/pawl-go/pawl/internal/instant"
)

// time S6.
func TestBetweenLeavesOutWhatIsOutside(t *testing.T) {
	s := must(Between(must(Cron("0 * * * *")), at(1800), at(7200)))
	assert.Equal(t, "0 * * * * from 2026-11-22T09:30:00.000Z until 2026-11-22T11:00:00.000Z", s.String())
	assert.Equal(t, []time.Time{at(3600), at(7200)}, walk(s, at(-86400), at(86400)))
	assert.Equal(t, at(3600), s.Next(at(-86400), time.Time{}))
	assert.Equal(t, at(3600), s.Resume(at(0), time.Time{}, time.Time{}))
	assert.Equal(t, at(7200), s.NextWhileRunning(at(3600), at(3600)))
	assert.Zero(t, s.Next(at(7200), at(7200)))
	assert.Zero(t, s.NotBefore(at(7200), at(7201)), "its backoff window outlasts it")
	assert.Equal(t, at(7200), s.Latest(at(3600), at(86400)))
	assert.NoError(t, checkCount(s, at(-86400), at(86400), 2, at(7200)))
	assert.NoError(t, checkCount(s, at(-86400), at(0), 0, time.Time{}))
	assert.NoError(t, checkCount(s, at(7201), at(86400), 0, time.Time{}))
}

// time S6.
func TestBetweenMayBeOpenOnEitherSide(t *testing.T) {
	hourly := must(Cron("0 * * * *"))
	s := must(Between(hourly, time.Time{}, at(3600)))
	assert.Equal(t, "0 * * * * until 2026-11-22T10:00:00.000Z", s.String())
	assert.Equal(t, at(3600), s.After(at(0)))
	assert.Zero(t, s.After(at(3600)))
	s = must(Between(hourly, at(3601), time.Time{}))
	assert.Equal(t, "0 * * * * from 2026-11-22T10:00:01.000Z", s.String())
	assert.Equal(t, at(7200), s.After(at(0)))
	assert.Equal(t, hourly, must(Between(hourly, time.Time{}, time.Time{})))
}

// time S6: a clock that is set back does not shorten the wait for the start.
func TestEveryBeginsAtTheStart(t *testing.T) {
	s := must(Between(must(Every(time.Minute)), at(3600), at(3700)))
	assert.Equal(t, at(3600), s.Resume(at(0), time.Time{}, time.Time{}))
	assert.Equal(t, at(3600), s.Horizon(at(0)))
	assert.Equal(t, at(3670), s.Horizon(at(3610)))
	assert.Equal(t, at(3670), s.Next(at(3610), at(3600)))
	assert.Zero(t, s.Next(at(3650), at(3600)))
	assert.Equal(t, []time.Time{at(3600), at(3660)}, walk(s, at(0), at(1e6)))
	assert.NoError(t, checkCount(s, at(0), at(1e6), 2, at(3660)))
	assert.NoError(t, checkCount(s, at(3605), at(1e6), 2, at(3665)))
}

// time S6, time S1.
func TestBetweenKeepsTheAnchor(t *testing.T) {
	s := must(Between(must(FixedRate(time.Minute)), at(3600), at(3700)))
	anchored, ok := s.(Anchored)
	require.True(t, ok)
	s = anchored.Anchor(at(7))
	assert.Equal(t, []time.Time{at(3607), at(3667)}, walk(s, at(0), at(1e6)))
	assert.Equal(t, at(3607), s.Resume(at(7), time.Time{}, time.Time{}))
	_, ok = must(Between(must(Cron("@hourly")), at(0), at(3600))).(Anchored)
	assert.False(t, ok)
}

// time S6.
func TestBetweenRefusesWhatNeverFires(t *testing.T) {
	for want, test := range map[string]struct {
		schedule   Schedule
		start, end time.Time
	}{
		"after its end":        {Manual(), at(1), at(0)},
		"0 * * * * from":       {must(Cron("0 * * * *")), at(1), at(3599)},
		"no instant in that":   {must(Once(at(0))), at(1), at(60)},
		"until 2026-11-22T09:": {must(Once(at(1))), time.Time{}, at(0)},
	} {
		_, err := Between(test.schedule, test.start, test.end)
		require.ErrorIs(t, err, ErrInvalid)
		assert.ErrorContains(t, err, want)
	}
}

// time S6.
func TestBetweenChangesNothingInside(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		inner := rapid.SampledFrom([]Schedule{
			must(Cron("CRON_TZ=Europe/Berlin 0,30 1-3 * * *")), must(Cron("*/7 * * * *")), must(Aligned(35 * time.Minute)),
		}).Draw(t, "schedule")
		clock := func(what string) time.Time {
			return time.Unix(1806192000+60*rapid.Int64Range(0, 2880).Draw(t, what), 0).UTC() // around 28 March 2027
		}
		start, end := clock("start"), clock("end").AddDate(0, 0, 2)
		s := must(Between(inner, start, end))
		from, to := clock("from"), clock("to").AddDate(0, 0, 2)
		all := walk(inner, instant.Later(from, start), instant.Earlier(to, end))
		require.Equal(t, all, walk(s, from, to))
		last := time.Time{}
		if len(all) > 0 {
			last = all[len(all)-1]
		}
		require.NoError(t, checkCount(s, from, to, int64(len(all)), last))
		for _, d := range s.DSTTimes(from, to) {
			require.Contains(t, inner.DSTTimes(from, to), d)
			require.True(t, slices.Contains(all, d.At), d)
		}
	})
}
