package web

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"time"

	"github.com/pawl-go/pawl"
	"github.com/pawl-go/pawl/web/internal/plain"
)

// dayPage is a day of all flows: what ran, what did not and why, and what will.
type dayPage struct {
	page
	Stretch stretch
	Date    string
	Heading string
	Prev    string
	Next    string
	Today   string // address; empty: it is shown
	Search  string
	Total   int
	Found   int
	Rows    []dayRow
	Skipped []skipped
	More    bool // there are further ones
	pager
}

type dayRow struct {
	ID     string
	State  badge
	Lane   lane
	Counts counts
	Full   bool // there are more runs than were read
}

// skipped is instants that were not run.
type skipped struct {
	ID     string
	When   string
	Count  int64
	Why    string
	Run    int64
	RunURL string
}

const (
	dayFlows   = 30     // per page
	dayRuns    = 250    // of each flow
	dayBusy    = 1500   // of one that has more, as far as
	dayBudget  = 10_000 // runs in all allow it
	dayNext    = 100
	daySkipped = 100
)

func (d *dashboard) day(w http.ResponseWriter, r *http.Request) error {
	ctx, q := r.Context(), r.URL.Query()
	base, err := d.fresh(ctx, "Day", "day")
	if err != nil {
		return err
	}
	p := dayPage{page: base, Search: searchOf(q)}
	if err := p.choose(q); err != nil {
		return err
	}
	all, err := d.list(ctx, base.Seq)
	if err != nil {
		return err
	}
	p.Total = len(all)
	found := slices.DeleteFunc(all, func(f pawl.FlowInfo) bool { return !matches(f, p.Search) })
	p.Found = len(found)
	p.pager = paged(q, "day", p.Found, dayFlows)
	if err := d.fill(ctx, &p, found[p.From:p.To]); err != nil {
		return err
	}
	return d.render(w, "day", http.StatusOK, p)
}

// choose sets the day that a query asks for: that of now, if it names none.
func (p *dayPage) choose(q url.Values) error {
	zone := p.Clock.zone
	y, m, day := p.Clock.Now.In(zone).Date()
	today := time.Date(y, m, day, 0, 0, 0, 0, zone)
	from := today
	if text := q.Get("date"); text != "" {
		var err error
		if from, err = time.ParseInLocation(time.DateOnly, text, zone); err != nil {
			return refuse(http.StatusBadRequest, "The date %q is not one like 2026-01-31.", plain.Text(text))
		}
	}
	p.Stretch = stretch{p.Clock, from, from.AddDate(0, 0, 1)}
	p.Date, p.Heading = from.Format(time.DateOnly), from.Format("Monday, 2 January 2006")
	p.Prev, p.Next = with(q, "day", "date", from.AddDate(0, 0, -1).Format(time.DateOnly)), with(q, "day", "date", from.AddDate(0, 0, 1).Format(time.DateOnly))
	if !from.Equal(today) {
		p.Today = with(q, "day", "date", "")
	}
	return nil
}

// fill reads and draws the day of some flows.
func (d *dashboard) fill(ctx context.Context, p *dayPage, flows []pawl.FlowInfo) error {
	s, names := p.Stretch, ids(flows)
	runs, full, err := d.dayRuns(ctx, s, names)
	if err != nil {
		return err
	}
	occurrences, err := d.view.Occurrences(ctx, names, s.From, s.To, 50*dayFlows)
	if err != nil {
		return err
	}
	byFlow := map[string][]pawl.Occurrence{}
	for _, o := range occurrences {
		byFlow[o.FlowID] = append(byFlow[o.FlowID], o)
	}
	for _, f := range flows {
		k := known{Flow: f, Runs: runs[f.ID], Full: full[f.ID], Occurrences: byFlow[f.ID]}
		if s.To.After(s.Now) {
			k.Next, k.More = d.next(f, s.From, dayNext)
		}
		p.Rows = append(p.Rows, dayRow{f.ID, stateOf(f), s.lane(k), k.counts(s), k.Full})
	}
	p.list(flows, occurrences)
	return nil
}

// dayRuns reads the runs of a day, and tells of which flows there may be more.
func (d *dashboard) dayRuns(ctx context.Context, s stretch, flows []string) (runs map[string][]pawl.RunInfo, full map[string]bool, err error) {
	q := pawl.WindowQuery{Flows: flows, From: s.From, To: s.To, Limit: dayRuns}
	if runs, err = d.view.Window(ctx, q); err != nil {
		return nil, nil, err
	}
	q.Flows, full = nil, map[string]bool{}
	room := dayBudget
	for id, list := range runs {
		room -= len(list)
		if len(list) == q.Limit {
			q.Flows, full[id] = append(q.Flows, id), true
		}
	}
	if len(full) == 0 || room/len(full) <= q.Limit {
		return runs, full, nil
	}
	q.Limit = min(room/len(full), dayBusy)
	more, err := d.view.Window(ctx, q)
	for id, list := range more {
		runs[id], full[id] = list, len(list) == q.Limit
	}
	return runs, full, err
}

// list tells in words what was not run, first what is held back still.
func (p *dayPage) list(flows []pawl.FlowInfo, occurrences []pawl.Occurrence) {
	s := p.Stretch
	for _, f := range flows {
		if len(s.held(f)) > 0 {
			p.Skipped = append(p.Skipped, skipped{ID: f.ID, When: "since " + s.near(f.Held), Why: s.holding(f)})
		}
	}
	for _, o := range alike(occurrences) {
		if len(p.Skipped) == daySkipped {
			p.More = true
			return
		}
		k := skipped{ID: o.FlowID, When: s.near(o.First), Count: o.Count, Why: verdict(o), Run: o.Run}
		if o.Count > 1 {
			k.When += " to " + s.near(o.Last)
		}
		if o.Run != 0 {
			k.RunURL = runURL(o.FlowID, o.Run)
		}
		p.Skipped = append(p.Skipped, k)
	}
}

// alike puts together what happened to a flow again and again, for the same reason. It
// takes the newest first, and the newest of a kind gives it its place and its run.
func alike(occurrences []pawl.Occurrence) (list []pawl.Occurrence) {
	type kind struct {
		flow, reason string
		verdict      pawl.VerdictKind
	}
	places := map[kind]int{}
	for _, o := range occurrences {
		k := kind{o.FlowID, o.Reason, o.Verdict}
		i, ok := places[k]
		if !ok {
			places[k] = len(list)
			list = append(list, o)
			continue
		}
		list[i].Count += o.Count
		if o.First.Before(list[i].First) {
			list[i].First = o.First
		}
	}
	return list
}
