package schedule

import (
	"fmt"
	"time"

	"github.com/robfig/cron/v3"

	"github.com/pawl-go/pawl/internal/cronexpr"
)

const maxExpr = 1000

var cronFields = cron.NewParser(cron.SecondOptional | cron.Minute | cron.Hour |
	cron.Dom | cron.Month | cron.Dow | cron.Descriptor)

// parseCron reads an expression of the flow. robfig/cron parses the plain numbers of the
// fields; it never sees what it would panic on, round up or read in another meaning. Without
// a zone in the expression the location is nil.
func parseCron(expr, flow string) (s *instants, err error) {
	if len(expr) > maxExpr {
		return nil, fmt.Errorf("longer than %d bytes", maxExpr)
	}
	s = &instants{}
	name, fields, named := cronexpr.CutZone(expr)
	if named {
		if s.location, err = loadZone(name); err != nil {
			return nil, err
		}
	}
	parsed, err := cronexpr.Parse(fields, flow)
	if err != nil {
		return nil, err
	}
	if s.calendar, err = calendarOf(parsed); err != nil {
		return nil, err
	}
	s.fixed, s.hashed = parsed.Fixed(), parsed.Hashed()
	return s, nil
}

// calendarOf makes sets of bits of the fields.
func calendarOf(e *cronexpr.Expr) (c calendar, err error) {
	parsed, err := cronFields.Parse(e.Plain())
	if err != nil {
		return c, err
	}
	spec, ok := parsed.(*cron.SpecSchedule)
	if !ok {
		return c, fmt.Errorf("not a schedule of instants")
	}
	c.SpecSchedule = *spec
	c.special = specialDaysOf(e)
	if onlySpecial(e.Day) {
		c.Dom = 0
	}
	if onlySpecial(e.Weekday) {
		c.Dow = 0
	}
	if !c.fires() {
		return c, fmt.Errorf("it never fires, since no such day exists; change the day or the month")
	}
	return c, nil
}

func loadZone(name string) (*time.Location, error) {
	switch name {
	case "":
		return nil, fmt.Errorf("it names no time zone; give one, such as Europe/Berlin, or leave it out for UTC")
	case "Local":
		return nil, fmt.Errorf("the time zone Local depends on the machine; name the zone, such as Europe/Berlin")
	}
	location, err := time.LoadLocation(name)
	if err == nil {
		return location, nil
	}
	return nil, fmt.Errorf("time zone: %w%s", err, zoneHint(time.LoadLocation))
}

// zoneHint says what to do where no zone at all can be loaded.
func zoneHint(load func(string) (*time.Location, error)) string {
	if _, err := load("Europe/Berlin"); err == nil {
		return ""
	}
	return `; this machine has no time-zone data: import _ "time/tzdata" in the program, or install the package tzdata`
}
