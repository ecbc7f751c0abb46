package main

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

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
