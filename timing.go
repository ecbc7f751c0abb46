package pawl

import (
	"time"

	"github.com/pawl-go/pawl/engine/schedule"
	"github.com/pawl-go/pawl/internal/wording"
)

// timing holds what a registration says about the schedule of a flow.
type timing struct {
	kind               string
	interval           time.Duration
	expr               string    // of a Cron flow
	at                 time.Time // of a Once flow
	cron               []schedule.CronOption
	fixedRate, aligned bool
	start, end         time.Time
}

// only returns an error unless the schedule is of a kind, the only one that the option is for.
func (t timing) only(option wording.Name, kind string) error {
	if t.kind != kind {
		return wording.Errorf("%w: %s is for a schedule of the kind %s, this one is %s", ErrInvalidSchedule, option, kind, t.kind)
	}
	return nil
}

// schedule makes the schedule of a flow. Cron makes that of an expression without options.
func (t timing) schedule(flow string, cron func(flow, expr string) (schedule.Schedule, error)) (s schedule.Schedule, err error) {
	switch {
	case t.fixedRate && t.aligned:
		return nil, wording.Errorf("%w: %s and %s exclude each other", ErrInvalidSchedule, wording.FixedRate, wording.Aligned)
	case t.fixedRate:
		s, err = schedule.FixedRate(t.interval)
	case t.aligned:
		s, err = schedule.Aligned(t.interval)
	case t.kind == schedule.KindEvery:
		s, err = schedule.Every(t.interval)
	case t.kind == schedule.KindCron && len(t.cron) > 0:
		s, err = schedule.Cron(t.expr, append(t.cron, schedule.ForFlow(flow))...)
	case t.kind == schedule.KindCron:
		s, err = cron(flow, t.expr)
	case t.kind == schedule.KindOnce:
		s, err = schedule.Once(t.at)
	default:
		s = schedule.Manual()
	}
	if err == nil && (!t.start.IsZero() || !t.end.IsZero()) {
		s, err = schedule.Between(s, t.start, t.end)
	}
	return s, err
}
