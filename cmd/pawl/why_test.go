package main

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/pawl-go/pawl"
	"github.com/pawl-go/pawl/cmd/pawl/internal/moment"
)

// time W2: pawl why nightly 09:00 is about nine o'clock where the flow is.
func TestATimeOfDayIsTheLastOneInTheZoneOfTheFlow(t *testing.T) {
	zone, _ := zoneOf(pawl.FlowInfo{TimeZone: "America/New_York"})
	now := time.Date(2026, 11, 23, 9, 30, 0, 0, zone)
	for text, want := range map[string]string{
		"09:00":                "2026-11-23T09:00:00-05:00",
		"09:30":                "2026-11-23T09:30:00-05:00",
		"09:30:01":             "2026-11-22T09:30:01-05:00",
		"23:00":                "2026-11-22T23:00:00-05:00",
		"2026-07-01 09:00":     "2026-07-01T09:00:00-04:00",
		"2026-07-01T09:00:00Z": "2026-07-01T09:00:00Z",
	} {
		at, err := moment.ParseLast(text, now)
		require.NoError(t, err, text)
		assert.Equal(t, want, at.Format(time.RFC3339), text)
	}
	_, err := moment.ParseLast("25:00", now)
	assert.Error(t, err)
	here, _ := zoneOf(pawl.FlowInfo{})
	assert.Equal(t, time.Local, here)
}
