package schedule

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// time S1.
func TestFixedRateCountsFromItsAnchor(t *testing.T) {
	s := must(FixedRate(5 * time.Minute)).(Anchored).Anchor(at(7))
	assert.Equal(t, at(7), s.Resume(at(7), time.Time{}, time.Time{}), "at once")
	assert.Equal(t, at(307), s.NextWhileRunning(at(7), at(7)))
	assert.Equal(t, at(607), s.Next(at(307), at(307)))
	assert.Equal(t, at(607), s.Next(at(598), at(307)), "however long the run took")
	assert.Equal(t, at(607), s.Resume(at(310), at(309), at(307)))
	assert.Equal(t, at(607), s.NotBefore(at(307), at(500)))
	assert.Equal(t, at(307), s.NotBefore(at(307), at(307)))
	assert.Equal(t, at(907), s.Latest(at(307), at(1206.999)))
	assert.Equal(t, at(-293), s.After(at(-300)), "before the anchor too, in case the clock is corrected")
}

// time S1: a new flow waits for the next multiple.
func TestAlignedCountsFrom1970(t *testing.T) {
	s := must(Aligned(15 * time.Minute))
	assert.Equal(t, at(900), s.Resume(at(7), time.Time{}, time.Time{}))
	assert.Equal(t, at(900), s.Resume(at(0), time.Time{}, time.Time{}))
	assert.Equal(t, at(900), s.Next(at(899.999), at(0)))
	assert.Equal(t, at(1800), s.Next(at(900), at(900)))
	_, ok := s.(Anchored)
	assert.False(t, ok)
	s = must(Aligned(7 * time.Hour))
	assert.Zero(t, s.After(at(0)).Unix()%(7*3600))
}

// found C7.
func TestGridKeepsItsRateAfterAStepBack(t *testing.T) {
	for _, s := range []Schedule{must(Aligned(time.Minute)), must(FixedRate(time.Minute)).(Anchored).Anchor(at(0))} {
		assert.Equal(t, at(120), s.Next(at(60), at(3600)))
		assert.Equal(t, at(120), s.Next(at(60), at(60).Add(CorrectionJump)))
	}
}

// time S1: the text of an interval says how it is counted.
func TestTextOfAnIntervalNamesItsGrid(t *testing.T) {
	for text, s := range map[string]Schedule{
		"5m0s": must(Every(5 * time.Minute)), "5m0s fixed rate": must(FixedRate(5 * time.Minute)), "5m0s aligned": must(Aligned(5 * time.Minute)),
	} {
		assert.Equal(t, text, s.String())
		assert.Equal(t, KindEvery, s.Kind())
		assert.Empty(t, s.Zone())
	}
	anchored := must(FixedRate(5 * time.Minute)).(Anchored).Anchor(at(7))
	assert.Equal(t, "5m0s fixed rate", anchored.String(), "the anchor is not part of it")
}

// time S1.
func TestIntervalThatWouldDriftIsRefused(t *testing.T) {
	for _, schedule := range []func(time.Duration) (Schedule, error){FixedRate, Aligned} {
		for d, want := range map[time.Duration]string{
			-time.Second: "below 1ms", 0: "below 1ms", time.Millisecond - 1: "below 1ms", 1500 * time.Microsecond: "whole milliseconds",
		} {
			_, err := schedule(d)
			require.ErrorIs(t, err, ErrInvalid)
			assert.ErrorContains(t, err, want)
		}
	}
}

// time S1: Latest is the last of what After finds, and nothing drifts.
func TestIntervalsCountWhatAfterFinds(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		d := time.Duration(rapid.Int64Range(1, 1e6).Draw(t, "interval")) * time.Millisecond
		anchor := time.UnixMilli(rapid.Int64Range(-1e12, 4e12).Draw(t, "anchor")).UTC()
		from := anchor.Add(time.Duration(rapid.Int64Range(-1e15, 1e15).Draw(t, "from")))
		delay, rate := must(Every(d)), must(FixedRate(d)).(Anchored).Anchor(anchor)
		count := rapid.Int64Range(1, 50).Draw(t, "count")
		for _, s := range []Schedule{rate, must(Aligned(d)), delay} {
			n, last := int64(1), from
			if s != delay {
				last = s.After(from.Add(-1))
			}
			for ; n < count; n++ {
				last = s.After(last)
			}
			require.NoError(t, checkCount(s, from, last, count, last))
			require.Nil(t, s.DSTTimes(from, last))
			require.NoError(t, checkCount(s, from, from.Add(-1), 0, time.Time{}))
			if s != delay {
				require.Equal(t, last, s.Latest(from, last.Add(time.Millisecond-1)))
			}
		}
		require.Zero(t, rate.After(from).Sub(anchor)%d)
	})
}

// scheduler B4.
func TestIntervalBelowAMillisecondIsRefused(t *testing.T) {
	for _, d := range []time.Duration{-time.Second, 0, 1, time.Millisecond - 1} {
		_, err := Every(d)
		require.ErrorIs(t, err, ErrInvalid)
	}
	s, err := Every(1500 * time.Microsecond)
	require.NoError(t, err)
	assert.Equal(t, at(0.001), s.Next(epoch, time.Time{}), "in milliseconds")
	assert.Equal(t, "5m0s", must(Every(5*time.Minute)).String())
}
