package main

import (
	"fmt"
	"strings"
)

// descriptors are the short forms of expressions.
var descriptors = map[string]string{
	"@yearly": "0 0 1 1 *", "@annually": "0 0 1 1 *", "@monthly": "0 0 1 * *", "@weekly": "0 0 * * 0",
	"@daily": "0 0 * * *", "@midnight": "0 0 * * *", "@hourly": "0 * * * *",
}

// cronWords is an expression, which has to be one that is accepted, as a sentence.
func cronWords(expr string) (string, error) {
	expr, zone := strings.TrimSpace(expr), "UTC"
	if rest, ok := strings.CutPrefix(expr, "CRON_TZ="); ok {
		zone, expr, _ = strings.Cut(strings.ReplaceAll(rest, "\t", " "), " ")
	}
	if long, ok := descriptors[strings.TrimSpace(expr)]; ok {
		expr = long
	}
	texts := strings.Fields(expr)
	if len(texts) == 5 {
		texts = append([]string{"0"}, texts...)
	}
	if len(texts) != 6 {
		return "", fmt.Errorf("%q has %d fields, not 5 or 6", expr, len(texts))
	}
	f, err := cronFields(texts)
	if err != nil {
		return "", err
	}
	text := timeWords(f[0], f[1], f[2]) + dayWords(f[3], f[5]) + monthWords(f[4])
	return strings.ToUpper(text[:1]) + text[1:] + " (" + zone + ").", nil
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
			text += " of every " + u.unit
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
		return "every " + f.unit, false
	}
	if numbers, ok := f.listed(); ok {
		return "at " + f.unit + plural(len(numbers)) + " " + and(f.namesOf(numbers)), true
	}
	if p := f.parts[0]; len(f.parts) == 1 && p.star && (f.max+1)%p.step == 0 {
		return fmt.Sprintf("every %d %ss", p.step, f.unit), false
	}
	return ofWords(f), true
}

// ofWords tells of a field in the middle of a sentence: "hours 9 and 17", "every hour from
// 9 through 17".
func ofWords(f cronField) string {
	if numbers, ok := f.listed(); ok {
		return f.unit + plural(len(numbers)) + " " + and(f.namesOf(numbers))
	}
	var parts []string
	for _, p := range f.parts {
		parts = append(parts, f.partWords(p))
	}
	return and(parts)
}

func (f cronField) partWords(p cronPart) string {
	every := "every " + f.unit
	if p.step > 1 {
		every = "every " + ordinal(p.step) + " " + f.unit
	}
	switch {
	case p.from == p.to && !p.star:
		return f.unit + " " + f.name(p.from)
	case p.star:
		return fmt.Sprintf("%s (%s)", every, abridged(f.namesOf(p.values())))
	case p.open:
		return fmt.Sprintf("%s from %s on", every, f.name(p.from))
	}
	return fmt.Sprintf("%s from %s through %s", every, f.name(p.from), f.name(p.to))
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
	for _, p := range f.parts {
		switch {
		case p.from == p.to && !p.star:
			parts = append(parts, f.name(p.from))
		case p.step == 1:
			parts = append(parts, f.name(p.from)+" through "+f.name(p.to))
		default:
			parts = append(parts, f.partWords(p))
		}
	}
	return and(parts)
}
