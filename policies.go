package pawl

import (
	"github.com/pawl-go/pawl/engine/core"
)

// ParseOverlap reads an overlap policy as [Overlap] writes itself: "skip", "cancel",
// "buffer 10", "buffer one", or "allow 5, buffer 100". Errors: [ErrInvalidFlow].
func ParseOverlap(text string) (Overlap, error) { return core.ParseOverlap(text) }

// ParseCatchUp reads a catch-up policy as [CatchUp] writes itself: "latest",
// "earliest", "none", or "all 100", and with a bound "latest within 24h0m0s". Errors:
// [ErrInvalidFlow].
func ParseCatchUp(text string) (CatchUp, error) { return core.ParseCatchUp(text) }
