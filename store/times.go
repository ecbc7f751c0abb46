package store

import (
	"time"

	instants "github.com/pawl-go/pawl/internal/instant"
)

// instant is a time that the hot tables keep; 0 stands for none.
func instant(millis int64) time.Time { return instants.OfMillis(millis) }

// iso is a time as the tables for people keep it; empty for none.
func iso(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return instants.Format(t.UTC())
}

// parseISO reads what iso wrote; what people wrote otherwise is no time.
func parseISO(text *string) time.Time {
	if text == nil {
		return time.Time{}
	}
	t, err := time.Parse(time.RFC3339Nano, *text)
	if err != nil {
		return time.Time{}
	}
	return t.UTC()
}
