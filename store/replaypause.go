package store

import (
	"strings"

	"github.com/pawl-go/pawl/engine"
)

// pauseFacts are what the row of a flow says of its pause, and its newest transition
// about one.
type pauseFacts struct {
	until int64
	note  string
	told  string
}

// pauses takes a pause: it goes on, unless it was over.
func (a *account) pauses(t *transition) {
	_, until := engine.ParsePause(a.pause.told)
	over := !until.IsZero() && until.UnixMilli() <= t.at
	if a.replayed.paused == 0 || over {
		a.replayed.paused = t.at
	}
	a.pause.told = t.note
}

// movePause takes the end that a pause for a while has after a step of the clock.
func (a *account) movePause(t *transition) {
	if _, until := engine.ParsePause(t.note); !until.IsZero() && a.pause.told != "" {
		note, _ := engine.ParsePause(a.pause.told)
		a.pause.told = engine.PauseText(note, until)
	}
}

// comparePause compares the row's end of a pause and its note with the transition.
func (a *account) comparePause() {
	switch text := engine.PauseText(a.pause.note, instant(a.pause.until)); {
	case a.newest.paused == 0 && text != "":
		a.report("its row is not paused, but has an end or a note of a pause: %q", text)
	case a.replayed.paused > 0 && !strings.HasPrefix(a.pause.told, text):
		a.report("its row is paused %q, its transition %q", text, a.pause.told)
	}
}
