package core

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"pgregory.net/rapid"

	"github.com/pawl-go/pawl/engine/schedule"
)

// time M1, time M2: a schedule without what a backfill has run has the other instants, and a
// verdict on a range of it is on each of those.
func TestScheduleWithoutWhatHasRunHasTheRest(t *testing.T) {
	every := mustCron("* * * * *")
	rapid.Check(t, func(t *rapid.T) {
		ran := map[int64]bool{epoch.Add(30 * time.Second).UnixMilli(): true} // no instant
		for _, n := range rapid.SliceOfN(rapid.IntRange(0, 12), 0, 10).Draw(t, "ran") {
			ran[epoch.Add(time.Duration(n)*time.Minute).UnixMilli()] = true
		}
		for _, n := range rapid.SliceOfN(rapid.IntRange(0, 12), 0, 3).Draw(t, "ran by the schedule") {
			at := epoch.Add(time.Duration(n) * time.Minute).UnixMilli()
			if !ran[at] {
				ran[at] = false // by a clock that was ahead: it comes again
			}
		}
		s := withoutRuns(every, ran, time.Time{})
		var want []time.Time
		for at := epoch; !at.After(epoch.Add(14 * time.Minute)); at = at.Add(time.Minute) {
			if !ran[at.UnixMilli()] {
				want = append(want, at)
			}
		}
		var is []time.Time
		for at := schedule.FirstFrom(s, epoch); !at.After(epoch.Add(14 * time.Minute)); at = s.After(at) {
			is = append(is, at)
			assert.Equal(t, at, s.Latest(is[0], at))
		}
		assert.Equal(t, want, is)
		n, last := s.Count(epoch, epoch.Add(14*time.Minute))
		assert.Equal(t, int64(len(want)), n)
		assert.Equal(t, want[len(want)-1], last)

		c := Change{State: &State{}}
		c.decide(s, epoch, epoch.Add(14*time.Minute), Verdict{Kind: VerdictMissed})
		c.passRan(s, ran, epoch, epoch.Add(14*time.Minute))
		decided := int64(0)
		for _, v := range c.Verdicts {
			all, _ := every.Count(v.First, v.Last)
			assert.Equal(t, all, v.Count, "a range has no gaps")
			decided += v.Count
		}
		assert.Equal(t, int64(15), decided)
	})
}
