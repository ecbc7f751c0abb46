package core

import (
	"fmt"
	"slices"
	"time"
	"unicode/utf8"
)

// CheckpointData is something that a run has done so far, kept so that it can go on from
// there after a crash. It marshals to JSON with the names of the columns of the view
// pawl_checkpoints.
type CheckpointData struct {
	Seq     int64     `json:"seq"`               // from 1, per run; one with the Seq of another takes its place
	State   string    `json:"state"`             // where the run is
	Kind    string    `json:"kind"`              // what it did
	Payload JSON      `json:"payload,omitempty"` // what it needs to go on
	At      time.Time `json:"at"`
}

// Checkpoints are some of a run.
type Checkpoints struct {
	Key   int64 // of the run's row
	Steps []CheckpointData
}

// Kinds of checkpoints that mean something here.
const (
	KindInterrupt = "interrupt" // the process died, and the run goes on
	KindGiveUp    = "give up"   // it died too often: what the run did is undone
	KindTimer     = "timer"     // the run waits for an instant, which harms nobody
)

// Mark is where a run in flight is by its checkpoints. The zero Mark is that of a run
// that has none.
type Mark struct {
	Seq     int64  // of the last
	State   string // of the last
	Stalled int    // how often the process died since it reached the last that it wrote itself
	Waits   bool   // that one says so
}

const (
	maxCheckpoints = 100_000 // of a run
	maxState       = 255     // bytes of a State and of a Kind
	maxStalled     = 5       // how often a run goes on that does not get any further
)

// Validate names what makes no sense: a payload that is too large ([ErrTooLarge]), a
// state that is no text.
func (c CheckpointData) Validate() error {
	for _, text := range []string{c.State, c.Kind} {
		if len(text) > maxState || !utf8.ValidString(text) {
			return fmt.Errorf("checkpoint %q: a state has at most %d bytes of UTF-8", Clip(text, 40), maxState)
		}
	}
	switch {
	case len(c.Payload) > MaxPayload:
		return fmt.Errorf("%w: the checkpoint of %q has %d bytes, at most %d are allowed; store it elsewhere and keep a reference", ErrTooLarge, c.State, len(c.Payload), MaxPayload)
	case c.Seq < 1 || c.Seq > maxCheckpoints:
		return fmt.Errorf("%w: a run has at most %d checkpoints; begin another run from there", ErrTooLarge, maxCheckpoints)
	}
	return nil
}

// checkpoint keeps what a run has done so far.
func (c *Change) checkpoint(e Checkpoint, now time.Time) error {
	run, err := c.run(e.Run)
	if err != nil {
		return err
	}
	c.RunNumber, c.Checkpoints = e.Run, &Checkpoints{run.Key, slices.Clone(e.Steps)}
	for i := range c.Checkpoints.Steps {
		c.Checkpoints.Steps[i].At = now
	}
	last := e.Steps[len(e.Steps)-1]
	c.note(last.Kind + " " + last.State)
	if last.Seq > 1 { // it is past what it was at when the process died
		if c.cleared(&run, "its run got further") {
			c.update(run)
		}
	}
	if run.Woken { // what comes now is not what it was woken for
		run.Woken = false
		c.update(run)
	}
	if e.Output != "" {
		run.Output = e.Output
		c.record(run)
	}
	return nil
}

// suspend lets a run wait for the next process.
func (c *Change) suspend(run Run, now time.Time, p Plan) {
	c.note("suspended; it goes on when the next process starts")
	c.requeue(run, "", now, now, p)
}

// goesOn lets a run whose process died wait to go on from its last checkpoint. One that
// was at work and gets no further may be what kills the process: it waits longer each
// time, and is given up at last, which leaves it to undo what it did.
func (c *Change) goesOn(run Run, e Interrupt, text string, now time.Time, p Plan) bool {
	if !p.Resumes || !c.Registered {
		return false
	}
	due, mark, kind := now, e.Mark, KindInterrupt
	switch {
	case e.Spared || e.Repeated || mark.Waits:
		c.note("it goes on from its last checkpoint")
		c.requeue(run, text, now, now, p)
		return true
	case mark.Stalled >= maxStalled && run.Lost:
		return false
	case mark.Stalled >= maxStalled:
		run.Lost, kind = true, KindGiveUp
		c.note("given up: it got no further")
	default:
		c.note("it goes on from its last checkpoint")
	}
	if mark.Stalled > 0 {
		due = now.Add(DefaultBackoff().Delay(mark.Stalled, jitter(p.Database, c.ID, run.Number))).Truncate(time.Millisecond)
	}
	c.Checkpoints = &Checkpoints{run.Key, []CheckpointData{{Seq: mark.Seq + 1, State: mark.State, Kind: kind, At: now}}}
	c.requeue(run, text, due, now, p)
	return true
}

// restart lets a run that was cut short, and has not failed, wait to start again as the
// same attempt. It starts before other queued runs of the flow, whatever the overlap policy
// is; of several such runs the lowest number starts first.
func (c *Change) restart(run Run, text string, now time.Time, p Plan) {
	run.Restarts++
	c.Event = "interrupt"
	c.note("cut short; it starts again")
	c.requeueAs(restartRank, run, text, now, now, p)
}

// requeue lets a run that began wait for a further start. A run that waits is not in
// flight: its slot is free, but where one runs at a time it goes first.
func (c *Change) requeue(run Run, text string, due, now time.Time, p Plan) {
	rank := due.UnixMilli()
	if p.Overlap.limit() == 1 {
		rank = 0
	}
	c.requeueAs(rank, run, text, due, now, p)
}

// requeueAs is requeue with a rank among the queued runs.
func (c *Change) requeueAs(rank int64, run Run, text string, due, now time.Time, p Plan) {
	c.leave(run, now)
	run.Status, run.Queued, run.Error = RunWaiting, true, Clip(text, MaxRunError)
	run.FinishedAt = time.Time{}
	run.DueAt, run.Rank = due, rank
	if run.Trigger == TriggerBackfill {
		run.Rank += BackfillRank
	}
	c.wait(run, p)
	c.record(run)
	c.restAs(StatusIdle, run, now, p)
	c.planHeld(now, p)
}

// planHeld plans the next run when one that is not over has left those in flight: another
// run was one failure too many, or nothing holds the schedule back any more.
func (c *Change) planHeld(now time.Time, p Plan) {
	if c.Status == StatusTripped || c.InFlight == 0 && c.NextRun.IsZero() && !c.Held.IsZero() {
		c.planNext(false, now, p)
	}
}
