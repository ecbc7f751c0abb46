package schedule

import (
	"fmt"
	"strings"
	"time"
)

// Parse returns the schedule whose methods Kind, String and Zone returned these texts, for a
// caller that has them from the database. Flow is the id of the flow.
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
		s, err = parseInterval(text)
	case KindCron:
		s, err = parseExpression(flow, text, zone)
	case KindOnce:
		s, err = parseOnce(text)
	default:
		err = fmt.Errorf("%w: unknown kind %q", ErrInvalid, kind)
	}
	if err != nil {
		return nil, err
	}
	return Between(s, start, end)
}

// cutInstant cuts an instant and the word before it off the end of a text.
func cutInstant(text, word string) (rest string, at time.Time, err error) {
	i := strings.LastIndex(text, word)
	if i < 0 {
		return text, at, nil
	}
	at, err = time.Parse(time.RFC3339Nano, text[i+len(word):])
	return text[:i], at, err
}

func parseInterval(text string) (Schedule, error) {
	number, grid, _ := strings.Cut(text, " ")
	interval, err := time.ParseDuration(number)
	if err != nil {
		return nil, err
	}
	switch grid {
	case "fixed rate":
		return FixedRate(interval)
	case "aligned":
		return Aligned(interval)
	}
	return Every(interval)
}

func parseExpression(flow, text, zone string) (Schedule, error) {
	var policies []DST
	for _, p := range []DST{GapSkip, FoldSecond, FoldBoth} {
		if strings.Contains(text, p.String()) {
			policies = append(policies, p)
			text = strings.Replace(text, p.String(), "", 1)
		}
	}
	return Cron(text, ForFlow(flow), WithLocation(zone), WithDST(policies...))
}

func parseOnce(text string) (Schedule, error) {
	at, err := time.Parse(time.RFC3339Nano, text)
	if err != nil {
		return nil, err
	}
	return Once(at)
}
