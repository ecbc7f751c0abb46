package web

import (
	"fmt"

	"github.com/pawl-go/pawl"
	"github.com/pawl-go/pawl/internal/lengths"
	"github.com/pawl-go/pawl/web/internal/diagram"
	"github.com/pawl-go/pawl/web/internal/plain"
)

// pathRow is something that a run did: it entered a state, or did something in one.
type pathRow struct {
	State string // that it entered; empty: it is still in the one above
	Kind  string // of its colour
	Icon  string
	What  string
	Note  string
	At    moment
	Until moment // of a timer
	Ahead bool   // that is still to come
	Took  string // how long it was in the state
	Here  bool
	Now   string // what it is doing there
}

const listedPath = 200

// pathRows is the newest checkpoints, in the order of time. Steps in a row are one.
func (c clock) pathRows(run pawl.RunInfo, done []pawl.Checkpoint) (rows []pathRow, before int) {
	done = withoutSteps(done)
	if before = len(done) - listedPath; before > 0 {
		done = done[before:]
	}
	for i, p := range done {
		row := c.pathRow(p)
		switch p.Kind {
		case kindEnter:
			row.Took = c.stay(run, done[i:])
			if split := entered(rows); split != nil {
				split.Note = branchesOf(p)
			}
		case kindFailed:
			blank(entered(rows))
		}
		rows = append(rows, row)
	}
	if end, ok := c.endRow(run, done); ok {
		blank(entered(rows))
		rows = append(rows, end)
	}
	c.point(run, rows, done)
	return rows, max(before, 0)
}

// withoutSteps leaves of steps in a row the last: nor are all of them kept.
func withoutSteps(done []pawl.Checkpoint) []pawl.Checkpoint {
	var list []pawl.Checkpoint
	for i, p := range done {
		if i+1 == len(done) || p.Kind != kindStep || done[i+1].Kind != kindStep || done[i+1].State != p.State {
			list = append(list, p)
		}
	}
	return list
}

// entered is the row of the state entered last, or nil.
func entered(rows []pathRow) *pathRow {
	for i := len(rows) - 1; i >= 0; i-- {
		if rows[i].State != "" {
			return &rows[i]
		}
	}
	return nil
}

// blank takes back that the run passed a state.
func blank(row *pathRow) {
	if row != nil {
		row.Kind, row.Icon = "step", "dot"
	}
}

// pathRow is a checkpoint as it is shown.
func (c clock) pathRow(p pawl.Checkpoint) pathRow {
	l := loadOf(p)
	row := pathRow{At: c.At(p.At), Note: plain.Text(l.Error)}
	set := func(kind, icon, what string) { row.Kind, row.Icon, row.What = kind, icon, what }
	switch p.Kind {
	case kindEnter:
		set("completed", "completed", "")
		row.State = plain.Line(p.State)
		if l.Begin != nil && l.Begin.Attempt > 1 {
			row.What = fmt.Sprintf("attempt %d begins", l.Begin.Attempt)
		}
	case kindStep:
		set("step", "skipped", "steps so far to cursor "+cursorOf(l))
	case kindTimer:
		set("waiting", "waiting", "waits until")
		row.Until, row.Ahead = c.At(l.Until), l.Until.After(c.Now)
	case kindFailed:
		set("failed", "failed", "failed"+after(l.Attempts))
	case kindUndo:
		set("undone", "undone", plain.Line(p.State)+" undone")
		if l.Error != "" {
			set("failed", "failed", "the undo of "+plain.Line(p.State)+" failed"+after(l.Attempts))
		}
	case kindInterrupt:
		set("interrupted", "interrupted", "interrupted by a crash")
	case kindGiveUp:
		set("interrupted", "interrupted", "given up: too many crashes here")
	default:
		set("step", "dot", plain.Line(p.Kind))
	}
	return row
}

func after(attempts int) string {
	if attempts < 2 {
		return ""
	}
	return fmt.Sprintf(" after %d attempts", attempts)
}

// stay is how long the run was in the state that it entered with the first of these.
func (c clock) stay(run pawl.RunInfo, rest []pawl.Checkpoint) string {
	from := rest[0].At
	for _, p := range rest[1:] {
		if p.Kind == kindEnter || p.Kind == kindFailed {
			return lengths.Span(p.At.Sub(from))
		}
	}
	if run.Status == pawl.RunCompleted || run.FinishedAt.IsZero() {
		return "" // an exit, or it is there still
	}
	return lengths.Span(run.FinishedAt.Sub(from))
}

// endRow is the end of a run that failed and recorded nothing of that, since there was
// nothing to undo.
func (c clock) endRow(run pawl.RunInfo, done []pawl.Checkpoint) (row pathRow, ok bool) {
	mark := endMark(run.Status)
	if mark == diagram.Here || mark == diagram.Passed {
		return row, false
	}
	for i := len(done) - 1; i >= 0 && done[i].Kind != kindEnter; i-- {
		if done[i].Kind == kindFailed {
			return row, false
		}
	}
	at := run.FinishedAt
	if at.IsZero() {
		at = done[len(done)-1].At
	}
	state := runState(run.Status)
	return pathRow{Kind: state.Kind, Icon: state.Kind, What: state.Word, At: c.At(at)}, true
}

// point marks the row of where the run is.
func (c clock) point(run pawl.RunInfo, rows []pathRow, done []pawl.Checkpoint) {
	if run.Status.Over() {
		return
	}
	at := len(rows) - 1
	for at > 0 && rows[at].State == "" && rows[at].Kind != "failed" {
		at--
	}
	row := &rows[at]
	row.Here, row.Now, row.Took = true, "here since", ""
	if row.State == "" {
		row.Now = "undoing since"
		return
	}
	row.Kind, row.Icon = "running", "running"
	switch run.Status {
	case pawl.RunWaiting, pawl.RunParked, pawl.RunBlocked:
		row.Kind, row.Icon = string(run.Status), string(run.Status)
	}
}
