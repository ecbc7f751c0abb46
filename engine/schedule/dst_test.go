package schedule

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// time S4: the policies are in the text, since it identifies the schedule.
func TestDSTPoliciesAreInTheText(t *testing.T) {
	for want, policies := range map[string][]DST{
		"0 9 * * *":                        nil,
		"0 9 * * *, gap skip":              {GapSkip},
		"0 9 * * *, fold second":           {FoldSecond},
		"0 9 * * *, gap skip, fold both":   {FoldBoth, GapSkip},
		"@daily, gap skip, fold second":    {GapSkip | FoldSecond},
		"CRON_TZ=UTC 0 9 * * *, fold both": {FoldBoth},
	} {
		expr, _, _ := strings.Cut(want, ", ")
		assert.Equal(t, want, must(Cron(expr, WithDST(policies...))).String())
	}
	_, err := Cron("0 9 * * *", WithDST(FoldSecond, FoldBoth))
	require.ErrorIs(t, err, ErrInvalid)
	assert.ErrorContains(t, err, "exclude each other")
	_, err = Cron("0 9 * * *", WithDST(8))
	assert.ErrorContains(t, err, "unknown DST policy")
}

// time S4.
func TestDSTTimesSayWhatHappened(t *testing.T) {
	from, to := utc("2027-01-01 00:00:00"), utc("2028-01-01 00:00:00")
	halfPastTwo := func(policies ...DST) []DSTTime {
		return cronIn("30 2 * * *", "Europe/Berlin", policies...).DSTTimes(from, to)
	}
	assert.Equal(t, []DSTTime{
		{At: utc("2027-03-28 01:00:00"), Gap: true, Runs: true, Text: "02:30 does not exist on 2027-03-28 in Europe/Berlin"},
		{At: utc("2027-10-31 01:30:00"), Text: "02:30 comes twice on 2027-10-31 in Europe/Berlin; this is its second copy"},
	}, halfPastTwo())
	assert.Equal(t, []DSTTime{
		{At: utc("2027-03-28 01:00:00"), Gap: true, Text: "02:30 does not exist on 2027-03-28 in Europe/Berlin"},
		{At: utc("2027-10-31 00:30:00"), Text: "02:30 comes twice on 2027-10-31 in Europe/Berlin; this is its first copy"},
	}, halfPastTwo(GapSkip, FoldSecond))
	assert.True(t, halfPastTwo(FoldBoth)[1].Runs)
	assert.Nil(t, cronIn("30 * * * *", "Europe/Berlin").DSTTimes(from, to), "it has no fixed times")
	assert.Nil(t, cronIn("30 4 * * *", "Europe/Berlin").DSTTimes(from, to))
	assert.Nil(t, must(Cron("30 2 * * *")).DSTTimes(from, to))
}

// time S4: those that would reach the next occurrence fall together with it.
func TestTimesInAGapStayApart(t *testing.T) {
	from, to := utc("2027-03-28 00:59:59.001"), utc("2027-03-28 01:30:00")
	assert.Equal(t, []time.Time{utc("2027-03-28 01:00:00"), utc("2027-03-28 01:00:00.001")},
		walk(cronIn("10,50 2 * * *", "Europe/Berlin"), from, to))
	assert.Equal(t, []time.Time{utc("2027-03-28 01:00:00"), utc("2027-03-28 01:00:00.001"), utc("2027-03-28 01:00:00.002"), utc("2027-03-28 01:30:00")},
		walk(cronIn("0,30 2,3 * * *", "Europe/Berlin"), from, to))

	seconds := cronIn("* 30 2 * * *", "Europe/Berlin")
	assert.NoError(t, checkCount(seconds, from, to, 60, utc("2027-03-28 01:00:00.059")))
	assert.Len(t, walk(seconds, from, to), 60)

	crowded := cronIn("* 0-59 0-23 * * *", "Europe/Berlin")
	end := utc("2027-03-28 01:00:01")
	assert.NoError(t, checkCount(crowded, from, end, 1001, end))
	assert.Len(t, walk(crowded, from, end), 1001)
	gap := crowded.DSTTimes(from, to)
	assert.Len(t, gap, 3600)
	assert.Equal(t, utc("2027-03-28 01:00:00.001"), gap[0].At)
	assert.Equal(t, utc("2027-03-28 01:00:00.999"), gap[998].At)
	assert.Equal(t, end, gap[999].At)
	assert.Equal(t, end, gap[3599].At)
}

// time S4: on a day that begins at 01:00, midnight is then. It is the midnight of that weekday,
// and of that day of the month.
func TestMidnightInAGapKeepsItsDay(t *testing.T) {
	saturday, sunday := utc("2024-03-30 12:00:00"), utc("2024-03-31 12:00:00") // in Beirut it began at 01:00
	for _, expr := range []string{"0 0 * * *", "@daily", "@midnight", "0 0 31 * *", "0 0 * * SUN", "@weekly"} {
		assert.Equal(t, []time.Time{utc("2024-03-30 22:00:00")}, walk(cronIn(expr, "Asia/Beirut"), saturday, sunday), expr)
	}
	for _, expr := range []string{"0 0 * * SAT", "0 0 30 * *", "@monthly"} {
		assert.Empty(t, walk(cronIn(expr, "Asia/Beirut"), saturday, sunday), expr)
	}
}

// time S4: lists and ranges are fixed times.
func TestWildcardsAndStepsFollowElapsedTime(t *testing.T) {
	from, to := utc("2027-10-31 00:00:00"), utc("2027-10-31 01:59:59") // 02:00 to 02:59 in Berlin, twice
	for expr, want := range map[string]int{
		"30 * * * *": 2, "30 */2 * * *": 2, "*/30 2 * * *": 4, "0/30 2 * * *": 4, "*/1 2 * * *": 120, "30 22-3 * * *": 1, "30 22-4/2 * * *": 2, "30 0-4/2 * * *": 2, "@hourly": 2,
		"30 2 * * *": 1, "0,30 2 * * *": 2, "0-9 2 * * *": 10, "30 0-23 * * *": 1, "*/30 30 2 * * *": 2, "* 30 2 * * *": 60,
	} {
		assert.Len(t, walk(cronIn(expr, "Europe/Berlin"), from, to), want, expr)
	}
}

// scheduler L4: package time has a table of a zone's changes up to 2037, and then goes by rules,
// which end a leap year a day early.
func TestSearchEndsBeyondTheTableOfAZone(t *testing.T) {
	s := cronIn("0 9 * * *", "Europe/Berlin")
	from, to := utc("2040-01-01 00:00:00"), utc("2100-12-31 23:59:59")
	assert.Equal(t, utc("2040-12-31 08:00:00"), s.After(utc("2040-12-30 12:00:00")))
	assert.Equal(t, utc("2041-01-01 08:00:00"), s.After(utc("2040-12-31 12:00:00")))
	assert.NoError(t, checkCount(s, from, to, int64(to.Sub(from)/(24*time.Hour))+1, utc("2100-12-31 08:00:00")))
	assert.Equal(t, utc("2104-02-29 08:00:00"), cronIn("0 9 29 2 *", "Europe/Berlin").After(utc("2096-03-01 00:00:00")))
	n, _ := s.Count(time.Time{}, time.Unix(1<<40, 0))
	assert.InEpsilon(t, (1<<40)/86400, n, 0.1)
	assert.False(t, s.After(time.Time{}).IsZero())
}
