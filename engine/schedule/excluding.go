package schedule

import (
	"iter"
	"slices"
	"time"
)

// Excluding is a schedule of fixed instants without some of them, which have a run already.
type Excluding struct {
	Schedule
	Excluded []time.Time // instants of Schedule, in order
}

// Exclude takes instants out of a schedule. Those that s does not have are ignored.
func Exclude(s Schedule, instants []time.Time) Schedule {
	x := Excluding{Schedule: s}
	for _, t := range instants {
		if n, _ := s.Count(t, t); n > 0 {
			x.Excluded = append(x.Excluded, t)
		}
	}
	if len(x.Excluded) == 0 {
		return s
	}
	slices.SortFunc(x.Excluded, time.Time.Compare)
	return x
}

func (x Excluding) excludes(t time.Time) bool {
	_, found := slices.BinarySearchFunc(x.Excluded, t, time.Time.Compare)
	return found
}

func (x Excluding) After(t time.Time) time.Time {
	at := x.Schedule.After(t)
	for x.excludes(at) {
		at = x.Schedule.After(at)
	}
	return at
}

// Latest is the zero time if every instant in next..now is excluded.
func (x Excluding) Latest(next, now time.Time) time.Time {
	_, last := x.Count(next, now)
	return last
}

func (x Excluding) Count(from, to time.Time) (n int64, last time.Time) {
	n, last = x.Schedule.Count(from, to)
	for _, t := range x.Excluded {
		if !t.Before(from) && !t.After(to) {
			n--
		}
	}
	if n <= 0 {
		return 0, time.Time{}
	}
	for x.excludes(last) {
		_, last = x.Schedule.Count(from, last.Add(-time.Millisecond))
	}
	return n, last
}

// FirstFrom is the first instant that s has from one of the instants of its schedule on.
func FirstFrom(s Schedule, first time.Time) time.Time {
	if x, ok := s.(Excluding); ok && x.excludes(first) {
		return x.After(first)
	}
	return first
}

// Remaining yields the ranges of first..until, from and to included, in which no instant is
// excluded. First is an instant of the schedule.
func (x Excluding) Remaining(first, until time.Time) iter.Seq2[time.Time, time.Time] {
	return func(yield func(from, to time.Time) bool) {
		for _, t := range x.Excluded {
			if t.Before(first) || t.After(until) {
				continue
			}
			if first.Before(t) && !yield(first, t.Add(-time.Millisecond)) {
				return
			}
			first = x.Schedule.After(t)
		}
		if !first.IsZero() && !first.After(until) {
			yield(first, until)
		}
	}
}

// Consecutive yields the ranges of instants that follow each other in s without another
// instant of s between them. All are instants of s, in order.
func Consecutive(s Schedule, instants []time.Time) iter.Seq2[time.Time, time.Time] {
	return func(yield func(first, last time.Time) bool) {
		for i, j := 0, 1; i < len(instants); i, j = j, j+1 {
			for j < len(instants) && s.After(instants[j-1]).Equal(instants[j]) {
				j++
			}
			if !yield(instants[i], instants[j-1]) {
				return
			}
		}
	}
}
