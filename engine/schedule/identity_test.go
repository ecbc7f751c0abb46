package schedule

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
)

// found C4.
func TestOtherSpellingsHaveTheSameIdentity(t *testing.T) {
	for _, test := range [][2]Schedule{
		{must(Cron("0 9 * * *")), must(Cron("0 0  9 * * *"))},
		{must(Cron("0 9 * * *")), must(Cron("CRON_TZ=UTC 0 9 * * ?"))},
		{must(Cron("0 9 * * *")), must(Cron("0 9 1-31 * *"))},
		{must(Cron("0 9 * * *")), must(Cron("0 9 1-31 * 5L"))},
		{must(Cron("0 9 * * 0")), must(Cron("0 9 * * SUN"))},
		{must(Cron("0 9 * * *")), cronIn("0 9 * * *", "Etc/UTC", FoldBoth)},
		{cronIn("0 9 * * *", "Europe/Berlin"), must(Cron("CRON_TZ=Europe/Berlin 0 9 * * *"))},
		{cronIn("0 9 * * *", "Asia/Calcutta"), cronIn("0 9 * * *", "Asia/Kolkata")},
		{cronIn("*/5 9 * * *", "Europe/Berlin"), cronIn("*/5 9 * * *", "Europe/Berlin", GapSkip)},
	} {
		assert.True(t, IdentityOf(test[0]).Same(IdentityOf(test[1])), "%s and %s", test[0], test[1])
	}
}

// found C4.
func TestOtherMeaningsHaveOtherIdentities(t *testing.T) {
	schedules := []Schedule{
		Manual(), must(Every(time.Hour)), must(FixedRate(time.Hour)), must(Aligned(time.Hour)), must(Once(at(0))),
		must(Cron("0 9 * * *")), must(Cron("0 10 * * *")), must(Cron("0 9 L * *")), must(Cron("0 9 13 * FRI")), must(Cron("0 9 ? * FRI")),
		cronIn("0 9 * * *", "Europe/Berlin"), cronIn("0 9 * * *", "Europe/London"), cronIn("0 9 * * *", "Europe/Berlin", GapSkip),
		cronIn("0/59 9 * * *", "Europe/Berlin"), cronIn("0,59 9 * * *", "Europe/Berlin"), // the first follows elapsed time
	}
	for i, a := range schedules {
		for j, b := range schedules {
			assert.Equal(t, i == j, IdentityOf(a).Same(IdentityOf(b)), "%s %s and %s %s", a.Kind(), a, b.Kind(), b)
		}
	}
}

// found C4: where only the bounds moved, what was due stays due.
func TestIdentityTellsBoundsApart(t *testing.T) {
	hourly := must(Cron("0 * * * *"))
	a, b := IdentityOf(must(Between(hourly, at(0), time.Time{}))), IdentityOf(must(Between(hourly, at(0), at(86400))))
	assert.False(t, a.Same(b))
	assert.True(t, a.SameWithoutBounds(b))
	assert.True(t, a.SameWithoutBounds(IdentityOf(hourly)))
	assert.Equal(t, at(0), a.Start)
	assert.Equal(t, at(86400), b.End)
}

// found C4.
func TestCommonOccurrencesStayDue(t *testing.T) {
	hourly, halfHourly := must(Cron("0 * * * *")), must(Cron("0,30 * * * *"))
	now := at(3*3600 + 2000)
	assert.Equal(t, at(3600), StillDue(hourly, hourly, at(3600), now))
	assert.Equal(t, at(3*3600), StillDue(hourly, halfHourly, at(3600), now), "12:30 was never due, and 11:30 ends what both have")
	assert.Equal(t, at(3*3600), StillDue(halfHourly, hourly, at(3*3600), now))
	assert.Zero(t, StillDue(must(Cron("15 * * * *")), hourly, at(3600), now))
}
