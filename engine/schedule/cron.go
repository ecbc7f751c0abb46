package schedule

import (
	"fmt"
	"strings"
	"time"

	"github.com/pawl-go/pawl/internal/clip"
	"github.com/pawl-go/pawl/internal/cronexpr"
	"github.com/pawl-go/pawl/internal/instant"
	"github.com/pawl-go/pawl/internal/wording"
)

// Cron returns the schedule of a cron expression: six fields with seconds first, five fields
// without seconds, or a descriptor such as @hourly. Its times are UTC unless it begins with
// "CRON_TZ=Area/City " or [WithLocation] is given. Package cronexpr says what its fields mean:
// 0 and 7 are Sunday, there is no year, and if both the day of the month and the day of the
// week are given, one of them has to match. An expression with H needs [ForFlow].
//
// An expression without a wildcard or a step in the hour and the minute has fixed times. One
// in a DST gap occurs right after the gap; one in a DST fold occurs at its first copy.
// [WithDST] changes both. All other expressions follow elapsed time: they occur whenever the
// clocks show a matching time, so twice in a fold.
//
// Several fixed times in one gap occur one after another, 1 ms apart. They begin at the end
// of the gap, or 1 ms later if that is an occurrence itself. Those that would reach the next
// occurrence fall together with it.
//
// An expression that cannot be parsed or never occurs is an [ErrInvalid].
func Cron(expr string, opts ...CronOption) (Schedule, error) {
	expr = strings.TrimSpace(expr)
	s, err := parseCron(expr, optionsOf(opts))
	if err != nil {
		return nil, wording.Errorf("%w: cron expression %q: %w", ErrInvalid, clip.Text(expr, 100), err)
	}
	return s, nil
}

// CronOption is an option of [Cron].
type CronOption func(*cronOptions)

type cronOptions struct {
	flow  string
	zones []string
	dst   DST
}

func optionsOf(opts []CronOption) (o cronOptions) {
	for _, opt := range opts {
		opt(&o)
	}
	return o
}

// ForFlow sets the id of the flow. The numbers that H stands for are drawn from it.
func ForFlow(id string) CronOption {
	return func(o *cronOptions) { o.flow = id }
}

// WithLocation sets the time zone, such as Europe/Berlin. It is an error if that zone is
// unknown, or if the expression names another one.
func WithLocation(zone string) CronOption {
	return func(o *cronOptions) { o.zones = append(o.zones, zone) }
}

// WithDST sets what happens to fixed times in DST gaps and folds.
func WithDST(policies ...DST) CronOption {
	return func(o *cronOptions) {
		for _, p := range policies {
			o.dst |= p
		}
	}
}

// Warnings returns what an expression accepts that other schedulers read in another way. Its
// errors are those of [Cron].
func Warnings(expr string, opts ...CronOption) ([]string, error) {
	if _, err := Cron(expr, opts...); err != nil {
		return nil, err
	}
	_, fields, _ := cronexpr.CutZone(strings.TrimSpace(expr))
	parsed, err := cronexpr.Parse(fields, optionsOf(opts).flow)
	if err != nil {
		return nil, err
	}
	return parsed.Warnings(), nil
}

// maxExpr bounds the length of an expression, in bytes.
const maxExpr = 1000

func parseCron(expr string, o cronOptions) (*cronSchedule, error) {
	if len(expr) > maxExpr {
		return nil, fmt.Errorf("longer than %d bytes", maxExpr)
	}
	name, fields, named := cronexpr.CutZone(expr)
	if named {
		o.zones = append([]string{name}, o.zones...)
	}
	zone, err := onlyZone(o.zones)
	if err != nil {
		return nil, err
	}
	parsed, err := cronexpr.Parse(fields, o.flow)
	if err != nil {
		return nil, err
	}
	c, err := calendarOf(parsed)
	if err != nil {
		return nil, err
	}
	s := &cronSchedule{
		text: expr + o.dst.String(), calendar: c, zone: zone, dst: o.dst,
		fixed: parsed.Fixed(), hashed: parsed.Hashed(),
	}
	return s, o.dst.check()
}

// cronSchedule is a calendar that is read by the clocks of a zone.
type cronSchedule struct {
	text     string
	calendar calendar
	zone     Zone
	dst      DST
	fixed    bool // it has fixed times
	hashed   bool // it has numbers that were drawn from the id of the flow
}

func (s *cronSchedule) Kind() string   { return KindCron }
func (s *cronSchedule) String() string { return s.text }
func (s *cronSchedule) Zone() string   { return s.zone.String() }

// searchYears is how far After looks ahead. A February with five Mondays comes every 28 years,
// or after 40 if a century without a leap year lies between.
const searchYears = 41

// After searches one stretch after another.
func (s *cronSchedule) After(t time.Time) time.Time {
	limit := t.Unix() + searchYears*366*daySeconds
	for from := t.Unix(); from < limit; {
		st := s.stretch(from)
		if at, ok := s.firstIn(st, t, limit); ok {
			return instant.OrNever(time.UnixMilli(at).UTC())
		}
		from = st.end
	}
	return time.Time{}
}

func (s *cronSchedule) Count(from, to time.Time) (n int64, last time.Time) {
	var newest stretch
	for at := from.Unix(); at <= to.Unix() && at < lastSecond; {
		st := s.stretch(at)
		if found := s.countIn(st, from, to); found > 0 {
			n, newest = n+found, st
		}
		at = st.end
	}
	if n == 0 {
		return 0, time.Time{}
	}
	return n, s.lastIn(newest, to)
}

func (s *cronSchedule) Next(now, last time.Time) time.Time {
	if s.fixed && last.After(now) && last.Sub(now) < CorrectionJump {
		return s.After(last) // the clock was set back: no fixed time runs again
	}
	return s.After(now)
}

func (s *cronSchedule) NextWhileRunning(now, last time.Time) time.Time { return s.Next(now, last) }
func (s *cronSchedule) Resume(now, _, last time.Time) time.Time        { return s.Next(now, last) }

func (s *cronSchedule) Latest(next, now time.Time) time.Time {
	if n, last := s.Count(next, now); n > 0 {
		return last
	}
	return next
}

func (s *cronSchedule) NotBefore(next, eligible time.Time) time.Time {
	if !next.Before(eligible) {
		return next
	}
	return s.After(eligible.Add(-time.Nanosecond))
}

func (s *cronSchedule) Horizon(time.Time) time.Time { return time.Time{} }
