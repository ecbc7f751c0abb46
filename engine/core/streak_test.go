package core

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/pawl-go/pawl/engine/schedule"
)

// found B7: which ends say how a flow is.
func TestStreakFollowsTheOrderOfFirstStarts(t *testing.T) {
	p := Plan{Schedule: schedule.Manual(), Overlap: OverlapAllow(9, 0), Backoff: &BackoffPolicy{Initial: 1e9, StreakLimit: 3}}
	for name, test := range map[string]struct {
		ends []int // runs that are over, by their order of first start; below 0: failed
		want []int // the streak after each of them
	}{
		"in order":                             {[]int{-1, -2, 3, -4}, []int{1, 2, 0, 1}},
		"a failure of a run that began before": {[]int{2, -1, -3}, []int{0, 0, 1}},
		"a success of a run that began before": {[]int{-2, 1, -3, 4}, []int{1, 1, 2, 0}},
		"a success between two failures":       {[]int{-1, -3, 2}, []int{1, 2, 0}},
		"failures after an older success":      {[]int{3, -1, -2, -4, -5, -6}, []int{0, 0, 0, 1, 2, 3}},
		"the newest success counts":            {[]int{1, 4, 2, -3, -5}, []int{0, 0, 0, 0, 1}},
	} {
		t.Run(name, func(t *testing.T) {
			s := stateIn(StatusIdle, p)
			s.RunCount, s.LastNumber = 0, 0
			for i := range 6 {
				s = *apply(t, s, Reserve{Trigger: TriggerManual, Key: int64(100 + i)}, at(float64(i)), p).State
			}
			for i, end := range test.ends {
				outcome := Outcome{Run: int64(max(end, -end))}
				if end < 0 {
					outcome.Error = "boom"
				}
				c := apply(t, s, outcome, at(float64(10+i)), p)
				assert.Equal(t, test.want[i], c.FailureStreak, "after %v", test.ends[:i+1])
				assert.Equal(t, end < 0 && test.want[i] > s.FailureStreak || test.want[i] > 0, c.LastError != "")
				s = *c.State
			}
			assert.Equal(t, test.want[len(test.want)-1] >= 3, s.tripping(p))
		})
	}
}

// found B7: a reset forgets what came before, and runs one at a time have no order.
func TestResetForgetsTheOrderOfStarts(t *testing.T) {
	p := Plan{Schedule: schedule.Manual(), Overlap: OverlapAllow(2, 0), Backoff: &BackoffPolicy{Initial: 1e9, StreakLimit: 3}}
	s := stateIn(StatusIdle, p)
	s = *apply(t, s, Reserve{Trigger: TriggerManual, Key: 100}, at(0), p).State
	s = *apply(t, s, Reserve{Trigger: TriggerManual, Key: 101}, at(1), p).State
	first, second := s.Open[0].Number, s.Open[1].Number
	s = *apply(t, s, Outcome{Run: second}, at(2), p).State
	require.NotNil(t, s.Marks)
	s = *apply(t, s, Reset{}, at(3), p).State
	assert.Nil(t, s.Marks)
	s = *apply(t, s, Outcome{Run: first, Error: "boom"}, at(4), p).State
	assert.Equal(t, 1, s.FailureStreak)

	p.Overlap = OverlapSkip
	s = stateIn(StatusIdle, p)
	s = *apply(t, s, Reserve{Trigger: TriggerManual, Key: 100}, at(0), p).State
	assert.Zero(t, s.Open[0].Order)
	s = *apply(t, s, Outcome{Run: s.Open[0].Number}, at(1), p).State
	assert.Nil(t, s.Marks)
}
