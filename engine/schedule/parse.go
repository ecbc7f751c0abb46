package schedule

import (
	"fmt"
	"strings"
	"time"
)

// Parse reads what Kind, String and Zone of the [Schedule] of a flow write, so that
// whoever has the database alone can ask it.
func Parse(flow, kind, text, zone string) (s Schedule, err error) {
	text, end, err := cutInstant(text, " until ")
	if err != nil {
		return nil, err
	}
	text, start, err := cutInstant(text, " from ")
	if err != nil {
		return nil, err
	}
	switch kind {
	case KindManual:
		s = Manual()
	case KindEvery:
		s, err = parseEvery(text)
	case KindCron:
		s, err = parseZoned(flow, text, zone)
	case KindOnce:
		var at time.Time
		if at, err = time.Parse(time.RFC3339Nano, text); err == nil {
			s, err = Once(at)
		}
	default:
		err = fmt.Errorf("%w: unknown kind %q", ErrInvalid, kind)
	}
	if err == nil && (!start.IsZero() || !end.IsZero()) {
		s, err = Between(s, start, end)
	}
	return s, err
}

// cutInstant cuts an instant off the end of a text.
func cutInstant(text, before string) (rest string, at time.Time, err error) {
	i := strings.LastIndex(text, before)
	if i < 0 {
		return text, at, nil
	}
	at, err = time.Parse(time.RFC3339Nano, text[i+len(before):])
	return text[:i], at, err
}

func parseEvery(text string) (Schedule, error) {
	number, form, _ := strings.Cut(text, " ")
	interval, err := time.ParseDuration(number)
	if err != nil {
		return nil, err
	}
	switch form {
	case "fixed rate":
		return FixedRate(interval)
	case "aligned":
		return Aligned(interval)
	}
	return Every(interval)
}

func parseZoned(flow, text, zone string) (Schedule, error) {
	var policies []DST
	for _, p := range []DST{GapSkip, FoldSecond, FoldBoth} {
		if strings.Contains(text, p.String()) {
			policies = append(policies, p)
			text = strings.Replace(text, p.String(), "", 1)
		}
	}
	return Cron(text, ForFlow(flow), WithLocation(zone), WithDST(policies...))
}
