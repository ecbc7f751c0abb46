package web

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/pawl-go/pawl"
	"github.com/pawl-go/pawl/web/internal/plain"
)

// The kinds of checkpoints, as package workflow and the engine name them.
const (
	kindEnter     = "enter"
	kindStep      = "step"
	kindTimer     = "timer"
	kindFailed    = "failed"
	kindUndo      = "undo"
	kindInterrupt = "interrupt"
	kindGiveUp    = "give up"
)

// How a branch of a split ended.
const (
	branchSucceeded = "succeeded"
	branchFailed    = "failed"
	branchCancelled = "cancelled"
)

// outcome is what became of a branch.
type outcome struct {
	Branch int    `json:"branch"`
	Status string `json:"status"`
	Error  string `json:"error"`
}

// load is what a checkpoint of package workflow holds, as far as it is shown.
type load struct {
	Begin    *struct{ Attempt int } `json:"begin"`
	Branches []outcome              `json:"branches"`
	Cursor   json.RawMessage        `json:"cursor"`
	Until    time.Time              `json:"until"`
	Error    string                 `json:"error"`
	Attempts int                    `json:"attempts"`
}

// loadOf is nothing for what another kind of job recorded.
func loadOf(c pawl.Checkpoint) (l load) {
	if json.Unmarshal([]byte(c.Payload), &l) != nil {
		return load{}
	}
	return l
}

const cursorLength = 120

func cursorOf(l load) string {
	text := []rune(plain.Text(string(l.Cursor)))
	if len(text) > cursorLength {
		return string(text[:cursorLength]) + "…"
	}
	return string(text)
}

// branchesOf says how the split ended that led to a state; empty: none did.
func branchesOf(p pawl.Checkpoint) string {
	l := loadOf(p)
	counts := map[string]int{}
	var failures []string
	for _, b := range l.Branches {
		counts[b.Status]++
		if b.Error != "" {
			failures = append(failures, fmt.Sprintf("branch %d: %s", b.Branch, plain.FirstLine(b.Error)))
		}
	}
	var parts []string
	for _, status := range []string{branchSucceeded, branchFailed, branchCancelled} {
		if n := counts[status]; n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n, status))
		}
	}
	if len(parts) == 0 {
		return ""
	}
	return strings.Join(append([]string{"branches: " + strings.Join(parts, ", ")}, failures...), "\n")
}
