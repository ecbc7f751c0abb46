package engine

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/pawl-go/pawl/engine/core"
)

// beginDrain starts the stop window: nothing is dispatched any more.
func (e *Engine) beginDrain() {
	e.draining = true
	e.owner.StoppingAt, e.ownerNew = e.now(), true
	var ends []command
	for _, c := range e.kept { // what was rejected gets a last chance; clocks are for the next start
		switch c.event.(type) {
		case core.Outcome, core.Cancel, core.Timeout:
			c.after = time.Time{}
			ends = append(ends, c)
		}
	}
	e.kept = ends
}

// drainedAll says whether a stop has nothing left to wait for, and cancels what
// outlasts the window.
func (e *Engine) drainedAll() bool {
	if !e.draining {
		return false
	}
	if e.inFlight == 0 && len(e.kept) == 0 && len(e.doubtful) == 0 && len(e.commands) == 0 && len(e.urgent) == 0 {
		return true
	}
	now := time.Now()
	if e.overdue == nil && !now.Before(e.deadline) {
		e.overdue = e.running()
		e.endWork(fmt.Errorf("%w after %s", core.ErrStopTimeout, e.StopTimeout))
	}
	return e.overdue != nil && (len(e.overdue)+len(e.doubtful) == 0 || !now.Before(e.deadline.Add(e.Grace)))
}

// running names the flows whose jobs run. One that has returned does not, although
// the store does not take its outcome.
func (e *Engine) running() []string {
	returned := map[*flow]int{}
	for _, c := range e.kept {
		if c.ends() != 0 {
			returned[c.flow]++
		}
	}
	names := []string{}
	for _, f := range e.all().ordered {
		if f.state.Load().InFlight > returned[f] {
			names = append(names, f.id)
		}
	}
	return names
}

// lastCommit closes runs that outlasted the window and signs the owner off.
func (e *Engine) lastCommit() error {
	e.ending = true
	e.resolveDoubts()
	ends := e.kept
	e.kept, e.retryAt = nil, time.Time{}
	e.owner.StoppedAt, e.ownerNew = e.now(), true
	e.commit(append(ends, e.cancels(ends)...))
	var result error
	if len(e.overdue) > 0 {
		result = fmt.Errorf("%w after %s with runs of %s in flight", core.ErrStopTimeout, e.StopTimeout, names(e.overdue))
	}
	if e.ownerNew {
		result = errors.Join(result, e.farewell())
	}
	return result
}

// cancels are the ends of the jobs that still run.
func (e *Engine) cancels(returned []command) (commands []command) {
	for _, f := range e.all().ordered {
		for _, run := range f.state.Load().Open {
			ends := func(c command) bool { return c.flow == f && c.ends() == run.Number }
			if !slices.ContainsFunc(returned, ends) {
				commands = append(commands, command{flow: f, event: core.Cancel{Run: run.Number, Error: "the stop window passed while the job ran"}})
			}
		}
	}
	return commands
}

// ends is the run whose job has returned with a command; 0: none.
func (c command) ends() int64 {
	switch event := c.event.(type) {
	case core.Outcome:
		return event.Run
	case core.Cancel:
		return event.Run
	}
	return 0
}

// farewell leaves what the store does not take where the next start finds it.
func (e *Engine) farewell() error {
	f := Farewell{Generation: e.owner.Generation, StoppingAt: e.owner.StoppingAt}
	for _, c := range e.kept {
		switch o := c.event.(type) {
		case core.Outcome:
			if c.join == nil && o.Rest == nil { // a success is none without what joins it; a run that goes aside has its checkpoint
				f.Ends = append(f.Ends, End{Flow: c.flow.id, Run: o.Run, Error: o.Error, As: o.As, Permanent: o.Permanent, ExitCode: o.ExitCode, Output: o.Output, Ended: o.Ended})
			}
		case core.Cancel:
			f.Ends = append(f.Ends, End{Flow: c.flow.id, Run: o.Run, Error: o.Error, As: core.RunCancelled, Ended: o.Ended})
		}
	}
	err := fmt.Errorf("the database took no last write; the next start settles what is open")
	if failed := e.Store.Farewell(f); failed != nil {
		err = errors.Join(err, fmt.Errorf("nor could it be left beside the database that this was a stop: %w", failed))
	}
	return err
}

func names(ids []string) string {
	const most = 10
	quoted := make([]string, 0, min(len(ids), most))
	for _, id := range ids[:min(len(ids), most)] {
		quoted = append(quoted, strconv.Quote(id))
	}
	text := strings.Join(quoted, ", ")
	if len(ids) > most {
		text += fmt.Sprintf(" and %d more", len(ids)-most)
	}
	return text
}
