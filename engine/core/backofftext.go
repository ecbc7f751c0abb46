package core

import (
	"fmt"
	"regexp"
	"strconv"
	"time"
)

var backoffText = regexp.MustCompile(`^(\S+) x(\S+) up to ([^\s,]+)(?:, jitter ([^\s,]+))?(?:, trips at (\d+))?$`)

// ParseBackoff reads a backoff policy as String writes it:
// "1s x2 up to 5m0s, jitter 0.1, trips at 5". Errors: [ErrInvalidBackoff].
func ParseBackoff(text string) (p BackoffPolicy, err error) {
	parts := backoffText.FindStringSubmatch(text)
	if parts == nil {
		return p, fmt.Errorf("%w: %q: want text like %q", ErrInvalidBackoff, text, DefaultBackoff())
	}
	read := func(i int, set func(string) error) {
		if parts[i] != "" && err == nil {
			err = set(parts[i])
		}
	}
	read(1, func(s string) (err error) { p.Initial, err = time.ParseDuration(s); return err })
	read(2, func(s string) (err error) { p.Multiplier, err = strconv.ParseFloat(s, 64); return err })
	read(3, func(s string) (err error) { p.MaxDelay, err = time.ParseDuration(s); return err })
	read(4, func(s string) (err error) { p.Jitter, err = strconv.ParseFloat(s, 64); return err })
	read(5, func(s string) (err error) { p.StreakLimit, err = strconv.Atoi(s); return err })
	if err != nil {
		return BackoffPolicy{}, fmt.Errorf("%w: %q: %w", ErrInvalidBackoff, text, err)
	}
	return p, p.Validate()
}
