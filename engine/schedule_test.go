package engine

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// B3: what robfig/cron reads, and in UTC.
func TestCronForms(t *testing.T) {
	for _, test := range []struct {
		expr, zone string
		want       time.Time // the first instant after 09:00:00 UTC on 22 Nov 2026, a Sunday
	}{
		{"30 15 9 * * *", "UTC", at(15*60 + 30)},
		{"15 9 * * *", "UTC", at(15 * 60)},
		{"@hourly", "UTC", at(3600)},
		{"@daily", "UTC", at(15 * 3600)},
		{"  0 0 10 * * *  ", "UTC", at(3600)},
		{"CRON_TZ=Europe/Berlin 0 11 * * *", "Europe/Berlin", at(3600)},
		{"CRON_TZ=Europe/Berlin\t0 11 * * *", "Europe/Berlin", at(3600)},
		{"CRON_TZ=Asia/Tokyo @midnight", "Asia/Tokyo", at(6 * 3600)},
		{"0 9 * * MON", "UTC", at(86400)},
		{"0 9 * * 0", "UTC", at(7 * 86400)},
		{"0 0 29 2 *", "UTC", time.Date(2028, 2, 29, 0, 0, 0, 0, time.UTC)},
	} {
		t.Run(test.expr, func(t *testing.T) {
			s, err := Cron(test.expr)
			require.NoError(t, err)
			assert.Equal(t, test.want, s.Next(epoch, time.Time{}))
			assert.Equal(t, test.zone, s.Zone())
			assert.Equal(t, strings.TrimSpace(test.expr), s.String())
			assert.Equal(t, KindCron, s.Kind())
		})
	}
}

// B3: what cannot be parsed, or never fires, is an error that quotes the
// expression and says what is wrong; robfig/cron panics on some of these, and
// takes others for something else.
func TestCronRefusals(t *testing.T) {
	for _, test := range []struct{ expr, want string }{
		{"", "no fields"},
		{"   ", "no fields"},
		{"TZ=", "CRON_TZ="},
		{"TZ=0", "CRON_TZ="},
		{"TZ=Europe/Berlin 0 9 * * *", "CRON_TZ="},
		{"CRON_TZ=Europe/Berlin", "no fields"},
		{"CRON_TZ=Europe/Berlin ", "no fields"},
		{"CRON_TZ=", "names no time zone"},
		{"CRON_TZ= 0 9 * * *", "names no time zone"},
		{"CRON_TZ=Local 0 9 * * *", "depends on the machine"},
		{"CRON_TZ=Europe/Berlinn 0 9 * * *", "unknown time zone"},
		{"CRON_TZ=../etc/passwd 0 9 * * *", "time zone"},
		{"CRON_TZ=UTC CRON_TZ=UTC 0 9 * * *", "more than one time zone"},
		{"CRON_TZ=UTC TZ=UTC 0 9 * * *", "CRON_TZ="},
		{"0 0 30 2 *", "never fires"},
		{"0 0 0 31 4,6,9,11 *", "never fires"},
		{"@every 5m", "register the flow with Every"},
		{"@every 0s", "register the flow with Every"},
		{"@every -5s", "register the flow with Every"},
		{"@reboot", "unrecognized descriptor"},
		{"0 9 * *", "expected 5 to 6 fields"},
		{"0 0 0 9 * * *", "expected 5 to 6 fields"},
		{"61 * * * *", "above maximum"},
		{"*/0 * * * *", "step"},
		{"nonsense", "expected 5 to 6 fields"},
		{strings.Repeat("1,", 1000) + "1 * * * *", "longer than"},
	} {
		t.Run(test.expr[:min(len(test.expr), 40)], func(t *testing.T) {
			_, err := Cron(test.expr)
			require.ErrorIs(t, err, ErrInvalidSchedule)
			assert.ErrorContains(t, err, test.want)
			assert.Contains(t, err.Error(), `"`+strings.TrimSpace(test.expr)[:min(len(strings.TrimSpace(test.expr)), 20)])
		})
	}
}

// B3: whatever is typed, an error or a schedule, never a panic.
func FuzzCron(f *testing.F) {
	for _, seed := range []string{"* * * * *", "TZ=", "CRON_TZ=UTC ", "@every 1s", "@", "1-2/3 ? L * MON-FRI", "0 0 30 2 *"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, expr string) {
		s, err := Cron(expr)
		if err == nil && s.Next(epoch, time.Time{}).IsZero() {
			t.Errorf("%q never fires", expr)
		}
	})
}

// B4
func TestIntervalBelowAMillisecondIsRefused(t *testing.T) {
	for _, d := range []time.Duration{-time.Second, 0, 1, time.Millisecond - 1} {
		_, err := Every(d)
		require.ErrorIs(t, err, ErrInvalidSchedule)
	}
	s, err := Every(1500 * time.Microsecond)
	require.NoError(t, err)
	assert.Equal(t, at(0.001), s.Next(epoch, time.Time{}), "in milliseconds")
	assert.Equal(t, "5m0s", mustEvery(5*time.Minute).String())
}

// L4, L8: Latest agrees with a walk over every instant.
func TestLatestFindsTheNewestMissedInstant(t *testing.T) {
	exprs := []string{"* * * * * *", "*/7 * * * * *", "0 30 9-17 * * MON-FRI", "CRON_TZ=America/New_York 30 1,2 * * *", "0 0 1 */3 *"}
	rapid.Check(t, func(t *rapid.T) {
		s := mustCron(rapid.SampledFrom(exprs).Draw(t, "expr"))
		next := s.Next(epoch.Add(time.Duration(rapid.Int64Range(0, 365*86400).Draw(t, "from"))*time.Second), time.Time{})
		want := next
		for range rapid.IntRange(0, 300).Draw(t, "missed") {
			want = s.Next(want, time.Time{})
		}
		now := want.Add(time.Duration(rapid.Int64Range(0, 999).Draw(t, "late")) * time.Millisecond)
		require.Equal(t, want, s.Latest(next, now))
	})
}

// A daemon that was down for a year is up at once.
func TestLatestOfAYearIsFoundWithoutWalkingIt(t *testing.T) {
	s := mustCron("* * * * * *")
	assert.Equal(t, at(365*86400), s.Latest(epoch, at(365*86400)))
}

// L4: instants that robfig/cron itself loses, or searches for without end.
func TestInstantsPastAMidnightThatDoesNotExist(t *testing.T) {
	assert.Equal(t, time.Date(2025, 4, 25, 0, 0, 0, 0, time.UTC),
		mustCron("CRON_TZ=Africa/Cairo 0 0 3 * * 5").Next(time.Date(2025, 4, 23, 0, 0, 0, 0, time.UTC), time.Time{}))
	assert.Equal(t, time.Date(2024, 2, 29, 4, 45, 0, 0, time.UTC),
		mustCron("CRON_TZ=America/Asuncion 0 45 1 29 2 *").Next(time.Date(2021, 3, 1, 0, 0, 0, 0, time.UTC), time.Time{}))
}
