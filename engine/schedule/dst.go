package schedule

import (
	"fmt"
	"time"

	"github.com/pawl-go/pawl/internal/wording"
)

// DST says what happens to fixed times in DST gaps and folds. Policies can be combined; zero
// is the default of both.
type DST int

const (
	// GapSkip leaves out a time in a gap. The default is to run at the first instant after it.
	GapSkip DST = 1 << iota

	// FoldSecond runs a time in a fold at its second copy. The default is the first.
	FoldSecond

	// FoldBoth runs a time in a fold at both copies.
	FoldBoth
)

// String returns the policies as the text of a schedule has them behind the expression:
// ", gap skip, fold both".
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
		return wording.Errorf("unknown DST policy %d; take %s, %s or %s", int(d), wording.GapSkip, wording.FoldSecond, wording.FoldBoth)
	case d&FoldSecond != 0 && d&FoldBoth != 0:
		return wording.Errorf("%s and %s exclude each other; take one", wording.FoldSecond, wording.FoldBoth)
	}
	return nil
}

// DSTTime is a fixed time in a DST gap or a DST fold.
type DSTTime struct {
	// At is an instant of the clock change. In a gap: the occurrence that stands for the time,
	// or the first instant after the gap if none does. In a fold: the copy at which the flow is
	// not due, or the second copy if it is due at both.
	At   time.Time
	Gap  bool   // in a gap; else in a fold
	Runs bool   // At is an occurrence
	Text string // "02:30 does not exist on 2027-03-28 in Europe/Berlin"
}

// DSTTimes looks at each change of the clock near from..to: what stands for a time may be on
// the other side of a bound.
func (s *cronSchedule) DSTTimes(from, to time.Time) (all []DSTTime) {
	if !s.fixed || s.zone.isUTC() {
		return nil
	}
	reach := int64(CorrectionJump / time.Second)
	_, change := s.zone.stretch(from.Unix() - reach)
	for change <= to.Unix()+reach && change < lastSecond {
		for _, d := range s.dstTimesAt(change) {
			if !d.At.Before(from) && d.At.Before(to) {
				all = append(all, d)
			}
		}
		_, change = s.zone.stretch(change)
	}
	return all
}

// dstTimesAt returns the times that one change of the clock skips or shows twice.
func (s *cronSchedule) dstTimesAt(change int64) []DSTTime {
	after := change + s.zone.offset(change) // the local time
	switch forward := s.zone.setForward(change); {
	case forward > 0:
		return s.gapTimes(change, after-forward, after)
	case forward < 0:
		return s.foldTimes(after, after-forward, s.zone.offset(change), -forward)
	}
	return nil
}

// gapTimes returns the local times in from..to, which a change skips.
func (s *cronSchedule) gapTimes(change, from, to int64) (all []DSTTime) {
	burst := s.gapBurst(s.stretch(change))
	at := burst.first
	for local, ok := s.calendar.next(from, to); ok; local, ok = s.calendar.next(local+1, to) {
		d := DSTTime{At: time.Unix(change, 0).UTC(), Gap: true, Runs: burst.n > 0, Text: s.describe(local, "does not exist")}
		if d.Runs {
			d.At = time.UnixMilli(at).UTC()
		}
		at = min(at+1, burst.first+burst.n) // at last the occurrence that follows the burst
		all = append(all, d)
	}
	return all
}

// foldTimes returns the local times in from..to, which a change that sets the clock back shows
// twice. The offset is the one after the change.
func (s *cronSchedule) foldTimes(from, to, offset, back int64) (all []DSTTime) {
	copied := "second"
	if s.dst&FoldSecond != 0 {
		offset, copied = offset+back, "first"
	}
	for local, ok := s.calendar.next(from, to); ok; local, ok = s.calendar.next(local+1, to) {
		all = append(all, DSTTime{
			At: time.Unix(local-offset, 0).UTC(), Runs: s.dst&FoldBoth != 0,
			Text: s.describe(local, "comes twice") + "; this is its " + copied + " copy",
		})
	}
	return all
}

// describe writes what a local time does.
func (s *cronSchedule) describe(local int64, does string) string {
	t, clock := time.Unix(local, 0).UTC(), "15:04"
	if local%60 != 0 {
		clock = time.TimeOnly
	}
	return fmt.Sprintf("%s %s on %s in %s", t.Format(clock), does, t.Format(time.DateOnly), s.zone)
}
