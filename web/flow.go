package web

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/pawl-go/pawl"
	"github.com/pawl-go/pawl/web/internal/plain"
)

// flowPage is everything about a flow.
type flowPage struct {
	page
	ID          string
	State       badge
	Marks       []badge
	Schedule    string
	Zone        string
	Details     []detail
	Callout     callout
	Actions     []button
	Next        moment
	Waits       string
	Last        moment
	Streak      string
	Runs        int64
	InFlight    int
	Rate        string // of the newest runs, how many were completed
	Stretch     stretch
	Lane        lane
	Durations   *durations
	Stairs      *stairs
	Machine     *machine
	Coming      []coming
	Holding     string // what holds all of them back
	Transitions []step
	MoreSteps   string // address of older ones
	List        []runRow
	MoreRuns    string
}

// detail is one thing that is so of a flow.
type detail struct{ Name, Text string }

// coming is an instant ahead.
type coming struct {
	At       moment
	Held     string
	Estimate bool

	Suppressed bool // something holds it: how far away it is means nothing
}

const (
	timelineRuns   = 1500
	timelineRanges = 500
	timelineNext   = 200
	listedNext     = 8
)

func (d *dashboard) flow(w http.ResponseWriter, r *http.Request) error {
	base, err := d.fresh(r.Context(), "Flow", "flows")
	if err != nil {
		return err
	}
	f, err := d.known(r.Context(), r.URL.Query().Get("id"))
	if err != nil {
		return err
	}
	base.Title, base.About, base.Notice = f.ID, f.ID, noticeOf(r.URL.Query(), f.ID)
	p := flowPage{page: base, ID: f.ID, State: stateOf(f), Marks: marks(f), Schedule: plain.Text(schedule(f)), Zone: zoneOf(f)}
	p.tell(f)
	p.Actions = d.buttons(r, f)
	p.Stairs = stairsOf(f)
	if p.Machine, err = d.machineOf(r.Context(), f.ID); err != nil {
		return err
	}
	if err := errors.Join(d.draw(r.Context(), f, &p), d.past(r, f, &p)); err != nil {
		return err
	}
	return d.render(w, "flow", http.StatusOK, p)
}

// known looks a flow up.
func (d *dashboard) known(ctx context.Context, id string) (pawl.FlowInfo, error) {
	f, ok, err := d.view.Flow(ctx, id)
	if err == nil && !ok {
		err = refuse(http.StatusNotFound, "There is no flow called %q.", plain.Text(id))
	}
	return f, err
}

// tell fills in what the flow says of itself.
func (p *flowPage) tell(f pawl.FlowInfo) {
	p.Next, p.Waits = p.Clock.next(f)
	p.Last, p.Streak, p.Runs, p.InFlight = p.Clock.At(f.LastRun), streak(f), f.RunCount, f.InFlight
	p.Callout = p.Clock.callout(f)
	add := func(name, text string) {
		if text != "" {
			p.Details = append(p.Details, detail{name, plain.Text(text)})
		}
	}
	add("Policies", f.Policy)
	add("Backoff", f.Backoff)
	add("Group", f.Group)
	add("Keeps", f.Retention)
	if f.Fired > 0 {
		add("Instants run", plain.Grouped(f.Fired))
	}
	if !f.Anchor.IsZero() {
		add("Counted from", p.Clock.At(f.Anchor).Title)
	}
	add("Known since", p.Clock.At(f.CreatedAt).Title)
	add("Transitions", plain.Grouped(f.Version))
}

// draw reads and draws the hours around now.
func (d *dashboard) draw(ctx context.Context, f pawl.FlowInfo, p *flowPage) (err error) {
	to := p.Clock.Now.Truncate(time.Hour).Add(2 * time.Hour)
	p.Stretch = stretch{p.Clock, to.Add(-24 * time.Hour), to}
	day, err := d.view.Window(ctx, pawl.WindowQuery{Flows: []string{f.ID}, From: p.Stretch.From, Limit: timelineRuns})
	if err != nil {
		return err
	}
	k := known{Flow: f, Runs: day[f.ID], Full: len(day[f.ID]) == timelineRuns}
	if k.Occurrences, err = d.view.Occurrences(ctx, []string{f.ID}, p.Stretch.From, p.Stretch.To, timelineRanges); err != nil {
		return err
	}
	k.Next, k.More = d.next(f, time.Time{}, timelineNext)
	p.Lane = p.Stretch.lane(k)
	for _, i := range k.Next[:min(len(k.Next), listedNext)] {
		p.Coming = append(p.Coming, coming{p.Clock.At(i.At), plain.Text(i.Held), i.Estimate, i.Held != ""})
	}
	p.hold()
	return nil
}

// past reads what happened: the newest runs, and the transitions.
func (d *dashboard) past(r *http.Request, f pawl.FlowInfo, p *flowPage) error {
	ctx, q := r.Context(), r.URL.Query()
	newest, err := d.view.Window(ctx, pawl.WindowQuery{Flows: []string{f.ID}, Limit: durationRuns})
	if err != nil {
		return err
	}
	p.Durations, p.Rate = p.Clock.durationsOf(newest[f.ID]), rate(newest[f.ID])
	if err := d.listRuns(ctx, q, f, newest[f.ID], p, d.may(r, "cancel") == nil); err != nil {
		return err
	}
	return d.listSteps(ctx, q, f, p)
}

// hold says once what holds back all that is to come.
func (p *flowPage) hold() {
	for _, c := range p.Coming {
		if c.Held == "" || c.Held != p.Coming[0].Held {
			return
		}
	}
	for i := range p.Coming {
		p.Holding, p.Coming[i].Held = p.Coming[i].Held, ""
	}
}

// next is the instants ahead. A schedule that cannot be read has none.
func (d *dashboard) next(f pawl.FlowInfo, from time.Time, n int) (list []pawl.Instant, more bool) {
	if !f.Registered {
		return nil, false
	}
	list, err := d.view.Next(f, from, n)
	return list, err == nil && len(list) == n
}

// rate is the share of runs that were completed.
func rate(runs []pawl.RunInfo) string {
	var ended, good int
	for _, r := range runs {
		if r.Status.Over() && r.Status != pawl.RunCancelled && r.Status != pawl.RunSkipped {
			ended++
		}
		if r.Status == pawl.RunCompleted {
			good++
		}
	}
	if ended == 0 {
		return ""
	}
	return plain.Decimal(float64(good*1000/ended)/10) + "%"
}
