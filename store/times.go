package store

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/pawl-go/pawl/engine/core"
)

// The numbers that the hot tables keep in place of words; the table pawl_words
// says the same to people.
var (
	statuses = newCodes(core.StatusIdle, core.StatusRunning, core.StatusCompleted,
		core.StatusFailed, core.StatusBackoff, core.StatusTripped)
	runStatuses = runCodes()
	triggers    = newCodes(core.TriggerSchedule, core.TriggerManual, core.TriggerProbe, core.TriggerBackfill)
	events      = newCodes("adopt", "retire", "reserve", "outcome", "interrupt", "cancel", "reset", "adjust", "correct", "clear",
		"accept", "miss", "abort", "timeout", "pause", "resume", "backfill", "drop", "checkpoint", "wake")
	verdicts = newCodes(core.VerdictFired, core.VerdictCoalesced, core.VerdictOverlap, core.VerdictBackoff,
		core.VerdictTripped, core.VerdictPaused, core.VerdictMissed, core.VerdictGap, core.VerdictFold)
)

// notOver lists the numbers of the statuses of runs that are not over, for SQL, as in "0, 5".
var notOver = func() string {
	var list []string
	for code, fact := range core.RunStatuses {
		if !fact.Over {
			list = append(list, strconv.Itoa(code))
		}
	}
	return strings.Join(list, ", ")
}()

// runCodes numbers the statuses of runs as the engine's table does.
func runCodes() (words codes[core.RunStatus]) {
	for _, fact := range core.RunStatuses {
		words = append(words, fact.Word)
	}
	return words
}

// codes numbers words in the order in which they are given. There are so few that
// looking along them is faster than a map.
type codes[W ~string] []W

func newCodes[W ~string](words ...W) codes[W] { return words }

// of panics on a word that nobody gave a number: a bug in this package.
func (c codes[W]) of(word W) int64 {
	i := slices.Index(c, word)
	if i < 0 {
		panic(fmt.Sprintf("store: no code for %q", word))
	}
	return int64(i)
}

// has says whether a number stands for a word.
func (c codes[W]) has(code int64) bool { return code >= 0 && code < int64(len(c)) }

// word shows a number that an edited row has and we do not know as it is.
func (c codes[W]) word(code int64) W {
	if !c.has(code) {
		return W(fmt.Sprintf("unknown(%d)", code))
	}
	return c[code]
}

// instant is a time that the hot tables keep; 0 stands for none.
func instant(millis int64) time.Time {
	if millis == 0 {
		return time.Time{}
	}
	return time.UnixMilli(millis).UTC()
}

const isoMillis = "2006-01-02T15:04:05.000Z"

// iso is a time as the tables for people keep it; empty for none.
func iso(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(isoMillis)
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
