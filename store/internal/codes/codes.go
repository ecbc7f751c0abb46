// Package codes has the numbers that the tables of logs keep in place of words. The table
// pawl_words says the same to people. A number, once released, stays: new words go last.
package codes

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/pawl-go/pawl/engine/core"
)

var (
	Statuses = Table[core.Status]{core.StatusIdle, core.StatusRunning, core.StatusCompleted,
		core.StatusFailed, core.StatusBackoff, core.StatusTripped}
	RunStatuses = runStatuses()
	Triggers    = Table[string]{core.TriggerSchedule, core.TriggerManual, core.TriggerProbe, core.TriggerBackfill}
	Events      = Table[string]{"adopt", "retire", "reserve", "outcome", "interrupt", "cancel", "reset", "adjust", "correct", "clear",
		"accept", "miss", "abort", "timeout", "pause", "resume", "backfill", "drop", "checkpoint", "wake"}
	Verdicts = Table[core.VerdictKind]{core.VerdictFired, core.VerdictCoalesced, core.VerdictOverlap, core.VerdictBackoff,
		core.VerdictTripped, core.VerdictPaused, core.VerdictMissed, core.VerdictGap, core.VerdictFold}
)

// NotOver lists the numbers of the statuses of runs that are not over, for SQL, as in "0, 5".
var NotOver = func() string {
	var list []string
	for code, fact := range core.RunStatuses {
		if !fact.Over {
			list = append(list, strconv.Itoa(code))
		}
	}
	return strings.Join(list, ", ")
}()

// runStatuses numbers the statuses of runs as core's table does.
func runStatuses() (words Table[core.RunStatus]) {
	for _, fact := range core.RunStatuses {
		words = append(words, fact.Word)
	}
	return words
}

// Table numbers words in the order in which they are given. There are so few words in a table
// that searching it is faster than a map.
type Table[W ~string] []W

// Code returns the number of a word. It panics on a word that has none: a bug in Pawl.
func (t Table[W]) Code(word W) int64 {
	i := slices.Index(t, word)
	if i < 0 {
		panic(fmt.Sprintf("store: no code for %q", word))
	}
	return int64(i)
}

// Has reports whether a number stands for a word.
func (t Table[W]) Has(code int64) bool { return code >= 0 && code < int64(len(t)) }

// Word returns the word of a number. A number that stands for none, in a row that somebody
// edited, is shown as it is.
func (t Table[W]) Word(code int64) W {
	if !t.Has(code) {
		return W(fmt.Sprintf("unknown(%d)", code))
	}
	return t[code]
}

// InRunEnds reports whether the table pawl_run_ends lists the runs of a status: those that are
// over and did not complete.
func InRunEnds(status core.RunStatus) bool { return status != core.RunCompleted && status.Over() }
