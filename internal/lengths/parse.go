package lengths

import (
	"fmt"
	"math"
	"regexp"
	"strconv"
	"time"
)

var longUnits = regexp.MustCompile(`^(?:(\d+(?:\.\d+)?)w)?(?:(\d+(?:\.\d+)?)d)?([\d.].*)?$`)

// Parse reads a length of time as people write it: as Go does, with whole or broken weeks
// and days in front (1w, 2d12h, 1.5d). A day has 24 hours.
func Parse(text string) (time.Duration, error) {
	const day = 24 * time.Hour
	parts := longUnits.FindStringSubmatch(text)
	if text == "" || parts == nil {
		return 0, notDuration(text)
	}
	weeks, _ := strconv.ParseFloat("0"+parts[1], 64)
	days, _ := strconv.ParseFloat("0"+parts[2], 64)
	var rest time.Duration
	if parts[3] != "" {
		var err error
		if rest, err = time.ParseDuration(parts[3]); err != nil {
			return 0, notDuration(text)
		}
	}
	whole := (weeks*7 + days) * float64(day)
	if whole+float64(rest) >= math.MaxInt64 {
		return 0, fmt.Errorf("%q is longer than 292 years", text)
	}
	return time.Duration(whole) + rest, nil
}

func notDuration(text string) error {
	return fmt.Errorf("%q is not a duration: write it as 2h, 90m, 1h30m, 2d or 1w", text)
}
