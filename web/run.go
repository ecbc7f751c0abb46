package web

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/pawl-go/pawl"
	"github.com/pawl-go/pawl/internal/lengths"
	"github.com/pawl-go/pawl/web/internal/plain"
)

// runPage is everything about a run.
type runPage struct {
	page
	ID      string
	Number  int64
	State   badge
	Details []runDetail
	Error   string
	Skipped bool // Error is why it found nothing to do
	Input   payload
	Output  payload
	Tried   *runAttempts
	Path    *runPath
	Steps   []step
	Earlier int  // transitions that are not shown, if above 0
	Pruned  bool // the first transitions, or all, were deleted
	Cancel  string
	Close   string // without undo; empty: nothing is to be undone, or nobody may
	Prev    string
	Next    string
}

// runDetail is a fact, or an instant.
type runDetail struct {
	Name, Text string
	At         moment
}

// payload is an input or output as it is read best.
type payload struct {
	Text string
	Kind string // "text" for what is a JSON string, or "JSON"
	Cut  int    // bytes that are left out
}

const runSteps = 200 // the newest transitions of a run are shown

const shownPayload = 256 << 10

// payloadOf shows a string as the text that it is, and other JSON indented.
func payloadOf(j pawl.JSON) (p payload) {
	if j == "" {
		return p
	}
	p.Kind = "JSON"
	var text string
	var b bytes.Buffer
	switch {
	case json.Unmarshal([]byte(j), &text) == nil && j != "null":
		p.Kind, p.Text = "text", text
	case json.Indent(&b, []byte(j), "", "  ") == nil:
		p.Text = b.String()
	default:
		p.Text = string(j)
	}
	if len(p.Text) > shownPayload {
		p.Cut = len(p.Text) - shownPayload
		p.Text = p.Text[:shownPayload]
	}
	p.Text = plain.Text(p.Text)
	return p
}

func (d *dashboard) run(w http.ResponseWriter, r *http.Request) error {
	ctx := r.Context()
	base, err := d.fresh(ctx, "Run", "flows")
	if err != nil {
		return err
	}
	f, err := d.known(ctx, r.URL.Query().Get("id"))
	if err != nil {
		return err
	}
	number, _ := strconv.ParseInt(r.URL.Query().Get("number"), 10, 64) // 0 fits no run
	run, ok, err := d.view.Run(ctx, f.ID, number)
	if err != nil {
		return err
	}
	if !ok {
		return noRun(f, number)
	}
	base.Title, base.About = fmt.Sprintf("Run %d of %s", number, f.ID), f.ID
	p := runPage{page: base, ID: f.ID, Number: number, State: runState(run.Status), Error: plain.Text(run.Error),
		Skipped: run.Status == pawl.RunSkipped, Input: payloadOf(run.Input), Output: payloadOf(run.Output)}
	p.Details = p.Clock.detailsOf(run)
	if !run.Status.Over() && d.may(r, "cancel") == nil {
		p.Cancel = confirmURL("cancel", f.ID, number)
		if _, ok := d.source.(closer); ok && (run.Status == pawl.RunParked || run.Status == pawl.RunBlocked) {
			p.Close = confirmURL("cancel_without_undo", f.ID, number)
		}
	}
	if number > 1 {
		p.Prev = runURL(f.ID, number-1)
	}
	if number < f.LastNumber {
		p.Next = runURL(f.ID, number+1)
	}
	if p.Tried, err = d.attemptsOf(ctx, p.Clock, run); err != nil {
		return err
	}
	if p.Path, err = d.pathOf(ctx, p.Clock, run); err != nil {
		return err
	}
	steps, pruned, err := d.view.RunTransitions(ctx, run)
	if err != nil {
		return err
	}
	p.Pruned = pruned
	if p.Earlier = len(steps) - runSteps; p.Earlier > 0 {
		steps = steps[p.Earlier:]
	}
	for _, t := range steps {
		p.Steps = append(p.Steps, p.Clock.step(t))
	}
	return d.render(w, "run", http.StatusOK, p)
}

// noRun says of a number that no run has whether one had it.
func noRun(f pawl.FlowInfo, number int64) error {
	id := plain.Text(f.ID)
	switch {
	case number < 1:
		return refuse(http.StatusNotFound, "Flow %q has no such run: they are numbered from 1 on.", id)
	case f.LastNumber == 0:
		return refuse(http.StatusNotFound, "Flow %q has not run yet.", id)
	case number > f.LastNumber:
		return refuse(http.StatusNotFound, "Flow %q has no run %d yet: its newest is %d.", id, number, f.LastNumber)
	}
	return refuse(http.StatusNotFound, "Run %d of flow %q is not kept any more.", number, id)
}

// detailsOf is the facts of a run that are there.
func (c clock) detailsOf(r pawl.RunInfo) []runDetail {
	list := []runDetail{{Name: "Trigger", Text: r.Trigger}, {Name: "Attempt", Text: strconv.Itoa(r.Attempt)}}
	if r.Restarts > 0 {
		list = append(list, runDetail{Name: "Restarts", Text: strconv.Itoa(r.Restarts)})
	}
	if r.ExitCode > 0 {
		list = append(list, runDetail{Name: "Exit code", Text: strconv.Itoa(r.ExitCode)})
	}
	at := func(name string, t time.Time) {
		if !t.IsZero() {
			list = append(list, runDetail{Name: name, At: c.At(t)})
		}
	}
	at("Scheduled", r.ScheduledAt)
	switch r.Status {
	case pawl.RunWaiting:
		at("Due", r.DueAt)
	case pawl.RunParked:
		at("Parked until", r.DueAt)
	case pawl.RunBlocked:
		at("Blocked since", r.DueAt)
	}
	at("Started", r.StartedAt)
	at("Finished", r.FinishedAt)
	if d, ok := length(r, c.Now); ok {
		name := "Took"
		if r.Status == pawl.RunRunning {
			name = "Has taken"
		}
		list = append(list, runDetail{Name: name, Text: lengths.Span(d)})
	}
	if !r.StartedAt.IsZero() && r.Attempt == 1 && r.Trigger != "backfill" { // that long somebody may have asked for, as jitter does
		list = append(list, runDetail{Name: "Waited", Text: lengths.Span(max(r.StartedAt.Sub(r.ScheduledAt), 0))})
	}
	at("Deadline", r.Deadline)
	return list
}
