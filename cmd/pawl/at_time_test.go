package main

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/pawl-go/pawl"
)

// A local time that clocks show twice, or not at all, is refused with what to write
// in place of it.
func TestParseTimeRefusesWhatIsNotThereOnce(t *testing.T) {
	berlin, err := time.LoadLocation("Europe/Berlin")
	require.NoError(t, err)
	for _, test := range []struct{ text, want, err string }{
		{"2026-10-25T02:30:00+01:00", "2026-10-25T01:30:00Z", ""},
		{"2026-10-25 01:59", "2026-10-24T23:59:00Z", ""},
		{"2026-10-25 02:30", "", `"2026-10-25 02:30" comes twice in Europe/Berlin: write it as 2026-10-25T02:30:00+02:00 or 2026-10-25T02:30:00+01:00`},
		{"2026-10-25 03:00", "2026-10-25T02:00:00Z", ""},
		{"2026-03-29T01:59:59", "2026-03-29T00:59:59Z", ""},
		{"2026-03-29 02:00", "", `"2026-03-29 02:00" does not come in Europe/Berlin, where clocks are put forward over it: write it as 2026-03-29T03:00:00+02:00, the first instant after the gap`},
		{"2026-03-29 03:00", "2026-03-29T01:00:00Z", ""},
		{"2026-07-01", "2026-06-30T22:00:00Z", ""},
		{"2026-02-30", "", `"2026-02-30" is no time: write it as 2026-11-22T09:00:00Z, or as "2026-11-22 09:00" in Europe/Berlin`},
	} {
		got, err := parseTime(test.text, berlin)
		if test.err != "" {
			assert.EqualError(t, err, test.err)
			continue
		}
		require.NoError(t, err, test.text)
		assert.Equal(t, test.want, got.UTC().Format(time.RFC3339), test.text)
	}
}

// time W2: a time that clocks leave out is meant as the instant at which they do, of one that
// they show twice the first is meant, with a date and without one, and it is told.
func TestATimeThatClocksMakeOddIsMeantAsTheScheduleTakesIt(t *testing.T) {
	berlin, err := time.LoadLocation("Europe/Berlin")
	require.NoError(t, err)
	spring := time.Date(2027, 3, 28, 9, 0, 0, 0, berlin)
	autumn := time.Date(2027, 10, 31, 9, 0, 0, 0, berlin)
	between := time.Date(2027, 10, 31, 0, 45, 0, 0, time.UTC).In(berlin) // the clocks show 02:45 for the first time
	again := time.Date(2027, 10, 31, 1, 15, 0, 0, time.UTC).In(berlin)   // and 02:15 for the second
	const gap, fold = pawl.VerdictGap, pawl.VerdictFold
	for _, test := range []struct {
		text  string
		now   time.Time
		want  string
		clock pawl.VerdictKind
	}{
		{"2027-03-28 02:30", spring, "2027-03-28T03:00:00+02:00", gap},
		{"02:30", spring, "2027-03-28T03:00:00+02:00", gap},
		{"01:59:59", spring, "2027-03-28T01:59:59+01:00", ""},
		{"03:00", spring, "2027-03-28T03:00:00+02:00", ""},
		{"02:30", spring.AddDate(0, 0, 1), "2027-03-29T02:30:00+02:00", ""},
		{"10:00", spring, "2027-03-27T10:00:00+01:00", ""},
		{"2027-10-31 02:30", autumn, "2027-10-31T02:30:00+02:00", fold},
		{"02:30", autumn, "2027-10-31T02:30:00+02:00", fold},
		{"02:30", between, "2027-10-31T02:30:00+02:00", fold},
		{"02:30", again, "2027-10-31T02:30:00+02:00", fold},
		{"02:50", between, "2027-10-30T02:50:00+02:00", ""},
		{"2027-10-31T02:30:00+01:00", autumn, "2027-10-31T02:30:00+01:00", ""},
	} {
		at, err := meantMoment(test.text, test.now)
		require.NoError(t, err, test.text)
		assert.Equal(t, test.want, at.Format(time.RFC3339), "%s at %s", test.text, test.now)
		assert.Equal(t, test.clock, at.clock, "%s at %s", test.text, test.now)
		assert.Equal(t, test.clock == "", at.odd == "", test.text)
	}
	at, err := meantMoment("02:30", autumn)
	require.NoError(t, err)
	assert.Equal(t, `"2027-10-31 02:30" comes twice in Europe/Berlin; the first is meant, the second is 2027-10-31T02:30:00+01:00`, at.odd)
	for text, now := range map[string]time.Time{"02:30": spring, "02:30:00": autumn} {
		_, err = parseMoment(text, now)
		assert.Equal(t, exitUsage, exitStatus(failure{err}), "it is refused where nothing stands for it")
	}
}

// found X3: the config tells what is wrong with a local time that clocks leave out, or show
// twice, and what to write.
func TestConfigTellsOfTimesThatClocksLeaveOut(t *testing.T) {
	for text, want := range map[string]string{
		"2037-03-29 02:30": `1:64: once: "2037-03-29 02:30" does not come in Europe/Berlin, where clocks are put forward over it: write it as 2037-03-29T03:00:00+02:00, the first instant after the gap`,
		"2037-10-25 02:30": `1:64: once: "2037-10-25 02:30" comes twice in Europe/Berlin: write it as 2037-10-25T02:30:00+02:00 or 2037-10-25T02:30:00+01:00`,
	} {
		_, err := parseConfig("pawl.yaml", "/", []byte("flows: {a: {zone: Europe/Berlin, run: [x],               once: "+text+"}}"))
		assert.ErrorContains(t, err, want)
	}
}

// found C11: a date as the start or the end of between is the whole day in the zone of the flow, also
// where the clocks of that zone are put forward at midnight.
func TestDatesOfBetweenIncludeTheWholeDay(t *testing.T) {
	for _, test := range []struct{ flow, start, end string }{
		{"cron: '0 * * * *', zone: Europe/Berlin, between: {start: 2036-12-02, end: 2036-12-03}", "2036-12-01T23:00:00.000Z", "2036-12-03T22:59:59.999Z"},
		{"cron: 'CRON_TZ=Asia/Tokyo 0 * * * *', between: {start: 2036-12-02, end: 2036-12-03}", "2036-12-01T15:00:00.000Z", "2036-12-03T14:59:59.999Z"},
		{"every: 1h, between: {start: 2036-12-03, end: 2036-12-03}", "2036-12-03T00:00:00.000Z", "2036-12-03T23:59:59.999Z"},
		{"every: 1h, zone: Africa/Cairo, between: {start: 2027-04-30, end: 2027-04-29}", "", ""},
		{"every: 1h, zone: Africa/Cairo, between: {start: 2027-04-29, end: 2027-04-29}", "2027-04-28T22:00:00.000Z", "2027-04-29T21:59:59.999Z"},
		{"every: 1h, zone: Africa/Cairo, between: {start: 2027-04-30, end: 2027-04-30}", "2027-04-29T22:00:00.000Z", "2027-04-30T20:59:59.999Z"},
		{"cron: '0 * * * *', between: {end: 2036-12-03 00:00}", "", "2036-12-03T00:00:00.000Z"},
	} {
		config := "flows: {a: {run: [x], " + test.flow + "}}"
		if test.start == "" && test.end == "" {
			_, err := parseConfig("pawl.yaml", "/", []byte(config))
			assert.ErrorContains(t, err, "after its end", test.flow)
			continue
		}
		f := registered(t, config)["a"]
		if test.start != "" {
			assert.Contains(t, f.Schedule, " from "+test.start, test.flow)
		}
		assert.Contains(t, f.Schedule, " until "+test.end, test.flow)
	}
}
