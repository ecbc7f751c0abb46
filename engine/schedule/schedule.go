package schedule

import (
	"time"

	"github.com/pawl-go/pawl/internal/permanent"
)

// ErrInvalid is what every function that makes a schedule returns for an argument
// that it does not take. It is permanent: a job that returns it is not tried again.
var ErrInvalid = permanent.New("invalid schedule")

// Kinds of schedule.
const (
	KindEvery  = "every"
	KindCron   = "cron"
	KindOnce   = "once"
	KindManual = "manual"
)

// Schedule says when a flow is due. It is asked with the instants it needs and
// keeps none; the zero time stands for never.
type Schedule interface {
	Kind() string   // every, cron, once or manual
	String() string // as text; with Kind and Zone it identifies the schedule
	Zone() string   // name of the time zone, if it has one

	// Next is when a flow whose run ended at now is due again. No instant up
	// to last, the last one that fired, is returned again.
	Next(now, last time.Time) time.Time

	// During is the next instant while a run of the schedule is in flight.
	During(now, last time.Time) time.Time

	// Resume is when a flow is due that waited for something else than its
	// schedule, or is new; lastEnd is the end of its last run.
	Resume(now, lastEnd, last time.Time) time.Time

	// Latest is the latest instant in next..now: one run makes up for all.
	Latest(next, now time.Time) time.Time

	// NotBefore moves an instant to the end of a backoff window.
	NotBefore(next, eligible time.Time) time.Time

	// Reach is the latest instant that Next can give at now; zero: any.
	Reach(now time.Time) time.Time

	// After is the first instant after t. A delay is taken to start at t.
	After(t time.Time) time.Time

	// Count is how many instants there are in from..to, both included, and the
	// last of them. The instants of a delay are from and what follows it.
	Count(from, to time.Time) (n int64, last time.Time)

	// DSTTimes is what changes of the clock make of the instants in from..to,
	// to not included, in order; nil if they make nothing of them.
	DSTTimes(from, to time.Time) []DSTTime
}

// Anchored is a schedule that counts its instants from one of them. It is the
// caller who keeps the anchor.
type Anchored interface {
	Schedule

	// Anchor is the same schedule with the anchor t, in milliseconds.
	Anchor(t time.Time) Schedule
}

// DSTTime is a local time of a schedule that the clocks of its zone leave out, or
// show twice.
type DSTTime struct {
	// At is, of a time that is left out, the instant that stands for it; if none
	// does, the first one after the gap. Of a time that comes twice it is the copy
	// that does not run, or the second one if both do.
	At   time.Time
	Gap  bool   // left out; else shown twice
	Runs bool   // At is an instant of the schedule
	Text string // "02:30 does not exist on 2027-03-28 in Europe/Berlin"
}

// CorrectionJump is how far the wall clock must go back to be taken for
// corrected. Anything less is taken for a disturbance, in which no fixed time runs
// twice, while wildcards and intervals keep their rate. A zone that changes its offset by as much is corrected too, and
// not on daylight saving time. The bound is that of Vixie cron.
const CorrectionJump = 3 * time.Hour

// following is the next instant of a schedule. If the clock went back a little, a fixed
// time is not run again.
func following(s Schedule, now, last time.Time) time.Time {
	if last.After(now) && last.Sub(now) < CorrectionJump && HasFixedTimes(s) {
		return s.After(last)
	}
	return s.After(now)
}

// HasFixedTimes says whether a schedule has fixed times, such as nine o'clock: no wildcard
// and no step in minute and hour, and no interval. None of its instants comes again when
// the clock goes back a little.
func HasFixedTimes(s Schedule) bool {
	switch s := s.(type) {
	case *instants:
		return s.fixed
	case between:
		return HasFixedTimes(s.Schedule)
	case Excluding:
		return HasFixedTimes(s.Schedule)
	}
	return s.Kind() == KindOnce
}

// Manual runs a flow only when it is triggered.
func Manual() Schedule { return manual{} }

type manual struct{}

func (manual) Kind() string                            { return KindManual }
func (manual) String() string                          { return "" }
func (manual) Zone() string                            { return "" }
func (manual) Next(_, _ time.Time) time.Time           { return time.Time{} }
func (manual) During(_, _ time.Time) time.Time         { return time.Time{} }
func (manual) Resume(_, _, _ time.Time) time.Time      { return time.Time{} }
func (manual) Latest(next, _ time.Time) time.Time      { return next }
func (manual) NotBefore(next, _ time.Time) time.Time   { return next }
func (manual) Reach(time.Time) time.Time               { return time.Time{} }
func (manual) After(time.Time) time.Time               { return time.Time{} }
func (manual) Count(_, _ time.Time) (int64, time.Time) { return 0, time.Time{} }
func (manual) DSTTimes(_, _ time.Time) []DSTTime       { return nil }
