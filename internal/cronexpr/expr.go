// Package cronexpr reads the fields of cron expressions. It turns what robfig/cron does not
// read (7 as Sunday, wrap-around ranges, full names, H) into plain numbers, and keeps the
// special days (L, LW, 15W, FRI#2, FRIL) apart from them. Package schedule computes occurrences
// from the fields; the program pawl explains them in words.
package cronexpr

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// Descriptors are short forms of expressions. Parse reads them in any case.
var Descriptors = map[string]string{
	"@yearly": "0 0 1 1 *", "@annually": "0 0 1 1 *", "@monthly": "0 0 1 * *", "@weekly": "0 0 * * 0",
	"@daily": "0 0 * * *", "@midnight": "0 0 * * *", "@hourly": "0 * * * *",
}

// An Expr is a valid expression.
type Expr struct {
	Second, Minute, Hour, Day, Month, Weekday Field

	question bool // the day or the weekday is ?
}

// Fields returns the six fields, seconds first.
func (e *Expr) Fields() []*Field {
	return []*Field{&e.Second, &e.Minute, &e.Hour, &e.Day, &e.Month, &e.Weekday}
}

// newExpr returns an expression whose fields have no parts.
func newExpr() *Expr {
	return &Expr{
		Second:  Field{Unit: "second", Max: 59},
		Minute:  Field{Unit: "minute", Max: 59},
		Hour:    Field{Unit: "hour", Max: 23},
		Day:     Field{Unit: "day", Min: 1, Max: 31, dates: true},
		Month:   Field{Unit: "month", Min: 1, Max: 12, Names: monthNames},
		Weekday: Field{Unit: "day of the week", Max: 6, Names: weekdayNames, dates: true},
	}
}

var (
	monthNames   = []string{"January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November", "December"}
	weekdayNames = []string{"Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"}
)

// A Mistake says what is wrong with an expression.
type Mistake struct {
	Field int // the field that is wrong, counted from 0 as written; -1: no single field
	Text  string
}

func (m Mistake) Error() string { return m.Text }

func mistake(format string, args ...any) error {
	return Mistake{-1, fmt.Sprintf(format, args...)}
}

// CutZone splits "CRON_TZ=Area/City fields". Named is false if the text names no zone.
func CutZone(text string) (zone, fields string, named bool) {
	rest, named := strings.CutPrefix(text, "CRON_TZ=")
	if !named {
		return "", text, false
	}
	if i := strings.IndexAny(rest, " \t"); i >= 0 {
		return rest[:i], strings.TrimSpace(rest[i:]), true
	}
	return rest, "", true
}

// Parse reads an expression without a zone: six fields, five without the second, or a
// descriptor. It draws the numbers that H stands for from the id of the flow, and refuses H if
// the id is empty. Its errors are of the type [Mistake].
func Parse(text, flow string) (*Expr, error) {
	fields := strings.Fields(text)
	switch {
	case len(fields) == 0:
		return nil, mistake("it has no fields; write five (minute hour day month weekday), or six with the second first")
	case strings.HasPrefix(fields[0], "CRON_TZ="):
		return nil, mistake("it has more than one time zone; keep one CRON_TZ=")
	case strings.HasPrefix(fields[0], "TZ="):
		return nil, mistake("TZ= is not read; write CRON_TZ= for the time zone")
	case strings.HasSuffix(text, ")"):
		if err := refuseCall(text, flow); err != nil {
			return nil, err
		}
	case strings.HasPrefix(fields[0], "@"):
		long, err := descriptor(fields)
		if err != nil {
			return nil, err
		}
		fields = strings.Fields(long)
	}
	if err := checkFieldCount(fields); err != nil {
		return nil, err
	}
	return parseFields(fields, flow)
}

func descriptor(fields []string) (long string, err error) {
	word := strings.ToLower(fields[0])
	long, known := Descriptors[word]
	switch {
	case word == "@every":
		return "", mistake("@every is an interval, not a cron expression; register the flow with Every, or write every in a config")
	case !known:
		return "", mistake("no such word is known; write @hourly, @daily, @midnight, @weekly, @monthly, @yearly or @annually")
	case len(fields) > 1:
		return "", mistake("%q stands behind %s, which stands alone; leave it out", strings.Join(fields[1:], " "), fields[0])
	}
	return long, nil
}

// refuseCall refuses the forms in which Amazon EventBridge writes schedules:
// cron(...), rate(5 minutes), at(2026-11-23T09:00:00).
func refuseCall(text, flow string) error {
	name, inner, _ := strings.Cut(strings.TrimSuffix(text, ")"), "(")
	switch name {
	case "cron":
		if _, err := Parse(inner, flow); err != nil {
			return err
		}
		return mistake("cron() is how EventBridge writes it; write what is between the brackets alone, %q", inner)
	case "rate":
		return mistake("rate() is an interval, not a cron expression; register the flow with Every, or write every in a config")
	case "at":
		return mistake("at() is one instant, not a cron expression; register the flow with Once, or write once in a config")
	}
	return nil
}

// checkFieldCount refuses too few and too many fields.
func checkFieldCount(fields []string) error {
	switch n := len(fields); {
	case n == 5 || n == 6:
		return nil
	case n == 1:
		return mistake("it has 1 field; write five (minute hour day month weekday), six with the second first, or a word such as @daily")
	case n == 7:
		return mistake("it has 7 fields; there is no year: leave the last one out")
	default:
		return mistake("it has %d fields; write five (minute hour day month weekday), or six with the second first", n)
	}
}

func parseFields(texts []string, flow string) (*Expr, error) {
	e := newExpr()
	all := e.Fields()
	if err := refuseEventBridge(texts); err != nil {
		return nil, err
	}
	first := len(all) - len(texts)
	if first == 1 {
		e.Second.Parts = []Part{{Step: 1}}
	}
	for i, f := range all[first:] {
		if err := f.parse(texts[i], flow); err != nil {
			return nil, Mistake{i, fmt.Sprintf("the %s %q: %s", f.Unit, texts[i], err)}
		}
	}
	e.question = slices.Contains(texts, "?")
	return e, nil
}

// eventBridgeDay matches the number of a weekday and the character before it. 1 is Sunday in
// EventBridge.
var eventBridgeDay = regexp.MustCompile(`(?:^|[,-])[1-7]`)

// refuseEventBridge refuses six fields in the order of Amazon EventBridge, which has the minute
// first and a year last. It knows them by the ? that either the day or the weekday then has.
func refuseEventBridge(texts []string) error {
	if len(texts) != 6 || texts[2] != "?" && texts[4] != "?" {
		return nil
	}
	field := 2
	if texts[4] == "?" {
		field = 4
	}
	weekday := eventBridgeDay.ReplaceAllStringFunc(texts[4], func(day string) string {
		last := len(day) - 1
		return day[:last] + strings.ToUpper(weekdayNames[day[last]-'1'][:3])
	})
	meant := strings.ReplaceAll(strings.Join(append(slices.Clone(texts[:4]), weekday), " "), "?", "*")
	return Mistake{field, fmt.Sprintf("of six fields the first is the second, and field %d cannot be ?; if the first is the minute and the last a year, as in EventBridge, write %q", field+1, meant)}
}

// FirstInvalid returns the index of the first text that cannot stand in its place in an
// expression of five fields; -1: all can.
func FirstInvalid(texts []string) (field int) {
	all := newExpr().Fields()[1:]
	for i := range min(len(texts), len(all)) {
		if all[i].parse(texts[i], "any") != nil {
			return i
		}
	}
	return -1
}

// Plain returns the expression as robfig/cron reads it: six fields, the second first. It leaves
// out special days; a field that has only those is its lowest number.
func (e *Expr) Plain() string {
	texts := make([]string, 0, 6)
	for _, f := range e.Fields() {
		texts = append(texts, f.plain())
	}
	return strings.Join(texts, " ")
}

// Fixed reports whether the expression names times of day: its hour and its minute have no
// wildcard and no step.
func (e *Expr) Fixed() bool {
	varies := func(p Part) bool { return p.Star || p.Stepped }
	return !slices.ContainsFunc(e.Hour.Parts, varies) && !slices.ContainsFunc(e.Minute.Parts, varies)
}

// Hashed reports whether a number was drawn from the id of the flow.
func (e *Expr) Hashed() bool {
	return slices.ContainsFunc(e.Fields(), func(f *Field) bool {
		return slices.ContainsFunc(f.Parts, func(p Part) bool { return p.Hash })
	})
}

// Warnings returns what other schedulers read in another way than Pawl.
func (e *Expr) Warnings() (list []string) {
	for _, f := range e.Fields() {
		for _, p := range f.Parts {
			if p.Stepped && !p.Hash && p.Step > 1 && len(f.Values(p)) == 1 {
				list = append(list, fmt.Sprintf("the %s %q: a step of %d leaves only %s", f.Unit, p.text, p.Step, f.Name(p.From)))
			}
			if e.question && f.Unit == e.Weekday.Unit && p.numbered {
				list = append(list, fmt.Sprintf("the %s %q: 0 and 7 are Sunday here, but 1 is Sunday in Quartz and EventBridge; write names, as in MON-FRI", f.Unit, p.text))
			}
		}
	}
	return list
}
