package schedule

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// scheduler B3.
func TestCronReadsFieldsDescriptorsAndZones(t *testing.T) {
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

// scheduler B3: the error quotes the expression and says what is wrong. robfig/cron panics on
// some of these, and reads others as something else.
func TestCronRefusesWhatItCannotRead(t *testing.T) {
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
		{"@reboot", "no such word is known; write @hourly"},
		{"0 9 * *", "it has 4 fields; write five"},
		{"0 0 0 9 * * *", "there is no year: leave the last one out"},
		{"61 * * * *", `the minute "61": 61 is above 59; write a number from 0 to 59`},
		{"*/0 * * * *", "step"},
		{"nonsense", "it has 1 field; write five"},
		{strings.Repeat("1,", 1000) + "1 * * * *", "longer than"},
	} {
		t.Run(test.expr[:min(len(test.expr), 40)], func(t *testing.T) {
			_, err := Cron(test.expr)
			require.ErrorIs(t, err, ErrInvalid)
			assert.ErrorContains(t, err, test.want)
			assert.Contains(t, err.Error(), `"`+strings.TrimSpace(test.expr)[:min(len(strings.TrimSpace(test.expr)), 20)])
		})
	}
}

// found X1: the error says why, and what to write instead.
func TestOtherDialectsAreRefused(t *testing.T) {
	for expr, want := range map[string]string{
		"*/90 * * * *":            "a step of 90 is more than the 60 minutes of its range, which leaves only 0; write 0, or use an interval",
		"0 */36 * * *":            "a step of 36 is more than the 24 hours of its range",
		"10-20/15 * * * *":        "a step of 15 is more than the 11 minutes",
		"0 10 * * ? *":            `if the first is the minute and the last a year, as in EventBridge, write "0 10 * * *"`,
		"0 10 ? * MON *":          `write "0 10 * * MON"`,
		"0 18 ? * 2-6 *":          `write "0 18 * * MON-FRI"`,
		"15 10 ? * 6L 2022":       `write "15 10 * * FRIL"`,
		"0 9 ? * 1#2,7 *":         `write "0 9 * * SUN#2,SAT"`,
		"0 9 ? * 2-6/2 *":         `write "0 9 * * MON-FRI/2"`,
		"cron(0 18 ? * 2-6 *)":    `write "0 18 * * MON-FRI"`,
		"cron(0 9 * * *)":         `write what is between the brackets alone, "0 9 * * *"`,
		"rate(5 minutes)":         "register the flow with Every, or write every in a config",
		"at(2026-11-23T09:00:00)": "register the flow with Once, or write once in a config",
		"0 ? * * *":               "? stands for any day, and only in the fields of days; write *",
		"0 9 ?/2 * *":             "? takes no step; write */2",
		", * * * *":               "an element of the list is empty",
		",1 * * * *":              "an element of the list is empty",
		"1, * * * *":              "an element of the list is empty",
		"*-5 * * * *":             "a range begins with a number, not with *; write 0-5, or * alone",
		"+5 * * * *":              `"+5" is no minute; write a number from 0 to 59`,
		"-5 * * * *":              "is no minute",
		"1-2-3 * * * *":           "is no minute",
		"*/2/3 * * * *":           `"2/3" is no step`,
		"*/+2 * * * *":            `"+2" is no step`,
		"0 0 * * L":               "write SAT, or SATL for the last Saturday",
		"0 0 * * FRI#6":           "no month has a Friday number 6; write #1 to #5, or FRIL",
		"0 0 L-31 * *":            "write L-0 to L-30",
		"0 0 32W * *":             "32 is above 31",
		"0 0 31W 2 *":             "it never fires",
		"0 0 LW/2 * *":            "takes no step",
		"0 0 * * FRIL/2":          "takes no step",
		"0 0 * * 8":               "8 is above 7",
		"0 0 * * frid":            `"frid" is no day of the week; write a number from 0 to 6 or a name as in MON`,
		"H 0 * * *":               "the value of H comes from the id of a flow, and there is none here",
		"H(5-1) 0 * * *":          "the range of H goes from a lower to a higher number; write H(0-59)",
		"@daily 9":                "which stands alone",
		"@Every 5m":               "register the flow with Every",
		"H(0-9)/11 * * * *":       "a step of 11 is more than the 10 minutes",
	} {
		_, err := Cron(expr)
		if strings.Contains(expr, "(") {
			_, err = Cron(expr, ForFlow("nightly"))
		}
		require.ErrorIs(t, err, ErrInvalid, expr)
		assert.ErrorContains(t, err, want, expr)
	}
}

// found X1.
func TestWarningsOfOtherDialects(t *testing.T) {
	for expr, want := range map[string]string{
		"0 */24 * * *":   `the hour "*/24": a step of 24 leaves only 0`,
		"45/30 * * * *":  `the minute "45/30": a step of 30 leaves only 45`,
		"0 0 9 ? * 2-6":  `the day of the week "2-6": 0 and 7 are Sunday here, but 1 is Sunday in Quartz`,
		"0 0 9 ? * 6#3":  "write names, as in MON-FRI",
		"0 0 9 ? * 6L":   "write names",
		"0 9 * * 1":      "",
		"0 0 9 ? * FRIL": "",
		"*/7 * * * *":    "",
		"*/1 * * * *":    "",
	} {
		warnings, err := Warnings(expr)
		require.NoError(t, err, expr)
		if want == "" {
			assert.Empty(t, warnings, expr)
			continue
		}
		require.Len(t, warnings, 1, expr)
		assert.Contains(t, warnings[0], want, expr)
	}
}

// found X2: each form means the same as an expression of plain numbers.
func TestFormsOfOtherSchedulers(t *testing.T) {
	for expr, plain := range map[string]string{
		"0 9 * * 7":            "0 9 * * 0",
		"0 9 * * 5-7":          "0 9 * * 0,5,6",
		"0 9 13 * 0-7":         "0 9 13 * 0-6",
		"0 9 13 * sun-7":       "0 9 13 * 0-6",
		"0 9 13 * sun-sun":     "0 9 13 * 0",
		"0 9 * * 7-2":          "0 9 * * 0-2",
		"0 9 * * 1-7/2":        "0 9 * * 1,3,5,0",
		"0 9 * * FRI-MON":      "0 9 * * 5,6,0,1",
		"0 22-2 * * *":         "0 22,23,0,1,2 * * *",
		"0 20-4/3 * * *":       "0 20,23,2 * * *",
		"50-10/5 9 * * *":      "50,55,0,5,10 9 * * *",
		"0 9 1 November-feb *": "0 9 1 11,12,1,2 *",
		"0 9 28-2 * *":         "0 9 28,29,30,31,1,2 * *",
		"0 9 * * friday":       "0 9 * * 5",
		"0 9 * january,MAY *":  "0 9 * 1,5 *",
		"@DAILY":               "0 0 * * *",
		"@Weekly":              "0 0 * * 0",
	} {
		from, to := utc("2027-01-01 00:00:00"), utc("2028-03-01 00:00:00")
		assert.Equal(t, walk(must(Cron(plain)), from, to), walk(must(Cron(expr)), from, to), expr)
	}
	first := func(expr string) string {
		return must(Cron(expr)).After(utc("2027-05-01 00:00:00")).Format(time.DateOnly)
	}
	assert.Equal(t, "2027-05-31", first("0 9 L * *"))
	assert.Equal(t, "2027-05-28", first("0 9 L-3 * *"))
	assert.Equal(t, "2027-10-29", first("0 9 LW 10 *"), "31 October is a Sunday")
	assert.Equal(t, "2027-05-03", first("0 9 1W * *"), "1 May is a Saturday, and the month is not left")
	assert.Equal(t, "2027-10-29", first("0 9 31W 10 *"), "31 October is a Sunday")
	assert.Equal(t, "2027-05-14", first("0 9 ? * FRI#2"))
	assert.Equal(t, "2027-05-28", first("0 9 ? * FRIL"))
	assert.Equal(t, "2052-02-29", first("0 9 * 2 thu#5"), "February has five Thursdays then")
}

// found X2: a flow keeps its numbers.
func TestHashedNumbersSpreadFlows(t *testing.T) {
	seen := map[time.Time]bool{}
	from := utc("2027-05-01 00:00:00")
	for i := range 200 {
		id := fmt.Sprint("flow ", i)
		s := must(Cron("H H(1-5) * * *", ForFlow(id)))
		again := must(Parse(id, s.Kind(), s.String(), s.Zone()))
		at := s.After(from)
		assert.Equal(t, at, again.After(from))
		assert.True(t, DependsOnFlow(s))
		assert.GreaterOrEqual(t, at.Hour(), 1)
		assert.LessOrEqual(t, at.Hour(), 5)
		seen[at] = true

		quarters := walk(must(Cron("H/15 9 H * *", ForFlow(id))), from, utc("2027-06-01 00:00:00"))
		assert.Len(t, quarters, 4)
		assert.LessOrEqual(t, quarters[0].Day(), 28)
	}
	assert.Greater(t, len(seen), 120, "of 300 times")
}

// scheduler B3: whatever is typed gives an error or a schedule that fires, never a panic.
func FuzzCron(f *testing.F) {
	for _, seed := range []string{"* * * * *", "TZ=", "CRON_TZ=UTC ", "@every 1s", "@", "1-2/3 ? L * MON-FRI", "0 0 30 2 *",
		"0 22-2 28-2 * FRI-MON", "0 0 L,LW,15W * friday", "0 0 L-3 * FRI#2,SUNL", "H H(1-5) H/3 * *", "@DAILY", "0 0 * * 7", "*/90 * * * *", ", 1 ,"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, expr string) {
		s, err := Cron(expr, ForFlow("nightly"))
		if err != nil {
			return
		}
		if s.Next(epoch, time.Time{}).IsZero() {
			t.Errorf("%q never fires", expr)
		}
		if _, err := Parse("nightly", s.Kind(), s.String(), s.Zone()); err != nil {
			t.Errorf("%q is not read again: %v", expr, err)
		}
	})
}

// time C1.
func TestLatestFindsTheNewestMissedOccurrence(t *testing.T) {
	exprs := []string{"* * * * * *", "*/7 * * * * *", "0 30 9-17 * * MON-FRI", "CRON_TZ=America/New_York 30 1,2 * * *", "0 0 1 */3 *"}
	rapid.Check(t, func(t *rapid.T) {
		s := must(Cron(rapid.SampledFrom(exprs).Draw(t, "expr")))
		next := s.Next(epoch.Add(time.Duration(rapid.Int64Range(0, 365*86400).Draw(t, "from"))*time.Second), time.Time{})
		want := next
		for range rapid.IntRange(0, 300).Draw(t, "missed") {
			want = s.Next(want, time.Time{})
		}
		now := want.Add(time.Duration(rapid.Int64Range(0, 999).Draw(t, "late")) * time.Millisecond)
		require.Equal(t, want, s.Latest(next, now))
	})
}

// time C1: a daemon that was down for a year starts at once.
func TestLatestOfAYearNeedsNoWalk(t *testing.T) {
	s := must(Cron("* * * * * *"))
	assert.Equal(t, at(365*86400), s.Latest(epoch, at(365*86400)))
}

// scheduler L4: robfig/cron skips these, or searches without end.
func TestOccurrencesBehindAMidnightInAGap(t *testing.T) {
	assert.Equal(t, time.Date(2025, 4, 25, 0, 0, 0, 0, time.UTC),
		must(Cron("CRON_TZ=Africa/Cairo 0 0 3 * * 5")).Next(time.Date(2025, 4, 23, 0, 0, 0, 0, time.UTC), time.Time{}))
	assert.Equal(t, time.Date(2024, 2, 29, 4, 45, 0, 0, time.UTC),
		must(Cron("CRON_TZ=America/Asuncion 0 45 1 29 2 *")).Next(time.Date(2021, 3, 1, 0, 0, 0, 0, time.UTC), time.Time{}))
}

// found C7.
func TestFixedTimesDoNotRunAgainAfterASmallStepBack(t *testing.T) {
	fixed, steps := must(Cron("0 10 * * *")), must(Cron("*/30 * * * *"))
	ran, now := at(3600), at(1800) // it is half past nine again
	assert.Equal(t, at(25*3600), fixed.Next(now, ran))
	assert.Equal(t, at(3600), steps.Next(now, ran), "a step keeps its rate")
	assert.Equal(t, at(3600), fixed.Next(ran.Add(-CorrectionJump-time.Second), ran), "a larger step was a correction")

	for _, s := range []Schedule{fixed, must(Once(ran)), must(Between(fixed, at(0), time.Time{})), Exclude(fixed, []time.Time{ran})} {
		assert.True(t, HasFixedTimes(s), s)
	}
	for _, s := range []Schedule{steps, must(Aligned(time.Hour)), must(Every(time.Hour)), Manual()} {
		assert.False(t, HasFixedTimes(s), s)
	}
}

func BenchmarkCountAYearOfSeconds(b *testing.B) {
	s := cronIn("* * * * * *", "Europe/Berlin")
	for b.Loop() {
		s.Count(at(0), at(365*86400))
	}
}

func BenchmarkAfter(b *testing.B) {
	s := cronIn("0 9 * * *", "Europe/Berlin")
	for b.Loop() {
		s.After(at(0))
	}
}

func BenchmarkDSTTimesOfADay(b *testing.B) {
	s := cronIn("0 9 * * *", "Europe/Berlin")
	for b.Loop() {
		s.DSTTimes(at(0), at(86400))
	}
}
