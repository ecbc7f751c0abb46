package core

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

// found C7, scheduler L8: a clock that goes back twice, the second time before it shows
// again what it showed at first.
func TestReachedOfAClockThatGoesBackTwice(t *testing.T) {
	p := Plan{Schedule: hourly}
	s := stateIn(StatusCompleted, p)
	day := int64(24 * 3600)
	s.LastScheduled, s.LastKey, s.NextRun = at(float64(5*day)), 40, at(float64(5*day+3600))
	c := apply(t, s, Correct{By: -5 * day * 1000}, at(0), p)
	assert.Equal(t, Reached{at(float64(5 * day)), 40, 40}, *c.Reached)

	s = *c.State
	s.LastScheduled, s.LastKey, s.NextRun = at(float64(2*day)), 60, at(float64(2*day+3600))
	again := apply(t, s, Correct{By: -3 * day * 1000}, at(float64(-day)), p)
	assert.Equal(t, Reached{at(float64(5 * day)), 60, 40}, *again.Reached, "as far as before, and the newest run")

	s.LastScheduled, s.LastKey, s.NextRun = at(float64(8*day)), 90, at(float64(8*day+3600))
	far := apply(t, s, Correct{By: -2 * day * 1000}, at(float64(6*day)), p)
	assert.Equal(t, Reached{at(float64(8 * day)), 90, 90}, *far.Reached, "what came again has passed")
}
