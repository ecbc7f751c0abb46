package main

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
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
		{"2026-03-29 02:00", "", `"2026-03-29 02:00" does not come in Europe/Berlin, where clocks are put forward over it: write it as 2026-11-22T09:00:00Z`},
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

// W2: a time that clocks leave out is meant as the instant at which they do.
func TestATimeInAGapIsMeantAsItsEnd(t *testing.T) {
	berlin, err := time.LoadLocation("Europe/Berlin")
	require.NoError(t, err)
	at, err := meantMoment("2027-03-28 02:30", time.Now().In(berlin))
	require.NoError(t, err)
	assert.Equal(t, "2027-03-28T03:00:00+02:00", at.Format(time.RFC3339))
	_, err = meantMoment("2027-10-31 02:30", time.Now().In(berlin))
	assert.Equal(t, exitUsage, exitStatus(failure{err}))
}
