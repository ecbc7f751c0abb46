package engine

import (
	"fmt"
	"strings"
	"time"

	"github.com/robfig/cron/v3"
)

const maxExpr = 1000

var cronFields = cron.NewParser(cron.SecondOptional | cron.Minute | cron.Hour |
	cron.Dom | cron.Month | cron.Dow | cron.Descriptor)

// parseCron keeps away from robfig/cron what it would panic on, round up or take
// for another zone in silence: it never sees a zone or @every. Without a zone in
// the expression the location is nil.
func parseCron(expr string) (s *instants, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("the parser gave up: %v", r)
		}
	}()
	if len(expr) > maxExpr {
		return nil, fmt.Errorf("longer than %d bytes", maxExpr)
	}
	s = &instants{}
	fields := expr
	if name, rest, ok := cutZone(expr); ok {
		if s.location, err = loadZone(name); err != nil {
			return nil, err
		}
		fields = rest
	}
	if s.calendar, err = parseFields(fields); err != nil {
		return nil, err
	}
	s.fixed = fixedTimes(fields)
	return s, nil
}

func parseFields(fields string) (calendar, error) {
	switch {
	case fields == "":
		return calendar{}, fmt.Errorf("no fields; want \"second minute hour day month weekday\" or five without the second")
	case strings.HasPrefix(fields, "TZ="):
		return calendar{}, fmt.Errorf("write CRON_TZ= for the time zone")
	case strings.HasPrefix(fields, "CRON_TZ="):
		return calendar{}, fmt.Errorf("more than one time zone")
	case strings.HasPrefix(fields, "@every"):
		return calendar{}, fmt.Errorf("@every is not a cron schedule; register the flow with Every")
	}
	parsed, err := cronFields.Parse(fields)
	if err != nil {
		return calendar{}, err
	}
	spec, ok := parsed.(*cron.SpecSchedule)
	if !ok {
		return calendar{}, fmt.Errorf("not a schedule of instants")
	}
	if c := calendar(*spec); c.fires() {
		return c, nil
	}
	return calendar{}, fmt.Errorf("never fires: no such day exists")
}

// fixedTimes says whether the fields of minute and hour are numbers only. Of the
// descriptors all but @hourly stand for such fields.
func fixedTimes(text string) bool {
	if strings.HasPrefix(text, "@") {
		return text != "@hourly"
	}
	fields := strings.Fields(text)
	if len(fields) == 6 {
		fields = fields[1:] // without the second
	}
	return !strings.ContainsAny(fields[0]+fields[1], "*?/")
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
		return nil, fmt.Errorf("it names no time zone; give one, such as Europe/Berlin, or leave it out for UTC")
	case "Local":
		return nil, fmt.Errorf("the time zone Local depends on the machine; name the zone, such as Europe/Berlin")
	}
	location, err := time.LoadLocation(name)
	if err != nil {
		return nil, fmt.Errorf("time zone: %w", err)
	}
	return location, nil
}
