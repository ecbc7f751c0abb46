package main

import (
	"time"

	"github.com/pawl-go/pawl/cmd/pawl/internal/moment"
	"github.com/pawl-go/pawl/internal/lengths"
)

// since is the value of a flag that takes an instant of the past: a length of time
// before now, or a time.
type since struct{ instant }

const sinceHelp = `Since when is as in 24h or 7d, or a time: 2026-11-22T09:00:00Z, "2026-11-22 09:00" in
the local time zone, or 09:00.`

// resolve reads the text, in the local zone.
func (s *since) resolve() (err error) {
	if d, wrong := lengths.Parse(s.text); wrong == nil {
		s.Time = time.Now().Add(-d)
		return nil
	}
	s.Time, err = moment.ParseLast(s.text, time.Now())
	return err
}
