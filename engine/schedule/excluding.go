package schedule

import (
	"iter"
	"slices"
	"time"
)

// Excluding is a schedule without some of its occurrences, for example those that a backfill
// ran already.
type Excluding struct {
	Schedule
	Excluded []time.Time // occurrences of Schedule, in order
}

// Exclude returns s without the given instants. It ignores those that s does not have.
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

// FirstFrom returns first, which is an occurrence of s or one that s excludes, or the first
// occurrence after it.
func FirstFrom(s Schedule, first time.Time) time.Time {
	if x, ok := s.(Excluding); ok && x.excludes(first) {
		return x.After(first)
	}
	return first
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

// Latest returns the zero time if every occurrence in next..now is excluded.
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

// Remaining cuts first..until into ranges without excluded occurrences. Both ends of a range
// are included. First is an occurrence of Schedule.
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

// Consecutive yields the first and the last of each group of occurrences between which s has
// no other occurrence. They are in order.
func Consecutive(s Schedule, occurrences []time.Time) iter.Seq2[time.Time, time.Time] {
	return func(yield func(first, last time.Time) bool) {
		for i, j := 0, 1; i < len(occurrences); i, j = j, j+1 {
			for j < len(occurrences) && s.After(occurrences[j-1]).Equal(occurrences[j]) {
				j++
			}
			if !yield(occurrences[i], occurrences[j-1]) {
				return
			}
		}
	}
}
