package main

import (
	"fmt"
	"strings"
)

// A cronMistake is an error about an expression, with what is wrong in the words of its
// fields; what it wraps has those of the parser.
type cronMistake struct {
	expr, text string
	field      int // which of its fields, from 0
	err        error
}

func (m cronMistake) Error() string {
	return fmt.Sprintf("invalid schedule: cron expression %q: %s", clip(m.expr, 100), m.text)
}

func (m cronMistake) Unwrap() error { return m.err }

// inCronWords is an error about an expression that was refused, in words where a field
// is the cause.
func inCronWords(expr string, err error) error {
	fields := expr
	if rest, ok := strings.CutPrefix(expr, "CRON_TZ="); ok {
		_, fields, _ = strings.Cut(rest, " ")
	}
	texts := strings.Fields(fields)
	if err == nil || len(texts) != 5 && len(texts) != 6 {
		return err
	}
	if field, text := mistakeIn(texts, newCronFields()[6-len(texts):]); text != "" {
		return cronMistake{expr, text, field, err}
	}
	return err
}

// mistakeIn is the first of some texts that is no such field, and why; an empty why: all are.
func mistakeIn(texts []string, fields []cronField) (field int, why string) {
	for i := range min(len(texts), len(fields)) {
		if why := fields[i].mistake(texts[i]); why != "" {
			return i, why
		}
	}
	return 0, ""
}

// mistake is why a text is no such field, and what may stand there; empty: it is one.
func (f *cronField) mistake(text string) string {
	for part := range strings.SplitSeq(text, ",") {
		bounds, _, _ := strings.Cut(part, "/")
		low, high, ranged := strings.Cut(bounds, "-")
		one := *f
		switch err := one.parse(part); {
		case err != nil && f.names != nil && f.max == 6 && (low == "7" || high == "7"):
			return fmt.Sprintf("the %s %q: Sunday is 0, not 7", f.unit, text)
		case err != nil || strings.Count(part, "/") > 1:
			return fmt.Sprintf("the %s %q: %s", f.unit, text, f.allowed())
		case ranged && len(one.parts) > 0 && one.parts[0].from > one.parts[0].to:
			return fmt.Sprintf("the %s %q: %s comes after %s", f.unit, text, low, high)
		}
	}
	return ""
}

// allowed is what may stand in the field.
func (f *cronField) allowed() string {
	name, span := "", fmt.Sprintf("%d-%d", f.min+1, f.min+5)
	if f.names != nil {
		name = fmt.Sprintf(" or a name as in %s,", strings.ToUpper(f.names[1][:3]))
	}
	return fmt.Sprintf("want a number from %d to %d,%s a range as in %s, a list with commas, or *; */2 is every second one", f.min, f.max, name, span)
}
