package schedule

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func mustSchedule(t require.TestingT) func(s Schedule, err error) Schedule {
	return func(s Schedule, err error) Schedule {
		require.NoError(t, err)
		return s
	}
}

func cronIn(t require.TestingT, expr, zone string, policies ...DST) Schedule {
	return mustSchedule(t)(Cron(expr, WithLocation(zone), WithDST(policies...)))
}

func utc(text string) time.Time {
	t, err := time.Parse("2006-01-02 15:04:05.999", text)
	if err != nil {
		panic(err)
	}
	return t
}

// S3: the zone is that of the option; an unknown or a second one is an error.
func TestCronLocations(t *testing.T) {
	s := cronIn(t, "0 9 * * *", "Asia/Tokyo")
	assert.Equal(t, at(15*3600), s.After(at(0)))
	assert.Equal(t, "Asia/Tokyo", s.Zone())
	assert.Equal(t, "0 9 * * *", s.String())
	s = cronIn(t, "CRON_TZ=Asia/Tokyo 0 9 * * *", "Asia/Tokyo")
	assert.Equal(t, "Asia/Tokyo", s.Zone())
	for _, test := range []struct{ expr, zone, want string }{
		{"0 9 * * *", "Europe/Berlinn", "unknown time zone Europe/Berlinn"},
		{"0 9 * * *", "", "names no time zone"},
		{"0 9 * * *", "Local", "depends on the machine"},
		{"CRON_TZ=Asia/Tokyo 0 9 * * *", "Europe/Berlin", "two time zones, Asia/Tokyo and Europe/Berlin"},
		{"CRON_TZ=UTC 0 9 * * *", "Europe/Berlin", "two time zones"},
	} {
		_, err := Cron(test.expr, WithLocation(test.zone))
		require.ErrorIs(t, err, ErrInvalid)
		assert.ErrorContains(t, err, test.want)
	}
}

// found X4: without time-zone data an error names the package that brings it.
func TestMissingZoneDataIsNamed(t *testing.T) {
	none := func(string) (*time.Location, error) { return nil, errors.New("unknown time zone") }
	assert.Contains(t, zoneHint(none), `import _ "time/tzdata"`)
	assert.Empty(t, zoneHint(time.LoadLocation))
}

// S4: the text tells the policies, since it identifies the schedule.
func TestDSTPolicies(t *testing.T) {
	for want, policies := range map[string][]DST{
		"0 9 * * *":                        nil,
		"0 9 * * *, gap skip":              {GapSkip},
		"0 9 * * *, fold second":           {FoldSecond},
		"0 9 * * *, gap skip, fold both":   {FoldBoth, GapSkip},
		"@daily, gap skip, fold second":    {GapSkip | FoldSecond},
		"CRON_TZ=UTC 0 9 * * *, fold both": {FoldBoth},
	} {
		expr, _, _ := strings.Cut(want, ", ")
		assert.Equal(t, want, mustSchedule(t)(Cron(expr, WithDST(policies...))).String())
	}
	_, err := Cron("0 9 * * *", WithDST(FoldSecond, FoldBoth))
	require.ErrorIs(t, err, ErrInvalid)
	assert.ErrorContains(t, err, "exclude each other")
	_, err = Cron("0 9 * * *", WithDST(8))
	assert.ErrorContains(t, err, "unknown DST policy")
}

// S4: the words are those of the ledger.
func TestOdditiesSayWhatHappened(t *testing.T) {
	from, to := utc("2027-01-01 00:00:00"), utc("2028-01-01 00:00:00")
	half := func(policies ...DST) []DSTTime {
		return cronIn(t, "30 2 * * *", "Europe/Berlin", policies...).DSTTimes(from, to)
	}
	assert.Equal(t, []DSTTime{
		{At: utc("2027-03-28 01:00:00"), Gap: true, Runs: true, Text: "02:30 does not exist on 2027-03-28 in Europe/Berlin"},
		{At: utc("2027-10-31 01:30:00"), Text: "02:30 comes twice on 2027-10-31 in Europe/Berlin; this is its second copy"},
	}, half())
	assert.Equal(t, []DSTTime{
		{At: utc("2027-03-28 01:00:00"), Gap: true, Text: "02:30 does not exist on 2027-03-28 in Europe/Berlin"},
		{At: utc("2027-10-31 00:30:00"), Text: "02:30 comes twice on 2027-10-31 in Europe/Berlin; this is its first copy"},
	}, half(GapSkip, FoldSecond))
	assert.True(t, half(FoldBoth)[1].Runs)
	assert.Nil(t, cronIn(t, "30 * * * *", "Europe/Berlin").DSTTimes(from, to), "time that elapses is not odd")
	assert.Nil(t, cronIn(t, "30 4 * * *", "Europe/Berlin").DSTTimes(from, to))
	assert.Nil(t, mustCron("30 2 * * *").DSTTimes(from, to))
}

// S4: the times in a gap stay apart, in order, behind an instant at its end; those
// for which there is no room fall on the next instant.
func TestTimesInAGapStayApart(t *testing.T) {
	from, to := utc("2027-03-28 00:59:59.001"), utc("2027-03-28 01:30:00")
	assert.Equal(t, []time.Time{utc("2027-03-28 01:00:00"), utc("2027-03-28 01:00:00.001")},
		walk(cronIn(t, "10,50 2 * * *", "Europe/Berlin"), from, to))
	assert.Equal(t, []time.Time{utc("2027-03-28 01:00:00"), utc("2027-03-28 01:00:00.001"), utc("2027-03-28 01:00:00.002"), utc("2027-03-28 01:30:00")},
		walk(cronIn(t, "0,30 2,3 * * *", "Europe/Berlin"), from, to))

	seconds := cronIn(t, "* 30 2 * * *", "Europe/Berlin")
	assert.NoError(t, counts(seconds, from, to, 60, utc("2027-03-28 01:00:00.059")))
	assert.Len(t, walk(seconds, from, to), 60)

	crowded := cronIn(t, "* 0-59 0-23 * * *", "Europe/Berlin")
	end := utc("2027-03-28 01:00:01")
	assert.NoError(t, counts(crowded, from, end, 1001, end))
	assert.Len(t, walk(crowded, from, end), 1001)
	odd := crowded.DSTTimes(from, to)
	assert.Len(t, odd, 3600)
	assert.Equal(t, utc("2027-03-28 01:00:00.001"), odd[0].At)
	assert.Equal(t, utc("2027-03-28 01:00:00.999"), odd[998].At)
	assert.Equal(t, end, odd[999].At)
	assert.Equal(t, end, odd[3599].At)
}

// S4: a day that begins at 01:00 has its midnight then, also as the day of the
// week or of the month that it is.
func TestMidnightInAGapKeepsItsDay(t *testing.T) {
	saturday, sunday := utc("2024-03-30 12:00:00"), utc("2024-03-31 12:00:00") // in Beirut it began at 01:00
	for _, expr := range []string{"0 0 * * *", "@daily", "@midnight", "0 0 31 * *", "0 0 * * SUN", "@weekly"} {
		assert.Equal(t, []time.Time{utc("2024-03-30 22:00:00")}, walk(cronIn(t, expr, "Asia/Beirut"), saturday, sunday), expr)
	}
	for _, expr := range []string{"0 0 * * SAT", "0 0 30 * *", "@monthly"} {
		assert.Empty(t, walk(cronIn(t, expr, "Asia/Beirut"), saturday, sunday), expr)
	}
}

// S4: where the hour or the minute has a star or a step, time elapses; lists,
// ranges and descriptors of days are fixed.
func TestWildcardsFollowElapsedTime(t *testing.T) {
	from, to := utc("2027-10-31 00:00:00"), utc("2027-10-31 01:59:59") // 02:00 to 02:59 in Berlin, twice
	for expr, want := range map[string]int{
		"30 * * * *": 2, "30 */2 * * *": 2, "*/30 2 * * *": 4, "0/30 2 * * *": 4, "*/1 2 * * *": 120, "30 22-3 * * *": 1, "30 22-4/2 * * *": 2, "30 0-4/2 * * *": 2, "@hourly": 2,
		"30 2 * * *": 1, "0,30 2 * * *": 2, "0-9 2 * * *": 10, "30 0-23 * * *": 1, "*/30 30 2 * * *": 2, "* 30 2 * * *": 60,
	} {
		assert.Len(t, walk(cronIn(t, expr, "Europe/Berlin"), from, to), want, expr)
	}
}

// S4: nothing is searched without end, neither where a zone goes by rules instead
// of a table, which package time ends a day early in leap years, nor far away.
func TestSearchEnds(t *testing.T) {
	s := cronIn(t, "0 9 * * *", "Europe/Berlin")
	from, to := utc("2040-01-01 00:00:00"), utc("2100-12-31 23:59:59")
	assert.Equal(t, utc("2040-12-31 08:00:00"), s.After(utc("2040-12-30 12:00:00")))
	assert.Equal(t, utc("2041-01-01 08:00:00"), s.After(utc("2040-12-31 12:00:00")))
	assert.NoError(t, counts(s, from, to, int64(to.Sub(from)/(24*time.Hour))+1, utc("2100-12-31 08:00:00")))
	assert.Equal(t, utc("2104-02-29 08:00:00"), cronIn(t, "0 9 29 2 *", "Europe/Berlin").After(utc("2096-03-01 00:00:00")))
	n, _ := s.Count(time.Time{}, time.Unix(1<<40, 0))
	assert.InEpsilon(t, (1<<40)/86400, n, 0.1)
	assert.False(t, s.After(time.Time{}).IsZero())
}

func BenchmarkCountAYearOfSeconds(b *testing.B) {
	s := cronIn(b, "* * * * * *", "Europe/Berlin")
	for b.Loop() {
		s.Count(at(0), at(365*86400))
	}
}

func BenchmarkAfter(b *testing.B) {
	s := cronIn(b, "0 9 * * *", "Europe/Berlin")
	for b.Loop() {
		s.After(at(0))
	}
}

func BenchmarkOdditiesOfADay(b *testing.B) {
	s := cronIn(b, "0 9 * * *", "Europe/Berlin")
	for b.Loop() {
		s.DSTTimes(at(0), at(86400))
	}
}
