package main

import (
	"testing"
	"time"

	"github.com/pawl-go/pawl/internal/lengths"
	"github.com/stretchr/testify/assert"
)

func TestDurationsHaveWeeksAndDays(t *testing.T) {
	const day = 24 * time.Hour
	for text, want := range map[string]time.Duration{
		"0": 0, "90s": 90 * time.Second, "1h30m": 90 * time.Minute, "1d": day, "2d12h": 60 * time.Hour,
		"1.5d": 36 * time.Hour, "1w": 7 * day, "1w2d3h4m": 9*day + 3*time.Hour + 4*time.Minute, "0.5w": 84 * time.Hour, ".5s": 500 * time.Millisecond,
	} {
		got, err := lengths.Parse(text)
		assert.NoError(t, err, text)
		assert.Equal(t, want, got, text)
	}
	for _, text := range []string{"", "5", "d", "1d-1h", "+1h", "1h1d", "1d1w", "1 d", "١d", "99999999999w", "1e9d", "1d5"} {
		_, err := lengths.Parse(text)
		assert.Error(t, err, text)
	}
}
