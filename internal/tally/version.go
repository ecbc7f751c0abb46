package tally

import (
	"time"

	"github.com/pawl-go/pawl/store"
)

// Version is that of Pawl in the program; "unknown" if that was not kept.
func Version() string {
	if version := store.Self(time.Time{}).Version; version != "" {
		return version
	}
	return "unknown"
}
