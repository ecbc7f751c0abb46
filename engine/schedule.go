package engine

import (
	"fmt"
	"sort"
	"strings"
	"time"

	"github.com/robfig/cron/v3"
)

// Schedule says when a flow is due. It is asked with the instants it needs and
// keeps none; the zero time stands for never.
type Schedule interface {
	Kind() string   // every, cron or manual
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
}

// Every runs a flow at once, then interval after the end of each run. An
// interval below 1 ms is an [ErrInvalidSchedule].
func Every(interval time.Duration) (Schedule, error) {
	if interval < time.Millisecond {
		return nil, fmt.Errorf("%w: interval %s is below 1ms", ErrInvalidSchedule, interval)
	}
	return every(interval), nil
}

type every time.Duration

func (d every) Kind() string   { return KindEvery }
func (d every) String() string { return time.Duration(d).String() }
func (d every) Zone() string   { return "" }

func (d every) Next(now, _ time.Time) time.Time {
	return now.Add(time.Duration(d)).Truncate(time.Millisecond)
}

// During is never: the instant is counted from the end of the run.
func (d every) During(_, _ time.Time) time.Time { return time.Time{} }

func (d every) Resume(now, lastEnd, _ time.Time) time.Time {
	if lastEnd.IsZero() {
		return now
	}
	return later(now, d.Next(lastEnd, time.Time{}))
}

func (d every) Latest(next, _ time.Time) time.Time           { return next }
func (d every) NotBefore(next, eligible time.Time) time.Time { return later(next, eligible) }
func (d every) Reach(now time.Time) time.Time                { return d.Next(now, time.Time{}) }

// Manual runs a flow only when it is triggered.
func Manual() Schedule { return manual{} }

type manual struct{}

func (manual) Kind() string                          { return KindManual }
func (manual) String() string                        { return "" }
func (manual) Zone() string                          { return "" }
func (manual) Next(_, _ time.Time) time.Time         { return time.Time{} }
func (manual) During(_, _ time.Time) time.Time       { return time.Time{} }
func (manual) Resume(_, _, _ time.Time) time.Time    { return time.Time{} }
func (manual) Latest(next, _ time.Time) time.Time    { return next }
func (manual) NotBefore(next, _ time.Time) time.Time { return next }
func (manual) Reach(time.Time) time.Time             { return time.Time{} }

// Cron runs a flow at the instants of an expression: six fields with seconds
// first, five fields without, or a descriptor such as @hourly, in UTC unless
// the expression begins with "CRON_TZ=Area/City ". The fields are those of
// github.com/robfig/cron/v3: Sunday is 0, there is no year, and where both day
// of month and day of week are given one of them has to match.
//
// What cannot be parsed, or never fires, is an [ErrInvalidSchedule].
func Cron(expr string) (Schedule, error) {
	expr = strings.TrimSpace(expr)
	spec, location, err := parseCron(expr)
	if err != nil {
		return nil, fmt.Errorf("%w: cron expression %q: %w", ErrInvalidSchedule, Clip(expr, 100), err)
	}
	return instants{expr: expr, spec: spec, location: location}, nil
}

const maxExpr = 1000

var cronFields = cron.NewParser(cron.SecondOptional | cron.Minute | cron.Hour |
	cron.Dom | cron.Month | cron.Dow | cron.Descriptor)

// parseCron keeps away from robfig/cron what it would panic on, round up or take
// for another zone in silence: it never sees a zone or @every, and a schedule
// that finds no instant in five years from a leap year on has none.
func parseCron(expr string) (spec *cron.SpecSchedule, location *time.Location, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("the parser gave up: %v", r)
		}
	}()
	if len(expr) > maxExpr {
		return nil, nil, fmt.Errorf("longer than %d bytes", maxExpr)
	}
	location = time.UTC
	fields := expr
	if name, rest, ok := cutZone(expr); ok {
		if location, err = loadZone(name); err != nil {
			return nil, nil, err
		}
		fields = rest
	}
	switch {
	case fields == "":
		return nil, nil, fmt.Errorf("no fields; want \"second minute hour day month weekday\" or five without the second")
	case strings.HasPrefix(fields, "TZ="):
		return nil, nil, fmt.Errorf("write CRON_TZ= for the time zone")
	case strings.HasPrefix(fields, "CRON_TZ="):
		return nil, nil, fmt.Errorf("more than one time zone")
	case strings.HasPrefix(fields, "@every"):
		return nil, nil, fmt.Errorf("@every is not a cron schedule; register the flow with Every")
	}
	parsed, err := cronFields.Parse(fields)
	if err != nil {
		return nil, nil, err
	}
	spec, ok := parsed.(*cron.SpecSchedule)
	if !ok {
		return nil, nil, fmt.Errorf("not a schedule of instants")
	}
	spec.Location = time.UTC
	if spec.Next(time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)).IsZero() {
		return nil, nil, fmt.Errorf("never fires: no such day exists")
	}
	return spec, location, nil
}

// cutZone splits "CRON_TZ=Area/City fields".
func cutZone(expr string) (name, fields string, ok bool) {
	rest, ok := strings.CutPrefix(expr, "CRON_TZ=")
	if !ok {
		return "", "", false
	}
	i := strings.IndexAny(rest, " \t")
	if i < 0 {
		return rest, "", true
	}
	return rest[:i], strings.TrimSpace(rest[i:]), true
}

func loadZone(name string) (*time.Location, error) {
	switch name {
	case "":
		return nil, fmt.Errorf("CRON_TZ= names no time zone")
	case "Local":
		return nil, fmt.Errorf("CRON_TZ=Local depends on the machine; name the time zone, such as Europe/Berlin")
	}
	location, err := time.LoadLocation(name)
	if err != nil {
		return nil, fmt.Errorf("time zone: %w", err)
	}
	return location, nil
}

type instants struct {
	expr     string
	spec     *cron.SpecSchedule // in UTC
	location *time.Location
}

func (s instants) Kind() string   { return KindCron }
func (s instants) String() string { return s.expr }
func (s instants) Zone() string   { return s.location.String() }

// after is the first instant after t: the first one at which the clocks of the
// zone show what the expression asks for. robfig/cron is only asked about clocks
// that never change, those of UTC; with a change of the offset on its way it may
// land far behind the instant, or never return. So each stretch of time with one
// offset is searched on its own, on the line of its wall clock.
func (s instants) after(t time.Time) time.Time {
	limit := t.AddDate(searchYears, 0, 0)
	for stretch, from := t, t; stretch.Before(limit); {
		local := stretch.In(s.location)
		_, seconds := local.Zone()
		_, end := local.ZoneBounds()
		offset := time.Duration(seconds) * time.Second
		if wall := s.spec.Next(from.UTC().Add(offset)); !wall.IsZero() {
			if at := wall.Add(-offset); end.IsZero() || at.Before(end) {
				return at
			}
		}
		if end.IsZero() {
			break
		}
		stretch, from = end, end.Add(-time.Nanosecond) // the first instant of the next counts
	}
	return time.Time{}
}

// searchYears is how far robfig/cron looks ahead.
const searchYears = 5

// CorrectionJump is how far the wall clock must go back to be taken for
// corrected. Anything less is taken for a disturbance, in which no instant
// fires twice. The bound is that of Vixie cron.
const CorrectionJump = 3 * time.Hour

func (s instants) Next(now, last time.Time) time.Time {
	if last.After(now) && last.Sub(now) < CorrectionJump {
		return s.after(last)
	}
	return s.after(now)
}

func (s instants) During(now, last time.Time) time.Time    { return s.Next(now, last) }
func (s instants) Resume(now, _, last time.Time) time.Time { return s.Next(now, last) }

// Latest halves next..now until one instant is left, since a daemon that was
// down for a year may have missed thirty million of them.
func (s instants) Latest(next, now time.Time) time.Time {
	span := int(now.Sub(next)/time.Second) + 1
	ahead := sort.Search(span, func(i int) bool {
		t := s.after(next.Add(time.Duration(i) * time.Second))
		return t.IsZero() || t.After(now)
	})
	if ahead == 0 {
		return next
	}
	return s.after(next.Add(time.Duration(ahead-1) * time.Second))
}

func (s instants) NotBefore(next, eligible time.Time) time.Time {
	if !next.Before(eligible) {
		return next
	}
	return s.after(eligible.Add(-time.Nanosecond))
}

func (s instants) Reach(time.Time) time.Time { return time.Time{} }
