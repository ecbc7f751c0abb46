package pawl

import (
	"errors"
	"time"

	"github.com/pawl-go/pawl/engine/core"
	"github.com/pawl-go/pawl/engine/schedule"
)

// Oddity is a local time of a schedule that the clocks of its zone leave out, or
// show twice.
//
//	At   time.Time // the instant that stands for it, or the first one after the gap; of a time that comes twice the copy that does not run
//	Gap  bool      // left out; else shown twice
//	Runs bool      // At is an instant of the schedule
//	Text string    // "02:30 does not exist on 2027-03-28 in Europe/Berlin"
type Oddity = schedule.DSTTime

// CronOption is an option of [CronInstants], [CronOddities] and [CronWarnings].
type CronOption = schedule.CronOption

// CronForFlow gives the id of the flow from which an expression with H draws its numbers.
// Without it such an expression is refused.
func CronForFlow(id string) CronOption { return schedule.ForFlow(id) }

// CronInstants is the first n instants of an expression, as [Scheduler.Cron] reads
// it, after an instant. Errors: [ErrInvalidSchedule], [ErrInvalidRange].
func CronInstants(expr string, after time.Time, n int, opts ...CronOption) ([]time.Time, error) {
	s, err := schedule.Cron(expr, opts...)
	if err = errors.Join(err, core.CheckInstant("after", after)); err != nil {
		return nil, err
	}
	var list []time.Time
	for at := s.After(after); !at.IsZero() && len(list) < n; at = s.After(at) {
		list = append(list, at)
	}
	return list, nil
}

// CronOddities is what changes of the clock make of the instants of an expression in
// from..to, to not included, in order. Errors: [ErrInvalidSchedule], [ErrInvalidRange].
func CronOddities(expr string, from, to time.Time, opts ...CronOption) ([]Oddity, error) {
	s, err := schedule.Cron(expr, opts...)
	if err = errors.Join(err, core.CheckInstant("from", from), core.CheckInstant("to", to)); err != nil {
		return nil, err
	}
	return s.DSTTimes(from, to), nil
}

// CronWarnings say what of an expression is accepted, but may mean something else than
// its writer thinks: a step that leaves one number, or a number of a weekday in an
// expression of Quartz. Errors: [ErrInvalidSchedule].
func CronWarnings(expr string, opts ...CronOption) ([]string, error) {
	return schedule.Warnings(expr, opts...)
}
