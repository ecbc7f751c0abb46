package pawl

import (
	"cmp"
	"fmt"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/pawl-go/pawl/engine"
	"github.com/pawl-go/pawl/engine/core"
	"github.com/pawl-go/pawl/engine/schedule"
	"github.com/pawl-go/pawl/internal/wording"
)

// registration is a flow as it was registered.
type registration struct {
	engine.Flow
	job       Job // as it was given; what runs is wrapped in the middleware
	resources []Resource
	*draft    // until it is registered
}

// draft is what the plan and the job of a flow are made of.
type draft struct {
	timing timing
	wraps  []func(Job) Job
}

// Every registers a flow that runs at once when it is new, then one interval after the end of
// each run, or at the end of its backoff window if that is later. A restart does not change
// that cadence. The interval must be 1 ms or more.
//
// Errors: [ErrFlowExists], [ErrInvalidFlow], [ErrInvalidSchedule],
// [ErrInvalidBackoff], [ErrStarted]. Start returns them too.
func (s *Scheduler) Every(id string, interval time.Duration, job Job, opts ...FlowOption) error {
	return s.register(id, timing{kind: schedule.KindEvery, interval: interval}, job, opts)
}

// Cron registers a flow that runs at the times of a cron expression: six fields with seconds
// first, five fields without seconds, or a descriptor such as "@hourly". The times are UTC
// unless the expression begins with "CRON_TZ=Area/City " or the flow has [WithLocation]. An
// occurrence that passes during a run or in a backoff window is skipped. If occurrences pass
// while no process runs, the next start has one run for all of them; see [WithCatchUp].
//
// The fields are those of [github.com/robfig/cron/v3], and also what crontabs, Quartz and
// Jenkins have beyond them. 0 and 7 are Sunday. Ranges may wrap around (FRI-MON, 22-2). Names
// may be written in full. L is the last day of the month, L-3 the third day before it, LW the
// last workday (Monday to Friday), 15W the workday nearest to the 15th. FRI#2 is the second
// Friday, FRIL the last. H is a number drawn from the id of the flow, also as H(0-29) and H/15.
// If both the day of the month and the day of the week are given, one of them has to match.
// "@every" is refused; use [Scheduler.Every]. Errors as of Every.
func (s *Scheduler) Cron(id, expr string, job Job, opts ...FlowOption) error {
	return s.register(id, timing{kind: schedule.KindCron, expr: expr}, job, opts)
}

// cron returns the schedule of an expression, which flows share unless it draws numbers from
// their ids.
func (s *Scheduler) cron(flow, expr string) (schedule.Schedule, error) {
	if known, ok := s.shared.crons[expr]; ok {
		return known, nil
	}
	created, err := schedule.Cron(expr, schedule.ForFlow(flow))
	if err == nil && !schedule.DependsOnFlow(created) {
		s.shared.crons[expr] = created
	}
	return created, err
}

// Manual registers a flow that runs when it is triggered. Errors as of Every.
func (s *Scheduler) Manual(id string, job Job, opts ...FlowOption) error {
	return s.register(id, timing{kind: schedule.KindManual}, job, opts)
}

// Once registers a flow that runs once, ever, at an instant. It also runs if the instant passed
// while no process ran. A flow that is registered again with a later instant runs again.
// Errors as of Every.
func (s *Scheduler) Once(id string, at time.Time, job Job, opts ...FlowOption) error {
	return s.register(id, timing{kind: schedule.KindOnce, at: at}, job, opts)
}

// SameFlow says whether another scheduler has the flow with a schedule that means the same,
// however it is spelled (`0  9 * * *`, `00 9`, CRON_TZ= in place of [WithLocation]), and with
// the same policies. Jobs are not compared.
func (s *Scheduler) SameFlow(id string, other *Scheduler) bool {
	mine, theirs := s.planned(id), other.planned(id)
	return mine != nil && theirs != nil && core.SamePlan(mine.Plan, theirs.Plan)
}

func (s *Scheduler) planned(id string) *registration {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.byID[id]
}

// Remove takes a flow out, in an [Runner.Update] above all. Its state and history stay
// in the database. A flow that is registered again under the same id comes back to its
// place among the others. Errors: [ErrFlowNotFound], [ErrStarted].
func (s *Scheduler) Remove(id string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.started:
		return fmt.Errorf("remove %s: %w", show(id), ErrStarted)
	case s.byID[id] == nil:
		return fmt.Errorf("remove %s: %w", show(id), ErrFlowNotFound)
	}
	s.remove(s.byID[id])
	return nil
}

func (s *Scheduler) register(id string, when timing, job Job, opts []FlowOption) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.started {
		return fmt.Errorf("register %s: %w", show(id), ErrStarted)
	}
	r := &registration{job: job, draft: &draft{timing: when}, Flow: engine.Flow{ID: id, Plan: &core.Plan{KeyFor: defaultKeyWindow, Keep: core.DefaultRetention}}}
	if err := s.check(r, opts); err != nil {
		err = wording.Errorf("register %s: %w", show(id), err)
		s.errs = append(s.errs, err)
		return err
	}
	r.draft = nil
	s.add(r)
	return nil
}

func (s *Scheduler) check(r *registration, opts []FlowOption) error {
	if err := checkID(r.ID); err != nil {
		return err
	}
	if s.byID[r.ID] != nil {
		return ErrFlowExists
	}
	if f, ok := r.job.(JobFunc); r.job == nil || ok && f == nil {
		return fmt.Errorf("%w: its job is nil", ErrInvalidFlow)
	}
	for _, opt := range opts {
		if opt == nil {
			continue
		}
		if err := opt(r); err != nil {
			return err
		}
	}
	schedule, err := r.timing.schedule(r.ID, s.cron)
	if err != nil {
		return err
	}
	r.Plan.Schedule = s.shared.schedule(schedule)
	if r.Job, err = r.wrapped(s.options.middleware); err != nil {
		return err
	}
	r.resumes()
	r.Plan = s.shared.plan(*r.Plan)
	plan, former := s.checkPlan(*r.Plan), s.checkFormer(r)
	if plan != nil && former != nil {
		return wording.Errorf("%w\n%w", plan, former)
	}
	return cmp.Or(plan, former)
}

// defaultKeyWindow is how long an idempotency key stands for a run that is over.
const defaultKeyWindow = 24 * time.Hour

// checkPlan finds what makes no sense together.
func (s *Scheduler) checkPlan(p core.Plan) error {
	if _, ok := s.options.groups[p.Group]; p.Group != "" && !ok {
		return fmt.Errorf("%w: its group %q has no limit; give the scheduler WithGroupLimit(%[2]q, n)", ErrInvalidFlow, p.Group)
	}
	return p.Validate()
}

// checkFormer finds two flows that want the state of the same one.
func (s *Scheduler) checkFormer(r *registration) error {
	former := r.Plan.FormerID
	if former == "" {
		return nil
	}
	if other, ok := s.formerOf(former); ok {
		return fmt.Errorf("%w: flow %q has the former id %q too", ErrInvalidFlow, other, former)
	}
	return nil
}

const maxID = 255

func checkID(id string) error {
	switch {
	case id == "":
		return fmt.Errorf("%w: its id is empty", ErrInvalidFlow)
	case len(id) > maxID:
		return fmt.Errorf("%w: its id has %d bytes, at most %d are allowed", ErrInvalidFlow, len(id), maxID)
	case !utf8.ValidString(id):
		return fmt.Errorf("%w: its id is not UTF-8", ErrInvalidFlow)
	}
	for _, c := range id {
		if unicode.IsControl(c) {
			return fmt.Errorf("%w: its id contains the control character %U", ErrInvalidFlow, c)
		}
	}
	return nil
}

// show quotes an id, which may be anything, for a message.
func show(id string) string { return fmt.Sprintf("flow %q", core.Clip(id, maxID)) }

// SetBackoff attaches a backoff policy to a registered flow, in place of the one
// it has. Without a policy a failure has no consequence but its record.
// Errors: [ErrFlowNotFound], [ErrInvalidBackoff], [ErrStarted].
func (s *Scheduler) SetBackoff(id string, p BackoffPolicy) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.started {
		return fmt.Errorf("backoff of %s: %w", show(id), ErrStarted)
	}
	err := p.Validate()
	if r := s.byID[id]; r == nil {
		err = ErrFlowNotFound
	} else if err == nil {
		plan := *r.Plan // which others may share
		plan.Backoff = &p
		r.Plan = s.shared.plan(plan)
		return nil
	}
	err = fmt.Errorf("backoff of %s: %w", show(id), err)
	s.errs = append(s.errs, err)
	return err
}

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
