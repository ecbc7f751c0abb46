package schedule

import (
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// time S3: WithLocation sets the zone; an unknown zone and a second one are errors.
func TestCronHasOneZone(t *testing.T) {
	s := cronIn("0 9 * * *", "Asia/Tokyo")
	assert.Equal(t, at(15*3600), s.After(at(0)))
	assert.Equal(t, "Asia/Tokyo", s.Zone())
	assert.Equal(t, "0 9 * * *", s.String())
	s = cronIn("CRON_TZ=Asia/Tokyo 0 9 * * *", "Asia/Tokyo")
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

// found X4.
func TestMissingZoneDataIsNamed(t *testing.T) {
	none := func(string) (*time.Location, error) { return nil, errors.New("unknown time zone") }
	assert.Contains(t, zoneHint(none), `import _ "time/tzdata"`)
	assert.Empty(t, zoneHint(time.LoadLocation))
}

// found C2: a core that finds other rules of a zone asks for the instant of the same local time.
func TestLocalTimeMovesWithTheRulesOfItsZone(t *testing.T) {
	zone, ok := ZoneOf(must(Between(cronIn("0 9 * * *", "Europe/Berlin"), at(0), time.Time{})))
	require.True(t, ok)
	planned := utc("2027-01-10 06:00:00") // 09:00 by rules that said 3 hours ahead
	assert.EqualValues(t, 3600, zone.Offset(planned))
	assert.Equal(t, utc("2027-01-10 08:00:00"), zone.SameLocalTime(planned, 3*3600))
	assert.Equal(t, utc("2027-03-28 01:30:00"), zone.SameLocalTime(utc("2027-03-28 00:30:00"), 3*3600), "by the offset after the change")

	again := func(expr, t string, offset int64) time.Time {
		return Again(cronIn(expr, "Europe/Berlin"), utc(t), offset)
	}
	assert.Equal(t, utc("2027-01-10 08:00:00"), again("0 9 * * *", "2027-01-10 06:00:00", 3*3600))
	assert.Equal(t, utc("2027-01-10 01:30:00"), again("30 2 * * *", "2027-01-10 01:00:00", 2*3600), "a gap that is gone")
	assert.Equal(t, utc("2027-03-28 01:00:00"), again("30 2 * * *", "2027-03-28 01:30:00", 3600), "a new gap")
	assert.Equal(t, utc("2027-10-31 00:30:00"), again("30 2 * * *", "2027-10-31 02:30:00", 0), "the first copy in a fold")
	assert.Equal(t, planned, again("*/5 * * * *", "2027-01-10 06:00:00", 3*3600), "where time elapses, local times mean nothing")

	for _, s := range []Schedule{must(Cron("0 9 * * *")), must(Every(time.Hour)), Manual()} {
		_, ok := ZoneOf(s)
		assert.False(t, ok, s)
	}
}
