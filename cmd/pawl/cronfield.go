package main

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// A cronField is one field of an expression that was accepted: its parts, of which each
// is a number, a range, or one of them with a step.
type cronField struct {
	unit     string   // second, minute, hour, day, month, day of the week
	min, max int      // of its numbers
	names    []string // of them, from min on; nil: they have none
	parts    []cronPart
}

// A cronPart is from..to in steps. Open says that the text names no end, or neither.
type cronPart struct {
	from, to, step int
	star, open     bool
}

var (
	monthNames   = []string{"January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November", "December"}
	weekdayNames = []string{"Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"}
)

// newCronFields are the six fields, without their parts.
func newCronFields() []cronField {
	return []cronField{{unit: "second", max: 59}, {unit: "minute", max: 59}, {unit: "hour", max: 23},
		{unit: "day", min: 1, max: 31}, {unit: "month", min: 1, max: 12, names: monthNames}, {unit: "day of the week", max: 6, names: weekdayNames}}
}

// cronFields takes the six fields of an expression apart.
func cronFields(texts []string) (fields []cronField, err error) {
	fields = newCronFields()
	for i := range fields {
		if err := fields[i].parse(texts[i]); err != nil {
			return nil, err
		}
	}
	return fields, nil
}

func (f *cronField) parse(text string) error {
	for part := range strings.FieldsFuncSeq(text, func(r rune) bool { return r == ',' }) {
		p := cronPart{from: f.min, to: f.max, step: 1}
		bounds, step, stepped := strings.Cut(part, "/")
		low, high, ranged := strings.Cut(bounds, "-")
		var err error
		switch {
		case low == "*" || low == "?":
			p.star, p.open = true, true
		default:
			if p.from, err = f.number(low); err != nil {
				return err
			}
			p.to = p.from
			if p.open = stepped && !ranged; p.open {
				p.to = f.max
			}
		}
		if ranged && !p.star {
			if p.to, err = f.number(high); err != nil {
				return err
			}
		}
		if stepped {
			if p.step, err = strconv.Atoi(step); err != nil || p.step < 1 {
				return fmt.Errorf("step %q of the %s", step, f.unit)
			}
		}
		f.parts = append(f.parts, p)
	}
	return nil
}

// number reads a number, or the first three letters of a name.
func (f *cronField) number(text string) (int, error) {
	for i, name := range f.names {
		if strings.EqualFold(name[:3], text) {
			return f.min + i, nil
		}
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < f.min || n > f.max {
		return 0, fmt.Errorf("%q is no %s", text, f.unit)
	}
	return n, nil
}

// any says that the field asks for nothing: also one of commas alone, which is taken where
// the other field of days decides.
func (f *cronField) any() bool {
	return len(f.parts) == 0 || slices.ContainsFunc(f.parts, func(p cronPart) bool { return p.star && p.step == 1 })
}

// listed are the numbers of a field that has no range and no step; false: it has.
func (f *cronField) listed() (numbers []int, ok bool) {
	for _, p := range f.parts {
		if p.from != p.to || p.star {
			return nil, false
		}
		numbers = append(numbers, p.from)
	}
	slices.Sort(numbers)
	return slices.Compact(numbers), true
}

// values are the numbers of a part.
func (p cronPart) values() (list []int) {
	for n := p.from; n <= p.to; n += p.step {
		list = append(list, n)
	}
	return list
}
