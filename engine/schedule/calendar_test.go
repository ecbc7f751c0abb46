package schedule

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/robfig/cron/v3"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// B3: where no clock is ever changed, the instants are those of robfig/cron.
func TestCalendarFindsWhatRobfigFinds(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		expr := strings.Join(drawPlainExpr(t), " ")
		s, err := Cron(expr)
		if err != nil {
			t.Skip(err)
		}
		parsed, err := plainFields.Parse(expr)
		if err != nil {
			t.Skip(err) // a range that wraps around
		}
		spec := parsed.(*cron.SpecSchedule)
		spec.Location = time.UTC
		at := time.UnixMilli(rapid.Int64Range(-4e12, 8e12).Draw(t, "from")).UTC()
		for range 20 {
			next := s.After(at)
			if want := spec.Next(at); !want.IsZero() { // it looks only five years ahead
				require.Equal(t, want, next)
			}
			if at = next; at.IsZero() {
				return
			}
		}
	})
}

// L8: the way back finds what the way forth found.
func TestCalendarGoesBackAsItWentForth(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s, err := parseCron(drawExpr(t), cronOptions{})
		if err != nil {
			t.Skip(err)
		}
		c := s.calendar
		from := rapid.Int64Range(-4e9, 8e9).Draw(t, "from")
		to := from + rapid.Int64Range(0, 4e7).Draw(t, "span")
		var forth, back []int64
		for at, ok := c.next(from, to); ok && len(forth) < 100; at, ok = c.next(at+1, to) {
			forth = append(forth, at)
		}
		if len(forth) == 100 {
			to = forth[99] + 1
		}
		for at, ok := c.prev(from, to); ok; at, ok = c.prev(from, at) {
			back = append(back, at)
		}
		slices.Reverse(back)
		require.Equal(t, forth, back)
		require.Equal(t, int64(len(forth)), c.count(from, to))
	})
}
