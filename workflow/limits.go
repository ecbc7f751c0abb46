package workflow

import (
	"encoding/json"
	"fmt"
	"strings"
	"unicode/utf8"
)

// What a journal takes. Whatever a run records is within these limits, also when a task
// returns an error of a megabyte: what would exceed them fails its state while there is
// room to undo what was done. They hold without a journal, too, but for MaxCheckpoints.
const (
	// MaxPayload is how many bytes the payload of a checkpoint has at most.
	MaxPayload = 1 << 20
	// MaxValues is how many bytes of it are for what a task hands over for one checkpoint:
	// all that it put, with the keys, what it set for its undo, and its cursor, as JSON.
	MaxValues = 768 << 10
	// MaxState is how many bytes the text of a state has at most.
	MaxState = 255
	// MaxCheckpoints is how many a run has at most. The last of them are for its failure
	// and its undos: a run with as many undos as states has about half for its states.
	MaxCheckpoints = 100_000
	// MaxBranches is how many branches a split has at most.
	MaxBranches = 5_000
)

const (
	maxError    = 8 << 10   // bytes of an error in a checkpoint
	maxOutcome  = 200       // bytes of the error of an outcome
	maxOutcomes = 192 << 10 // bytes of JSON of all outcomes of a split
	spare       = 1000      // checkpoints for what the journal itself may add, as for each crash
)

// tooLarge is the error of a checkpoint whose values would take so many bytes.
func tooLarge(bytes int) error {
	return fmt.Errorf("%w: the values of one checkpoint would take %d bytes of JSON together, at most %d are allowed; "+
		"store them elsewhere and keep a reference", ErrTooLarge, bytes, MaxValues)
}

// entry is how many bytes of JSON a value takes with its key.
func entry(key string, text json.RawMessage) int {
	quoted, _ := json.Marshal(key)
	return len(quoted) + len(`:,`) + len(text)
}

// room tells whether a checkpoint more leaves enough for all that may have to follow.
func (r *run[S]) room(n *node[S]) error {
	need := 1
	if !n.exit {
		need += 1 + len(r.visits) + 1 + spare // the failure, and the undos with that of the state that is left
	}
	if r.seq+int64(need) > MaxCheckpoints {
		return Permanent(fmt.Errorf("%w: a run has at most %d checkpoints, and the last are for its undos; begin another run from there",
			ErrTooLarge, MaxCheckpoints))
	}
	return nil
}

// bound shortens the errors of outcomes until all fit into a checkpoint.
func bound(outcomes []Outcome) {
	for limit := maxOutcome; size(outcomes, limit) > maxOutcomes; limit /= 2 {
		for i := range outcomes {
			outcomes[i].Error = clip(outcomes[i].Error, limit/2)
		}
	}
}

// size is how many bytes of JSON outcomes take at most, if their errors have at most limit.
func size(outcomes []Outcome, limit int) int {
	const most, escaped = len(`{"branch":5000,"status":"succeeded","error":""},`), len(`\u0000`)
	if n := len(outcomes) * (most + limit*escaped); n <= maxOutcomes {
		return n
	}
	text, _ := json.Marshal(outcomes)
	return len(text)
}

// firstLine is what an outcome tells of an error.
func firstLine(err error) string {
	text, _, _ := strings.Cut(err.Error(), "\n")
	return clip(text, maxOutcome)
}

// clip makes text valid UTF-8 of at most limit bytes, with a mark where it was cut off.
func clip(text string, limit int) string {
	const mark = "... [cut]"
	switch {
	case len(text) <= limit:
		return strings.ToValidUTF8(text, "?")
	case limit <= len(mark):
		return ""
	}
	end := limit - len(mark)
	for end > 0 && !utf8.RuneStart(text[end]) {
		end--
	}
	return strings.ToValidUTF8(text[:end], "?") + mark
}
