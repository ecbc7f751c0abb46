package term

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// A table names the offset of now in a title; a time with another offset names its own.
func TestTimesOfAnotherOffsetNameIt(t *testing.T) {
	berlin, err := time.LoadLocation("Europe/Berlin")
	require.NoError(t, err)
	defer func(zone *time.Location) { time.Local = zone }(time.Local)
	time.Local = berlin
	night := time.Date(2027, 3, 28, 0, 30, 0, 0, time.UTC) // half an hour before the change
	assert.Equal(t, "01:15:00", Clock(night.Add(-15*time.Minute), night))
	assert.Equal(t, "03:15:00 CEST", Clock(night.Add(45*time.Minute), night))
	assert.Equal(t, "03:15:00 CEST", ShortTime(night.Add(45*time.Minute), night))
	assert.Equal(t, "Tue 03:15 CEST", ShortTime(night.Add(48*time.Hour+45*time.Minute), night))
}
