package web

import (
	"fmt"
	"time"

	"github.com/pawl-go/pawl"
	"github.com/pawl-go/pawl/web/internal/plain"
)

// instants is when some were.
func (c clock) instants(first, last time.Time, count int64) string {
	if count == 1 {
		return c.near(first)
	}
	return fmt.Sprintf("%d instants from %s to %s", count, c.near(first), c.near(last))
}

// verdict is why an instant was not run.
func verdict(o pawl.Occurrence) string {
	text := map[pawl.VerdictKind]string{
		pawl.VerdictCoalesced: "caught up",
		pawl.VerdictOverlap:   "skipped",
		pawl.VerdictBackoff:   "in backoff",
		pawl.VerdictTripped:   "tripped",
		pawl.VerdictPaused:    "paused",
		pawl.VerdictMissed:    "missed",
		pawl.VerdictGap:       "left out by the clocks",
		pawl.VerdictFold:      "shown twice by the clocks",
	}[o.Verdict]
	if text == "" {
		text = string(o.Verdict)
	}
	switch {
	case o.Verdict == pawl.VerdictCoalesced && o.Run != 0:
		text += fmt.Sprintf(" by run %d", o.Run)
	case o.Run != 0 && o.Reason == "":
		text += fmt.Sprintf(", run %d was in the way", o.Run)
	}
	if o.Reason != "" {
		text += ": " + plain.FirstLine(o.Reason)
	}
	return text
}
