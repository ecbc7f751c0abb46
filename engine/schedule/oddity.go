package schedule

import (
	"fmt"
	"time"
)

// DSTTimes are none where nothing is fixed: times that elapse are shown by every
// clock in some way.
func (s *instants) DSTTimes(from, to time.Time) []DSTTime {
	if !s.fixed || s.location == time.UTC {
		return nil
	}
	var all []DSTTime
	reach, last := int64(CorrectionJump/time.Second), to.Unix()
	_, change := s.bounds(from.Unix() - reach)
	for change <= last+reach && change < lastSecond {
		for _, o := range s.oddities(change) {
			if !o.At.Before(from) && o.At.Before(to) {
				all = append(all, o)
			}
		}
		_, change = s.bounds(change)
	}
	return all
}

// oddities are those of one change.
func (s *instants) oddities(change int64) []DSTTime {
	offset := s.offset(change)
	switch by := s.shift(change); {
	case by > 0:
		return s.gapped(change, change+offset-by, change+offset)
	case by < 0:
		return s.folded(change+offset, change+offset-by, offset, by)
	}
	return nil
}

// gapped is the times from..to that are left out before a change.
func (s *instants) gapped(change, from, to int64) (all []DSTTime) {
	made := s.madeUp(s.stretch(change))
	at := made.first
	for wall, ok := s.calendar.next(from, to); ok; wall, ok = s.calendar.next(wall+1, to) {
		o := DSTTime{Gap: true, Runs: made.n > 0, Text: s.describe(wall, "does not exist")}
		if o.At = time.Unix(change, 0).UTC(); o.Runs {
			o.At = time.UnixMilli(at).UTC()
		}
		at = min(at+1, made.first+made.n) // where the next instant is
		all = append(all, o)
	}
	return all
}

// folded is the times from..to that are shown twice, the second time with an
// offset that is less by some.
func (s *instants) folded(from, to, offset, by int64) (all []DSTTime) {
	copied := "second"
	if s.dst&FoldSecond != 0 {
		offset, copied = offset-by, "first"
	}
	for wall, ok := s.calendar.next(from, to); ok; wall, ok = s.calendar.next(wall+1, to) {
		all = append(all, DSTTime{
			At: time.Unix(wall-offset, 0).UTC(), Runs: s.dst&FoldBoth != 0,
			Text: s.describe(wall, "comes twice") + "; this is its " + copied + " copy",
		})
	}
	return all
}

// describe says what a reading of the local clock does.
func (s *instants) describe(wall int64, does string) string {
	t, clock := time.Unix(wall, 0).UTC(), "15:04"
	if wall%60 != 0 {
		clock = "15:04:05"
	}
	return fmt.Sprintf("%s %s on %s in %s", t.Format(clock), does, t.Format(time.DateOnly), s.location)
}
