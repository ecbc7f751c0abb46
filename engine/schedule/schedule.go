package schedule

import (
	"time"

	"github.com/pawl-go/pawl/internal/permanent"
)

// ErrInvalid is wrapped by the errors of all functions that make a schedule. It is permanent:
// a job that returns it is not tried again.
var ErrInvalid = permanent.New("invalid schedule")

// The kinds of schedule.
const (
	KindEvery  = "every" // also a fixed rate, and an aligned interval
	KindCron   = "cron"
	KindOnce   = "once"
	KindManual = "manual"
)

// Schedule computes when a flow is due. Its methods are pure functions; the zero time means
// never.
//
// The occurrences of [Every] depend on when runs end: its methods take the instant that they
// are given for the end of a run. The occurrences of all other schedules are fixed instants.
type Schedule interface {
	Kind() string   // one of the kinds above
	String() string // the text that [Parse] reads
	Zone() string   // the name of the time zone; empty if the schedule has none

	// Next returns the next occurrence for a flow whose run ended at now. last is the newest
	// occurrence that had a run; it is after now if the clock was set back.
	Next(now, last time.Time) time.Time

	// NextWhileRunning returns the next occurrence while a run of the schedule is in flight:
	// never for [Every].
	NextWhileRunning(now, last time.Time) time.Time

	// Resume returns the next occurrence for a flow that is new, or that something else kept
	// from its schedule until now. lastEnd is the end of its last run.
	Resume(now, lastEnd, last time.Time) time.Time

	// Latest returns the newest occurrence in next..now, or next if there is none, and for
	// [Every].
	Latest(next, now time.Time) time.Time

	// NotBefore returns the first occurrence from next on that is not before eligible, the end
	// of a backoff window. [Once] has no other occurrence, and returns next.
	NotBefore(next, eligible time.Time) time.Time

	// Horizon returns the latest instant that Next can return at now. The zero time means that
	// there is no such bound.
	Horizon(now time.Time) time.Time

	// After returns the first occurrence after t.
	After(t time.Time) time.Time

	// Count returns the number of occurrences in from..to, both included, and the last of them.
	// [Every] takes from for its first occurrence.
	Count(from, to time.Time) (n int64, last time.Time)

	// DSTTimes returns the fixed times in from..to that a clock change skips or shows twice, in
	// order. To is not included.
	DSTTimes(from, to time.Time) []DSTTime
}

// Anchored is a schedule that counts its occurrences from one of them.
type Anchored interface {
	Schedule

	// Anchor returns the same schedule with the anchor t, in milliseconds.
	Anchor(t time.Time) Schedule
}

// CorrectionJump is the smallest step of a clock that counts as a correction. After a smaller
// step back no fixed time runs again. A larger step means that the clock was wrong before, so
// every occurrence after the new time runs. A zone that changes its offset by as much was
// corrected too, and has neither gap nor fold. The bound is that of Vixie cron.
const CorrectionJump = 3 * time.Hour

// HasFixedTimes reports whether no occurrence of s may run again after the clock was set back
// by less than [CorrectionJump]. That holds for fixed times, and for [Once].
func HasFixedTimes(s Schedule) bool {
	switch s := s.(type) {
	case *cronSchedule:
		return s.fixed
	case between:
		return HasFixedTimes(s.Schedule)
	case Excluding:
		return HasFixedTimes(s.Schedule)
	}
	return s.Kind() == KindOnce
}

// DependsOnFlow reports whether s draws numbers from the id of its flow, so that no other flow
// can share it.
func DependsOnFlow(s Schedule) bool {
	switch s := s.(type) {
	case *cronSchedule:
		return s.hashed
	case between:
		return DependsOnFlow(s.Schedule)
	}
	return false
}

// Has reports whether t is an occurrence of s.
func Has(s Schedule, t time.Time) bool { return s.After(t.Add(-time.Millisecond)).Equal(t) }

// Manual returns a schedule without occurrences: its flow runs only when it is triggered.
func Manual() Schedule { return manual{} }

type manual struct{}

func (manual) Kind() string                              { return KindManual }
func (manual) String() string                            { return "" }
func (manual) Zone() string                              { return "" }
func (manual) Next(_, _ time.Time) time.Time             { return time.Time{} }
func (manual) NextWhileRunning(_, _ time.Time) time.Time { return time.Time{} }
func (manual) Resume(_, _, _ time.Time) time.Time        { return time.Time{} }
func (manual) Latest(next, _ time.Time) time.Time        { return next }
func (manual) NotBefore(next, _ time.Time) time.Time     { return next }
func (manual) Horizon(time.Time) time.Time               { return time.Time{} }
func (manual) After(time.Time) time.Time                 { return time.Time{} }
func (manual) Count(_, _ time.Time) (int64, time.Time)   { return 0, time.Time{} }
func (manual) DSTTimes(_, _ time.Time) (none []DSTTime)  { return nil }
