package pawl

import (
	"fmt"
	"time"

	"github.com/pawl-go/pawl/engine/core"
	"github.com/pawl-go/pawl/internal/permanent"
)

// A PauseOption says when a pause ends by itself. Of several the last one counts.
type PauseOption func(*pausing) error

// pausing is a pause as its options make it.
type pausing struct {
	core.Pause
	now time.Time
}

// PauseFor ends a pause a while after the call, rounded up to milliseconds. A wall clock
// that is set meanwhile does not change how long that is. A duration of 0 or less is an
// [ErrInvalidRange].
func PauseFor(d time.Duration) PauseOption {
	return func(p *pausing) error {
		if d <= 0 {
			return permanent.Wrap(fmt.Errorf("%w: a pause for %s", ErrInvalidRange, d))
		}
		p.Until, p.For = p.now.Add(d), d
		return nil
	}
}

// PauseUntil ends a pause at an instant, rounded up to milliseconds. What is due at it
// is held back still. The zero time is none: the pause ends when somebody resumes.
func PauseUntil(t time.Time) PauseOption {
	return func(p *pausing) error {
		p.Until, p.For = t, 0
		return nil
	}
}

// pauseOf is a pause that begins now.
func pauseOf(note string, now time.Time, opts []PauseOption) (core.Pause, error) {
	p := pausing{Pause: core.Pause{Note: note}, now: now}
	for _, opt := range opts {
		if opt == nil {
			continue
		}
		if err := opt(&p); err != nil {
			return p.Pause, err
		}
	}
	return p.Pause, p.Validate()
}
