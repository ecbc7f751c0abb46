package schedule

import (
	"fmt"
	"time"
)

// DST is what becomes of the fixed times of a cron schedule where the clocks of
// its zone are changed. The policies can be combined; zero is the default.
type DST int

const (
	// GapSkip leaves out a time that the clocks leave out. The default is to run at
	// the first instant after the gap.
	GapSkip DST = 1 << iota

	// FoldSecond runs a time that the clocks show twice at the second of the two.
	// The default is the first.
	FoldSecond

	// FoldBoth runs it at both.
	FoldBoth
)

// String is the policies as they follow an expression: ", gap skip, fold both".
func (d DST) String() string {
	text := ""
	if d&GapSkip != 0 {
		text += ", gap skip"
	}
	if d&FoldSecond != 0 {
		text += ", fold second"
	}
	if d&FoldBoth != 0 {
		text += ", fold both"
	}
	return text
}

func (d DST) check() error {
	switch {
	case d&^(GapSkip|FoldSecond|FoldBoth) != 0:
		return fmt.Errorf("unknown DST policy %d; take GapSkip, FoldSecond or FoldBoth", int(d))
	case d&FoldSecond != 0 && d&FoldBoth != 0:
		return fmt.Errorf("FoldSecond and FoldBoth exclude each other; take one")
	}
	return nil
}

// stretch is a time in which the offset of a zone stays the same. All is in
// seconds; ends are not included. In no zone are two changes within a day of each
// other, so that each is dealt with on its own.
type stretch struct {
	start, end    int64 // since 1970 in UTC
	offset        int64 // of the local clock
	from, to      int64 // the readings of the local clock at which the schedule has instants
	gap, gapUntil int64 // those that were left out before the start and are made up for
}

// stretch is the one that an instant is in.
func (s *instants) stretch(at int64) stretch {
	start, end := s.bounds(at)
	offset := s.offset(at)
	st := stretch{start: start, end: end, offset: offset, from: start + offset, to: end + offset}
	if !s.fixed {
		return st
	}
	before := s.shift(start)
	if before > 0 && s.dst&GapSkip == 0 {
		st.gap, st.gapUntil = st.from-before, st.from
	}
	if before < 0 && s.dst&(FoldSecond|FoldBoth) == 0 {
		st.from -= before
	}
	if after := s.shift(end); after < 0 && s.dst&FoldSecond != 0 {
		st.to += after
	}
	return st
}

// Bounds of time that leave room to reckon, in milliseconds too.
const firstSecond, lastSecond = -1 << 50, 1 << 50

// offset is what the local clock is ahead of UTC at an instant.
func (s *instants) offset(at int64) int64 {
	_, seconds := time.Unix(at, 0).In(s.location).Zone()
	return int64(seconds)
}

// bounds is from when to when the offset is the same, at the least.
func (s *instants) bounds(at int64) (start, end int64) {
	from, to := time.Unix(at, 0).In(s.location).ZoneBounds()
	start, end = firstSecond, lastSecond
	if !from.IsZero() {
		start = from.Unix()
	}
	if !to.IsZero() {
		end = to.Unix()
	}
	if end <= at { // package time ends a leap year a day early, where it goes by rules
		start, end = end, (floor(at, daySeconds)+1)*daySeconds
	}
	return start, end
}

// shift is how far the local clock is set forward at an instant. A correction
// is none.
func (s *instants) shift(at int64) int64 {
	if at == firstSecond || at == lastSecond {
		return 0
	}
	by := s.offset(at) - s.offset(at-1)
	if time.Duration(max(by, -by))*time.Second >= CorrectionJump {
		return 0
	}
	return by
}

// burst is instants in a row, 1 ms apart.
type burst struct{ first, n int64 }

// madeUp is the instants that stand for the times in the gap before a stretch.
func (s *instants) madeUp(st stretch) burst {
	n := s.calendar.count(st.gap, st.gapUntil)
	if n == 0 {
		return burst{}
	}
	first := st.start * 1000
	if _, taken := s.calendar.next(st.from, st.from+1); taken {
		first++
	}
	next, ok := s.calendar.next(st.from+1, st.to)
	if !ok {
		next = st.to
	}
	return burst{first, min(n, (next-st.offset)*1000-first)}
}

func (b burst) after(t int64) (int64, bool) {
	at := max(b.first, t+1)
	return at, at < b.first+b.n
}

func (b burst) upTo(t int64) (int64, bool) {
	at := min(b.first+b.n-1, t)
	return at, at >= b.first && b.n > 0
}

func (b burst) count(from, to int64) int64 {
	return max(0, min(to+1, b.first+b.n)-max(from, b.first))
}
