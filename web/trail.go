package web

import (
	"github.com/pawl-go/pawl"
	"github.com/pawl-go/pawl/web/internal/diagram"
	"github.com/pawl-go/pawl/web/internal/plain"
)

// trailOf returns what a run did to the states of its workflow in its last attempt.
func trailOf(run pawl.RunInfo, checkpoints []pawl.Checkpoint) diagram.Trail {
	t := newTrail()
	for _, c := range checkpoints {
		t = follow(t, c)
	}
	if last := len(t.Path) - 1; last >= 0 && t.Marks[t.Path[last]] == diagram.Here {
		t.Marks[t.Path[last]] = endMark(run.Status)
	}
	return t
}

func newTrail() diagram.Trail {
	return diagram.Trail{Marks: map[string]diagram.Mark{}, Visits: map[string]int{}, Taken: map[[2]string]bool{}, Ended: map[string][]diagram.BranchEnd{}}
}

// follow returns the trail after one more checkpoint.
func follow(t diagram.Trail, c pawl.Checkpoint) diagram.Trail {
	l := loadOf(c)
	switch c.Kind {
	case kindEnter:
		if l.Begin != nil {
			t = newTrail()
		}
		return enter(t, c.State, l.Branches)
	case kindFailed:
		t.Marks[c.State] = diagram.Failed
	case kindUndo:
		t.Marks[c.State] = diagram.Undone
		if l.Error != "" {
			t.Marks[c.State] = diagram.Failed
		}
	}
	return t
}

// enter returns the trail after the run entered a state; branches are those of the split
// that it left.
func enter(t diagram.Trail, state string, branches []outcome) diagram.Trail {
	if len(t.Path) > 0 {
		from := t.Path[len(t.Path)-1]
		t.Marks[from] = diagram.Passed
		t.Taken[[2]string{from, state}] = true
		if branches != nil {
			t.Ended[from] = branchEnds(branches)
		}
	}
	t.Path = append(t.Path, state)
	t.Visits[state]++
	t.Marks[state] = diagram.Here
	return t
}

func branchEnds(branches []outcome) (ends []diagram.BranchEnd) {
	for _, b := range branches {
		end := diagram.BranchEnd{Mark: diagram.Cancelled, Text: withMore(b.Status, plain.FirstLine(b.Error))}
		switch b.Status {
		case branchSucceeded:
			end.Mark = diagram.Passed
		case branchFailed:
			end.Mark = diagram.Failed
		}
		ends = append(ends, end)
	}
	return ends
}

// endMark returns how a run left the last state that it entered, if no checkpoint says it.
func endMark(s pawl.RunStatus) diagram.Mark {
	switch {
	case !s.Over():
		return diagram.Here
	case s == pawl.RunCompleted, s == pawl.RunSkipped:
		return diagram.Passed
	case s == pawl.RunCancelled:
		return diagram.Cancelled
	}
	return diagram.Failed
}
