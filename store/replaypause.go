package store

import (
	"github.com/pawl-go/pawl/engine/core"
)

// pause is when a pause ends, 0 for never, and why the flow is paused.
type pause struct {
	until int64
	note  string
}

func (p pause) String() string { return core.PauseText(p.note, instant(p.until)) }

// pauses takes a pause: an older one goes on with another end and note, unless it was over.
func (a *account) pauses(t *transition) {
	over := a.paused.until != 0 && a.paused.until <= t.at
	if a.replayed.paused == 0 || over {
		a.replayed.paused = t.at
	}
	a.paused = pause{t.until, t.note}
}

// movePause takes the end that a pause for a while has after a step of the clock.
func (a *account) movePause(t *transition) {
	if t.until != 0 && a.replayed.paused != 0 {
		a.paused.until = t.until
	}
}

// comparePause compares the row's end of a pause and its note with the transitions.
func (a *account) comparePause() {
	switch {
	case a.newest.paused == 0 && a.pause != pause{}:
		a.report("its row is not paused, but has an end or a note of a pause: %q", a.pause)
	case a.replayed.paused > 0 && a.pause != a.paused:
		a.report("its row is paused %q, its transition %q", a.pause, a.paused)
	}
}
