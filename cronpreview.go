package pawl

import (
	"errors"
	"time"

	"github.com/pawl-go/pawl/engine/core"
	"github.com/pawl-go/pawl/engine/schedule"
)

// Oddity is a time of a schedule in a DST gap, which clocks skip, or in a DST fold, which they
// show twice. Its fields:
//
//	At   time.Time // in a gap the occurrence that stands for the time, or the first instant after the gap; in a fold the copy that does not run
//	Gap  bool      // in a gap; else in a fold
//	Runs bool      // At is an occurrence of the schedule
//	Text string    // "02:30 does not exist on 2027-03-28 in Europe/Berlin"
type Oddity = schedule.DSTTime

// CronOption is an option of [CronInstants], [CronOddities] and [CronWarnings].
type CronOption = schedule.CronOption

// CronForFlow sets the id of the flow. An expression with H draws numbers from it, and is
// refused without it.
func CronForFlow(id string) CronOption { return schedule.ForFlow(id) }

// CronInstants returns the first n occurrences of an expression after an instant. It reads
// the expression as [Scheduler.Cron] does. Errors: [ErrInvalidSchedule], [ErrInvalidRange].
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

// CronOddities returns the times of an expression in from..to that are in a DST gap or fold,
// in order. To is not included. Errors: [ErrInvalidSchedule], [ErrInvalidRange].
func CronOddities(expr string, from, to time.Time, opts ...CronOption) ([]Oddity, error) {
	s, err := schedule.Cron(expr, opts...)
	if err = errors.Join(err, core.CheckInstant("from", from), core.CheckInstant("to", to)); err != nil {
		return nil, err
	}
	return s.DSTTimes(from, to), nil
}

// CronWarnings returns what an expression may mean in another way than its author thinks: a
// step that leaves a single number, or the number of a weekday in an expression of Quartz.
// Errors: [ErrInvalidSchedule].
func CronWarnings(expr string, opts ...CronOption) ([]string, error) {
	return schedule.Warnings(expr, opts...)
}
