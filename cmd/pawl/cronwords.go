package main

import (
	"fmt"
	"strings"

	"github.com/pawl-go/pawl/internal/cronexpr"
)

// cronWords is an expression of a flow, which has to be one that is accepted, as a sentence.
func cronWords(expr, flow string) (string, error) {
	zone, text, named := cronexpr.CutZone(strings.TrimSpace(expr))
	if !named {
		zone = "UTC"
	}
	e, err := cronexpr.Parse(text, flow)
	if err != nil {
		return "", err
	}
	words := timeWords(cronField{e.Second}, cronField{e.Minute}, cronField{e.Hour}) +
		dayWords(cronField{e.Day}, cronField{e.Weekday}) + monthWords(cronField{e.Month})
	return strings.ToUpper(words[:1]) + words[1:] + " (" + zone + ").", nil
}

// mostTimes is how many times of day are told one by one.
const mostTimes = 6

// timeWords tells of the time of day.
func timeWords(second, minute, hour cronField) string {
	if text := clockWords(second, minute, hour); text != "" {
		return text
	}
	units := []cronField{minute, hour}
	if s, ok := second.listed(); !ok || len(s) != 1 || s[0] != 0 {
		units = []cronField{second, minute, hour}
	}
	text, fixed := unitWords(units[0])
	for _, u := range units[1:] {
		switch {
		case !u.any():
			text += " of " + ofWords(u)
			fixed = false
		case fixed:
			text += " of every " + u.Unit
			fixed = false
		}
	}
	return text
}

// clockWords is "at 02:30", or a few such times; empty: they are not fixed, or many.
func clockWords(second, minute, hour cronField) string {
	s, fixedSecond := second.listed()
	m, fixedMinute := minute.listed()
	h, fixedHour := hour.listed()
	if !fixedSecond || !fixedMinute || !fixedHour || len(s)*len(m)*len(h) > mostTimes {
		return ""
	}
	var times []string
	for _, hour := range h {
		for _, minute := range m {
			for _, second := range s {
				text := fmt.Sprintf("%02d:%02d", hour, minute)
				if len(s) > 1 || second > 0 {
					text += fmt.Sprintf(":%02d", second)
				}
				times = append(times, text)
			}
		}
	}
	return "at " + and(times)
}

// unitWords is the smallest unit that matters: "every 5 minutes", or "at minute 0", which
// is fixed.
func unitWords(f cronField) (text string, fixed bool) {
	if f.any() {
		return "every " + f.Unit, false
	}
	if numbers, ok := f.listed(); ok {
		return "at " + f.Unit + plural(len(numbers)) + " " + and(f.namesOf(numbers)), true
	}
	if p := f.Parts[0]; len(f.Parts) == 1 && p.Star && (f.Max+1)%p.Step == 0 {
		return fmt.Sprintf("every %d %ss", p.Step, f.Unit), false
	}
	return ofWords(f), true
}

// ofWords tells of a field in the middle of a sentence: "hours 9 and 17", "every hour from
// 9 through 17".
func ofWords(f cronField) string {
	if numbers, ok := f.listed(); ok {
		return f.Unit + plural(len(numbers)) + " " + and(f.namesOf(numbers))
	}
	var parts []string
	for _, p := range f.Parts {
		parts = append(parts, f.partWords(p))
	}
	return and(parts)
}

func (f cronField) partWords(p cronexpr.Part) string {
	every := "every " + f.Unit
	if p.Step > 1 {
		every = "every " + ordinal(p.Step) + " " + f.Unit
	}
	switch {
	case p.Kind != cronexpr.Numbers:
		return f.specialWords(p)
	case p.From == p.To && !p.Star:
		return f.Unit + " " + f.Name(p.From)
	case p.Star:
		return fmt.Sprintf("%s (%s)", every, abridged(f.namesOf(f.Values(p))))
	case p.Open:
		return fmt.Sprintf("%s from %s on", every, f.Name(p.From))
	}
	return fmt.Sprintf("%s from %s through %s", every, f.Name(p.From), f.Name(p.To))
}

// specialWords tells of a day that needs a calendar.
func (f cronField) specialWords(p cronexpr.Part) string {
	switch p.Kind {
	case cronexpr.LastDay:
		switch p.From {
		case 0:
			return "the last day"
		case 1:
			return "the day before the last"
		}
		return fmt.Sprintf("the %s day before the last", ordinal(p.From))
	case cronexpr.LastWorkday:
		return "the last day from Monday to Friday"
	case cronexpr.NearestWorkday:
		return fmt.Sprintf("the day from Monday to Friday nearest to day %d", p.From)
	case cronexpr.NthWeekday:
		return fmt.Sprintf("the %s %s of the month", ordinal(p.Step), f.Name(p.From))
	}
	return fmt.Sprintf("the last %s of the month", f.Name(p.From))
}

// dayWords tells of the days: if both fields ask for some, one of them has to match.
func dayWords(day, weekday cronField) string {
	switch {
	case day.any() && weekday.any():
		return ""
	case weekday.any():
		return " on " + monthDayWords(day)
	case day.any():
		return " on " + namedWords(weekday)
	}
	return " on " + monthDayWords(day) + ", or on " + namedWords(weekday)
}

func monthDayWords(day cronField) string {
	return ofWords(day) + " of the month"
}

func monthWords(month cronField) string {
	if month.any() {
		return ""
	}
	return " in " + namedWords(month)
}

// namedWords tells of a field whose numbers have names: "Monday through Friday".
func namedWords(f cronField) string {
	var parts []string
	for _, p := range f.Parts {
		switch {
		case p.Kind != cronexpr.Numbers:
			parts = append(parts, f.specialWords(p))
		case p.From == p.To && !p.Star:
			parts = append(parts, f.Name(p.From))
		case p.Step == 1:
			parts = append(parts, f.Name(p.From)+" through "+f.Name(p.To))
		default:
			parts = append(parts, f.partWords(p))
		}
	}
	return and(parts)
}
