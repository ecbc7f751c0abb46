package pawl

import (
	"fmt"
	"time"

	"github.com/pawl-go/pawl/engine"
)

// timing is when a flow is to run, as it was registered.
type timing struct {
	kind               string
	interval           time.Duration
	expr               string
	at                 time.Time
	cron               []engine.CronOption
	fixedRate, aligned bool
	start, end         time.Time
}

// only says that an option is for another kind of schedule.
func (t timing) only(option, kind string) error {
	if t.kind != kind {
		return fmt.Errorf("%w: %s is for a schedule of the kind %s, this one is %s", ErrInvalidSchedule, option, kind, t.kind)
	}
	return nil
}

// schedule is the schedule of a flow.
func (t timing) schedule(flow string, cron func(flow, expr string) (engine.Schedule, error)) (s engine.Schedule, err error) {
	switch {
	case t.fixedRate && t.aligned:
		return nil, fmt.Errorf("%w: WithFixedRate and WithAligned exclude each other", ErrInvalidSchedule)
	case t.fixedRate:
		s, err = engine.FixedRate(t.interval)
	case t.aligned:
		s, err = engine.Aligned(t.interval)
	case t.kind == engine.KindEvery:
		s, err = engine.Every(t.interval)
	case t.kind == engine.KindCron && len(t.cron) > 0:
		s, err = engine.Cron(t.expr, append(t.cron, engine.ForFlow(flow))...)
	case t.kind == engine.KindCron:
		s, err = cron(flow, t.expr)
	case t.kind == engine.KindOnce:
		s, err = engine.Once(t.at)
	default:
		s = engine.Manual()
	}
	if err == nil && (!t.start.IsZero() || !t.end.IsZero()) {
		s, err = engine.Between(s, t.start, t.end)
	}
	return s, err
}
