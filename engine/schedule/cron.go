package schedule

import (
	"fmt"
	"strings"
	"time"

	"github.com/pawl-go/pawl/internal/clip"
	"github.com/pawl-go/pawl/internal/cronexpr"
	"github.com/pawl-go/pawl/internal/instant"
)

// Cron runs a flow at the instants of an expression: six fields with seconds
// first, five fields without, or a descriptor such as @hourly, in UTC unless
// the expression begins with "CRON_TZ=Area/City " or [WithLocation] is given. The
// fields are the ones of github.com/robfig/cron/v3 and of package cronexpr: 0 and 7 are
// Sunday, there is no year, and where both day of month and day of week are given one
// of them has to match. An expression with H needs [ForFlow].
//
// An expression has fixed times if it has no wildcard and no step in the fields
// of hour and minute. Where the clocks are set forward, a fixed time that they
// leave out has its instant right after the gap; where they are set back, one
// that they show twice has it at the first of the two. [WithDST] changes either.
// Any other expression follows the time that elapses: it has an instant whenever
// the clocks show what it asks for, twice if they show it twice.
//
// Several times in one gap have an instant each, in order, 1 ms apart: from the
// first instant after the gap on if that is none itself, else behind it. If they
// are so many that they would reach the next instant, the rest falls on that one.
//
// What cannot be parsed, or never fires, is an [ErrInvalid].
func Cron(expr string, opts ...CronOption) (Schedule, error) {
	expr = strings.TrimSpace(expr)
	o := optionsOf(opts)
	s, err := parseCron(expr, o.flow)
	for _, set := range o.sets {
		if err == nil {
			err = set(s)
		}
	}
	if err != nil {
		return nil, fmt.Errorf("%w: cron expression %q: %w", ErrInvalid, clip.Text(expr, 100), err)
	}
	if s.location == nil {
		s.location = time.UTC
	}
	s.text = expr + s.dst.String()
	return s, nil
}

// CronOption is an option of [Cron].
type CronOption func(*cronOptions)

type cronOptions struct {
	flow string
	sets []func(*instants) error
}

func optionsOf(opts []CronOption) (o cronOptions) {
	for _, opt := range opts {
		opt(&o)
	}
	return o
}

// ForFlow gives the id of the flow from which an expression with H draws its numbers.
func ForFlow(id string) CronOption {
	return func(o *cronOptions) { o.flow = id }
}

// set is an option that changes what was parsed.
func set(apply func(*instants) error) CronOption {
	return func(o *cronOptions) { o.sets = append(o.sets, apply) }
}

// WithLocation sets the time zone of a cron schedule, such as Europe/Berlin. An
// unknown one is an error, and so is one that differs from that of the expression.
func WithLocation(zone string) CronOption {
	return set(func(s *instants) error {
		location, err := loadZone(zone)
		switch {
		case err != nil:
			return err
		case s.location != nil && s.location.String() != zone:
			return fmt.Errorf("two time zones, %s and %s; leave one out", s.location, zone)
		}
		s.location = location
		return nil
	})
}

// WithDST sets what becomes of fixed times where the clocks are changed. It makes
// no difference to other expressions.
func WithDST(policies ...DST) CronOption {
	return set(func(s *instants) error {
		for _, p := range policies {
			s.dst |= p
		}
		return s.dst.check()
	})
}

// Warnings say what of an expression is accepted, but may mean something else than
// its writer thinks. Errors are as of [Cron].
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

// DependsOnFlow says whether a schedule has numbers that are drawn from the id of its flow.
func DependsOnFlow(s Schedule) bool {
	switch s := s.(type) {
	case *instants:
		return s.hashed
	case between:
		return DependsOnFlow(s.Schedule)
	}
	return false
}

// instants is a cron schedule.
type instants struct {
	text     string
	calendar calendar
	fixed    bool // its times are fixed
	hashed   bool // a number of it is drawn from the id of the flow
	location *time.Location
	dst      DST
}

func (s *instants) Kind() string   { return KindCron }
func (s *instants) String() string { return s.text }
func (s *instants) Zone() string   { return s.location.String() }

// searchYears is how far After looks ahead: a leap year in which February has five of a
// weekday comes every 28 years, or 40 when a century begins.
const searchYears = 41

// After goes from one change of the zone's offset to the next.
func (s *instants) After(t time.Time) time.Time {
	limit := t.Unix() + searchYears*366*daySeconds
	for from := t.Unix(); from < limit; {
		st := s.stretch(from)
		if at := s.first(st, t, limit); !at.IsZero() {
			return instant.OrNever(at)
		}
		from = st.end
	}
	return time.Time{}
}

// first is the first instant of a stretch after t.
func (s *instants) first(st stretch, t time.Time, limit int64) time.Time {
	made := s.madeUp(st)
	at, ok := made.after(t.UnixMilli())
	wall, regular := s.calendar.next(max(st.from, t.Unix()+1+st.offset), min(st.to, limit+st.offset))
	if regular {
		if ms := (wall - st.offset) * 1000; !ok || ms < at {
			at, ok = ms, true
		}
	}
	if !ok {
		return time.Time{}
	}
	return time.UnixMilli(at).UTC()
}

func (s *instants) Count(from, to time.Time) (n int64, last time.Time) {
	var newest stretch
	for at := from.Unix(); at <= to.Unix() && at < lastSecond; {
		st := s.stretch(at)
		if found := s.count(st, from, to); found > 0 {
			n, newest = n+found, st
		}
		at = st.end
	}
	if n == 0 {
		return 0, time.Time{}
	}
	return n, s.last(newest, to)
}

// count is how many instants of a stretch there are in from..to.
func (s *instants) count(st stretch, from, to time.Time) int64 {
	first := from.Add(time.Second - 1).Unix() // the first whole second
	regular := s.calendar.count(max(st.from, first+st.offset), min(st.to, to.Unix()+1+st.offset))
	return regular + s.madeUp(st).count(from.Add(time.Millisecond-1).UnixMilli(), to.UnixMilli())
}

// last is the last instant of a stretch up to t; it has one.
func (s *instants) last(st stretch, t time.Time) time.Time {
	at, ok := s.madeUp(st).upTo(t.UnixMilli())
	wall, regular := s.calendar.prev(st.from, min(st.to, t.Unix()+1+st.offset))
	if ms := (wall - st.offset) * 1000; regular && (!ok || ms > at) {
		at = ms
	}
	return time.UnixMilli(at).UTC()
}

func (s *instants) Next(now, last time.Time) time.Time      { return following(s, now, last) }
func (s *instants) During(now, last time.Time) time.Time    { return following(s, now, last) }
func (s *instants) Resume(now, _, last time.Time) time.Time { return following(s, now, last) }

func (s *instants) Latest(next, now time.Time) time.Time {
	if n, last := s.Count(next, now); n > 0 {
		return last
	}
	return next
}

func (s *instants) NotBefore(next, eligible time.Time) time.Time {
	if !next.Before(eligible) {
		return next
	}
	return s.After(eligible.Add(-time.Nanosecond))
}

func (s *instants) Reach(time.Time) time.Time { return time.Time{} }
