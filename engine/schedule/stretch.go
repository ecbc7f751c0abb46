package schedule

import "time"

// How a cron schedule finds its occurrences. Between two changes of its offset from UTC the
// clock of a zone runs evenly; such a period is a stretch. In a stretch the calendar finds the
// occurrences from the local time, by arithmetic. At its edges the DST policy decides: after
// a gap, a burst of occurrences stands for the times that the clock skipped, and of a fold
// the copy that does not count is cut off.
//
// No zone changes its offset twice within a day, so each change is handled on its own.

// stretch is a time in which the offset of a zone stays the same, in seconds since 1970. Ends
// are not included.
type stretch struct {
	start, end     int64 // UTC
	offset         int64 // of local time from UTC
	from, to       int64 // the local times that count
	gapFrom, gapTo int64 // the local times skipped at start that a burst stands for; equal if there are none
}

// The first and last second that the search takes for open ends. A thousand times either of
// them does not overflow.
const firstSecond, lastSecond = -1 << 50, 1 << 50

// stretch returns the stretch that has the instant at.
func (s *cronSchedule) stretch(at int64) stretch {
	start, end := s.zone.stretch(at)
	offset := s.zone.offset(at)
	st := stretch{start: start, end: end, offset: offset, from: start + offset, to: end + offset}
	if !s.fixed {
		return st
	}
	forward := s.zone.setForward(start)
	if forward > 0 && s.dst&GapSkip == 0 {
		st.gapFrom, st.gapTo = st.from-forward, st.from
	}
	if forward < 0 && s.dst&(FoldSecond|FoldBoth) == 0 {
		st.from -= forward
	}
	if atEnd := s.zone.setForward(end); atEnd < 0 && s.dst&FoldSecond != 0 {
		st.to += atEnd
	}
	return st
}

// firstIn returns the first occurrence in a stretch that is after t and before limit, in
// milliseconds.
func (s *cronSchedule) firstIn(st stretch, t time.Time, limit int64) (at int64, ok bool) {
	at, ok = s.gapBurst(st).after(t.UnixMilli())
	local, found := s.calendar.next(max(st.from, t.Unix()+1+st.offset), min(st.to, limit+st.offset))
	if ms := (local - st.offset) * 1000; found && (!ok || ms < at) {
		return ms, true
	}
	return at, ok
}

// countIn returns the number of occurrences in a stretch that are in from..to.
func (s *cronSchedule) countIn(st stretch, from, to time.Time) int64 {
	first := from.Add(time.Second - 1).Unix() // the first whole second
	n := s.calendar.count(max(st.from, first+st.offset), min(st.to, to.Unix()+1+st.offset))
	return n + s.gapBurst(st).count(from.Add(time.Millisecond-1).UnixMilli(), to.UnixMilli())
}

// lastIn returns the last occurrence in a stretch up to t. There must be one.
func (s *cronSchedule) lastIn(st stretch, t time.Time) time.Time {
	at, ok := s.gapBurst(st).upTo(t.UnixMilli())
	local, found := s.calendar.prev(st.from, min(st.to, t.Unix()+1+st.offset))
	if ms := (local - st.offset) * 1000; found && (!ok || ms > at) {
		at = ms
	}
	return time.UnixMilli(at).UTC()
}

// burst is n occurrences 1 ms apart. Its instants are in milliseconds since 1970.
type burst struct{ first, n int64 }

// gapBurst returns the occurrences that stand for the times in the gap before a stretch. They
// come after an occurrence at its start, and before the next one.
func (s *cronSchedule) gapBurst(st stretch) burst {
	n := s.calendar.count(st.gapFrom, st.gapTo)
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

// after returns the first occurrence after t.
func (b burst) after(t int64) (int64, bool) {
	at := max(b.first, t+1)
	return at, at < b.first+b.n
}

// upTo returns the last occurrence up to t.
func (b burst) upTo(t int64) (int64, bool) {
	at := min(b.first+b.n-1, t)
	return at, at >= b.first && b.n > 0
}

func (b burst) count(from, to int64) int64 {
	return max(0, min(to+1, b.first+b.n)-max(from, b.first))
}
