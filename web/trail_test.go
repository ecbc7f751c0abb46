package web

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/pawl-go/pawl"
	"github.com/pawl-go/pawl/engine/core"
	"github.com/pawl-go/pawl/web/internal/diagram"
	"github.com/pawl-go/pawl/workflow"
)

// past makes checkpoints, a second apart, of lines like "enter a" and their payloads.
func past(lines ...string) (done []pawl.Checkpoint) {
	for i := 0; i < len(lines); i += 2 {
		c := pawl.Checkpoint{Seq: int64(len(done) + 1), Payload: pawl.JSON(lines[i+1]), At: noon.Add(time.Duration(len(done)) * time.Second)}
		_, _ = fmt.Sscanf(lines[i], "%s %s", &c.Kind, &c.State)
		done = append(done, c)
	}
	return done
}

func lines(rows []pathRow) (list []string) {
	for _, r := range rows {
		text := fmt.Sprintf("%s %s %s", r.Icon, r.State, r.What)
		if r.Here {
			text += " " + r.Now
		}
		list = append(list, text)
	}
	return list
}

// workflow F12: a run that was undone and began anew shows both attempts in its path, and the last
// in its machine.
func TestPathOverSeveralAttempts(t *testing.T) {
	done := past("enter a", `{"begin":{"attempt":1}}`, "enter b", `{"undo":1}`, "interrupt b", "", "failed b", `{"error":"no","attempts":3}`,
		"undo a", `{"error":"undo: never","attempts":1}`, "enter a", `{"begin":{"attempt":2}}`, "timer a", `{"until":"2026-01-31T13:00:00Z"}`)
	run := pawl.RunInfo{Status: pawl.RunRunning}
	rows, _ := utc(noon).pathRows(run, done)
	assert.Equal(t, []string{"completed a ", "dot b ", "interrupted  interrupted by a crash", "failed  failed after 3 attempts", "failed  the undo of a failed",
		"running a attempt 2 begins here since", "waiting  waits until"}, lines(rows))
	assert.Equal(t, "undo: never", rows[4].Note)
	assert.True(t, rows[6].Ahead)
	assert.Equal(t, "2 attempts", summaryOf(done)[len(summaryOf(done))-10:])
	again := trailOf(run, done)
	assert.Equal(t, map[string]diagram.Mark{"a": diagram.Here}, again.Marks)
	assert.Empty(t, again.Taken)
	first := trailOf(run, done[:5])
	assert.Equal(t, map[string]diagram.Mark{"a": diagram.Failed, "b": diagram.Failed}, first.Marks)
	assert.True(t, first.Taken[[2]string{"a", "b"}])
}

// workflow F12: a run that waits for the next process is where it was, and so is one that undoes.
func TestPathShowsWhereARunIs(t *testing.T) {
	c := utc(noon)
	done := past("enter a", "", "enter b", "", "step b", `{"cursor":[1]}`, "step b", `{"cursor":[2]}`)
	rows, _ := c.pathRows(pawl.RunInfo{Status: pawl.RunWaiting}, done)
	assert.Equal(t, []string{"completed a ", "waiting b  here since", "skipped  steps so far to cursor [2]"}, lines(rows))
	rows, _ = c.pathRows(pawl.RunInfo{Status: pawl.RunRunning}, append(done, past("failed b", `{"error":"no"}`, "undo a", "")...))
	assert.Equal(t, []string{"completed a ", "dot b ", "skipped  steps so far to cursor [2]", "failed  failed undoing since", "undone  a undone"}, lines(rows))
}

// workflow F12: how a run ended is seen also when it recorded nothing of that.
func TestPathShowsEndsThatWereNotRecorded(t *testing.T) {
	for status, want := range map[pawl.RunStatus]diagram.Mark{
		pawl.RunCompleted: "passed", pawl.RunFailed: "failed", pawl.RunTimedOut: "failed", pawl.RunInterrupted: "failed", pawl.RunCancelled: "cancelled",
	} {
		run := pawl.RunInfo{Status: status, FinishedAt: noon.Add(time.Minute)}
		done := past("enter a", "")
		rows, _ := utc(noon).pathRows(run, done)
		assert.Equal(t, want == "passed", len(rows) == 1, status)
		assert.Equal(t, want, trailOf(run, done).Marks["a"], status)
		if want != "passed" {
			assert.Equal(t, runState(status).Word, rows[1].What)
			assert.Equal(t, "1m", rows[0].Took)
		}
	}
}

// workflow F12: a long path is cut at its beginning.
func TestLongPathsAreCut(t *testing.T) {
	var text []string
	for i := range 300 {
		text = append(text, fmt.Sprintf("enter s%d", i), "")
	}
	run := pawl.RunInfo{Status: pawl.RunRunning}
	rows, before := utc(noon).pathRows(run, past(text...))
	assert.Len(t, rows, listedPath)
	assert.Equal(t, 100, before)
	assert.Equal(t, "s299", rows[listedPath-1].State)
	assert.True(t, rows[listedPath-1].Here)
}

// workflow F12: what another kind of job records is shown as it is.
func TestPathOfAnotherKindOfJob(t *testing.T) {
	rows, _ := utc(noon).pathRows(pawl.RunInfo{Status: pawl.RunRunning}, past("saved x", `[1]`, "enter y", `"text"`))
	assert.Equal(t, []string{"dot  saved", "running y  here since"}, lines(rows))
}

// What is read is called as it is written.
func TestKindsAreThoseOfWorkflows(t *testing.T) {
	assert.Equal(t, []string{workflow.KindEnter, workflow.KindStep, workflow.KindTimer, workflow.KindFailed, workflow.KindUndo, core.KindInterrupt, core.KindGiveUp},
		[]string{kindEnter, kindStep, kindTimer, kindFailed, kindUndo, kindInterrupt, kindGiveUp})
	assert.Equal(t, []workflow.OutcomeStatus{workflow.BranchSucceeded, workflow.BranchFailed, workflow.BranchCancelled},
		[]workflow.OutcomeStatus{branchSucceeded, branchFailed, branchCancelled})
}
