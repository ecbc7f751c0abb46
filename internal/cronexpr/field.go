package cronexpr

import (
	"errors"
	"fmt"
	"hash/fnv"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// A Field is one field of an expression.
type Field struct {
	Unit     string   // second, minute, hour, day, month, day of the week
	Min, Max int      // the bounds of its numbers
	Names    []string // of the numbers, from Min on; nil: they have none
	Parts    []Part

	dates bool // it is the day or the weekday
}

// Kind says what a part of a field matches.
type Kind int

// A part matches numbers, or a special day, which differs from month to month.
const (
	Numbers        Kind = iota
	LastDay             // L, L-3: From days before the last day of the month
	LastWorkday         // LW: the last day of the month from Monday to Friday
	NearestWorkday      // 15W: the day from Monday to Friday of the same month nearest to day From
	NthWeekday          // FRI#2: the Step-th weekday From of the month
	LastWeekday         // FRIL: the last weekday From of the month
)

// A Part is one element of a field's list. Numbers are From to To in steps; if To is below
// From, they go on at the lowest number after the highest.
type Part struct {
	Kind           Kind
	From, To, Step int
	Star           bool // * or ?
	Open           bool // no end is written
	Stepped        bool // a step is written
	Hash           bool // H: From was drawn from the id of the flow

	numbered bool // a number is written, not a name
	text     string
}

// Name returns the name of a number of the field, or the number itself.
func (f *Field) Name(n int) string {
	if f.Names == nil {
		return strconv.Itoa(n)
	}
	return f.Names[n-f.Min]
}

// Values returns the numbers of a part, in the order of its range.
func (f *Field) Values(p Part) (list []int) {
	span := f.Max - f.Min + 1
	for n := 0; n < f.size(p) && (n == 0 || !p.Open || p.From+n <= f.Max); n += p.Step {
		list = append(list, f.Min+(p.From-f.Min+n)%span)
	}
	return list
}

// size returns how many numbers the range of a part has. A range without an end, as in 5/60,
// counts as the whole field.
func (f *Field) size(p Part) int {
	span := f.Max - f.Min + 1
	switch {
	case p.Open:
		return span
	case p.To < p.From:
		return p.To - p.From + 1 + span
	}
	return p.To - p.From + 1
}

// HasNumbers reports whether a part of the field matches numbers.
func (f *Field) HasNumbers() bool {
	return slices.ContainsFunc(f.Parts, func(p Part) bool { return p.Kind == Numbers })
}

// Wraps reports whether the range of a part goes on at the lowest number.
func (p Part) Wraps() bool { return p.Kind == Numbers && p.To < p.From }

// plain returns the field as robfig/cron reads it.
func (f *Field) plain() string {
	var parts []string
	for _, p := range f.Parts {
		if p.Kind == Numbers {
			parts = append(parts, f.plainPart(p))
		}
	}
	if len(parts) == 0 {
		return strconv.Itoa(f.Min)
	}
	return strings.Join(parts, ",")
}

func (f *Field) plainPart(p Part) string {
	switch {
	case p.Star && p.Step == 1:
		return "*"
	case p.Wraps() || p.Step > 1:
		return strings.Trim(strings.ReplaceAll(fmt.Sprint(f.Values(p)), " ", ","), "[]")
	case p.Open:
		return fmt.Sprintf("%d-%d", p.From, f.Max)
	case p.From == p.To:
		return strconv.Itoa(p.From)
	}
	return fmt.Sprintf("%d-%d", p.From, p.To)
}

// parse reads a list into the parts of the field.
func (f *Field) parse(text, flow string) error {
	for part := range strings.SplitSeq(text, ",") {
		p, err := f.readPart(part, flow)
		if err != nil {
			return err
		}
		p.text = part
		f.Parts = append(f.Parts, p)
	}
	return nil
}

var (
	dayForm     = regexp.MustCompile(`^(?i:(L)(?:-(\d{1,2}))?|(LW)|(\d{1,2})W)$`)
	weekdayForm = regexp.MustCompile(`^(?i)([a-z]+|\d)(?:#(\d+)|L)$`)
	hashForm    = regexp.MustCompile(`^H(?:\((\w+)-(\w+)\))?$`)
)

func (f *Field) readPart(text, flow string) (p Part, err error) {
	bounds, step, stepped := strings.Cut(text, "/")
	p = Part{From: f.Min, To: f.Max, Step: 1, Stepped: stepped}
	low, high, ranged := strings.Cut(bounds, "-")
	hash := hashForm.FindStringSubmatch(bounds)
	day, weekday := dayForm.FindStringSubmatch(bounds), weekdayForm.FindStringSubmatch(bounds)
	switch {
	case text == "":
		return p, errors.New("an element of the list is empty; leave the extra comma out")
	case bounds == "?" && !f.dates:
		return p, errors.New("? stands for any day, and only in the fields of days; write *")
	case bounds == "?" && stepped:
		return p, errors.New("? takes no step; write */" + step)
	case bounds == "*" || bounds == "?":
		p.Star, p.Open = true, true
	case low == "*" || low == "?":
		return p, fmt.Errorf("a range begins with a number, not with %s; write %s-%s, or %s alone", low, f.sample(f.Min), high, low)
	case hash != nil:
		return f.readHash(p, hash, step, flow)
	case f.dates && f.Names == nil && day != nil:
		return f.readDayOfMonth(day, stepped)
	case f.dates && f.Names != nil && weekday != nil:
		return f.readWeekdayOfMonth(weekday, stepped)
	case f.dates && f.Names != nil && strings.EqualFold(bounds, "L"):
		return p, errors.New("an L alone is Saturday in Quartz; write SAT, or SATL for the last Saturday of the month")
	default:
		if err := f.readRange(&p, low, high, ranged); err != nil {
			return p, err
		}
	}
	if stepped {
		return p, f.readStep(&p, step)
	}
	return p, nil
}

// readRange reads a number or a range.
func (f *Field) readRange(p *Part, low, high string, ranged bool) (err error) {
	if p.From, err = f.number(low); err != nil {
		return err
	}
	p.numbered = isNumber(low) || isNumber(high)
	p.To, p.Open = p.From, p.Stepped && !ranged
	if p.Open {
		p.To = f.Max
	}
	if ranged {
		if p.To, err = f.number(high); err != nil {
			return err
		}
	}
	if f.Names == nil || f.Max != 6 { // 7 is a number of weekdays only
		return nil
	}
	switch sunday := p.From == 7; {
	case !ranged:
		p.From, p.To = p.From%7, p.To%7
	case p.To == 7 && !sunday && p.From > 0: // 5-7 goes on at 0, 0-7 is the whole week
		p.To = 0
	case p.To == 7 && !sunday:
		p.To = 6
	case sunday:
		p.From, p.To = 0, p.To%7
	}
	if p.Open {
		p.To = f.Max
	}
	return nil
}

// readStep reads a step. It refuses one that is larger than its range, because that leaves only
// the first number of the range.
func (f *Field) readStep(p *Part, text string) error {
	n, err := strconv.Atoi(text)
	switch {
	case !isNumber(text) || err != nil:
		return fmt.Errorf("%q is no step; write a whole number, as in */2", text)
	case n == 0:
		return errors.New("a step of 0 goes nowhere; write 1 or more")
	case n > f.size(*p):
		return fmt.Errorf("a step of %d is more than the %d %ss of its range, which leaves only %s; write %s, or use an interval",
			n, f.size(*p), f.Unit, f.Name(p.From), f.sample(p.From))
	}
	p.Step = n
	return nil
}

// readDayOfMonth reads L, L-3, LW and 15W.
func (f *Field) readDayOfMonth(form []string, stepped bool) (p Part, err error) {
	p = Part{Kind: LastDay, Step: 1}
	if stepped {
		return p, errors.New("a day counted from the end of the month, or the nearest weekday, takes no step; leave it out")
	}
	switch {
	case form[3] != "":
		p.Kind = LastWorkday
	case form[4] != "":
		p.Kind = NearestWorkday
		p.From, err = f.number(form[4])
	case form[2] != "":
		if p.From, _ = strconv.Atoi(form[2]); p.From > 30 {
			err = fmt.Errorf("no month has a day %d days before its last; write L-0 to L-30", p.From)
		}
	}
	return p, err
}

// readWeekdayOfMonth reads FRI#2 and FRIL.
func (f *Field) readWeekdayOfMonth(form []string, stepped bool) (p Part, err error) {
	p = Part{Kind: LastWeekday, Step: 1, numbered: isNumber(form[1])}
	if p.From, err = f.number(form[1]); err != nil {
		return p, err
	}
	p.From %= 7
	if form[2] != "" {
		p.Kind = NthWeekday
		if p.Step, _ = strconv.Atoi(form[2]); p.Step < 1 || p.Step > 5 {
			return p, fmt.Errorf("no month has a %s number %s; write #1 to #5, or %sL for the last", f.Name(p.From), form[2], f.sample(p.From))
		}
	}
	if stepped {
		return p, errors.New("one weekday of the month takes no step; leave it out")
	}
	return p, nil
}

// lastHashedDay is the last day of the month that H can stand for. Every month has it.
const lastHashedDay = 28

// readHash reads H, H(1-5), H/15 and H(0-29)/10 as Jenkins does: flows have different numbers,
// and each flow keeps its own.
func (f *Field) readHash(p Part, form []string, step, flow string) (Part, error) {
	p.Hash = true
	if f.dates && f.Names == nil {
		p.To = lastHashedDay
	}
	if form[1] != "" {
		var err, err2 error
		p.From, err = f.number(form[1])
		p.To, err2 = f.number(form[2])
		if err := errors.Join(err, err2); err != nil {
			return p, err
		}
		if p.To > f.Max || p.From > p.To {
			return p, fmt.Errorf("the range of H goes from a lower to a higher number; write H(%d-%d)", f.Min, f.Max)
		}
	}
	if flow == "" {
		return p, errors.New("the value of H comes from the id of a flow, and there is none here; name the flow, or write a number")
	}
	choices := f.size(p)
	if p.Stepped {
		if err := f.readStep(&p, step); err != nil {
			return p, err
		}
		choices = p.Step
	}
	h := fnv.New64a()
	fmt.Fprintf(h, "%s\x00%s", flow, f.Unit)
	p.From += int(mixBits(h.Sum64()) % uint64(choices))
	if !p.Stepped {
		p.To = p.From
	}
	return p, nil
}

// mixBits spreads the bits in which two hashes differ over all bits.
func mixBits(h uint64) uint64 {
	h ^= h >> 33
	h *= 0xff51afd7ed558ccd
	return h ^ h>>33
}

// number reads a number, a name, or the first three letters of a name.
func (f *Field) number(text string) (int, error) {
	for i, name := range f.Names {
		if strings.EqualFold(name[:3], text) || strings.EqualFold(name, text) {
			return f.Min + i, nil
		}
	}
	most := f.Max
	if most == 6 {
		most = 7 // Sunday again
	}
	n, err := strconv.Atoi(text)
	switch {
	case !isNumber(text):
		return 0, fmt.Errorf("%q is no %s; write %s", text, f.Unit, f.allowed())
	case err != nil || n > most:
		return 0, fmt.Errorf("%s is above %d; write %s", text, most, f.allowed())
	case n < f.Min:
		return 0, fmt.Errorf("%s is below %d; write %s", text, f.Min, f.allowed())
	}
	return n, nil
}

func isNumber(text string) bool {
	return text != "" && strings.Trim(text, "0123456789") == ""
}

// sample returns a number as an expression has it.
func (f *Field) sample(n int) string {
	if f.Names == nil {
		return strconv.Itoa(n)
	}
	return strings.ToUpper(f.Name(n)[:3])
}

// allowed says what the field takes.
func (f *Field) allowed() string {
	text := fmt.Sprintf("a number from %d to %d", f.Min, f.Max)
	if f.Names != nil {
		text += fmt.Sprintf(" or a name as in %s", f.sample(f.Min+1))
	}
	return text + fmt.Sprintf(", a range as in %s-%s, a list with commas, or *; */2 is every second one", f.sample(f.Min+1), f.sample(f.Min+5))
}
