package schedule

import (
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// time M2.
func TestExcludedOccurrencesAreLeftOut(t *testing.T) {
	minutely := must(Cron("* * * * *"))
	rapid.Check(t, func(t *rapid.T) {
		excluded := []time.Time{at(30)} // no occurrence
		for _, n := range rapid.SliceOfNDistinct(rapid.IntRange(0, 12), 0, 10, rapid.ID).Draw(t, "excluded") {
			excluded = append(excluded, at(60*float64(n)))
		}
		s, first, last := Exclude(minutely, excluded), at(0), at(14*60)
		want := slices.DeleteFunc(walk(minutely, first, last), func(t time.Time) bool { return slices.Contains(excluded, t) })

		require.Equal(t, want, walk(s, first, last))
		require.Equal(t, want[0], FirstFrom(s, first))
		require.NoError(t, checkCount(s, first, last, int64(len(want)), want[len(want)-1]))
		for _, at := range want {
			require.Equal(t, at, s.Latest(want[0], at.Add(59*time.Second)))
		}
		if x, ok := s.(Excluding); ok {
			require.Equal(t, want, walkRanges(x, first, last))
		}
	})
}

func walkRanges(x Excluding, first, until time.Time) (all []time.Time) {
	for from, to := range x.Remaining(first, until) {
		all = append(all, walk(x.Schedule, from, to)...)
	}
	return all
}

// time M2.
func TestConsecutiveOccurrencesAreOneRange(t *testing.T) {
	hourly := must(Cron("0 * * * *"))
	var ranges [][2]time.Time
	for first, last := range Consecutive(hourly, []time.Time{at(0), at(3600), at(3 * 3600), at(5 * 3600), at(6 * 3600)}) {
		ranges = append(ranges, [2]time.Time{first, last})
	}
	assert.Equal(t, [][2]time.Time{{at(0), at(3600)}, {at(3 * 3600), at(3 * 3600)}, {at(5 * 3600), at(6 * 3600)}}, ranges)
	for range Consecutive(hourly, nil) {
		assert.Fail(t, "nothing is consecutive")
	}
}
