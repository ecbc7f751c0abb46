package web

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/pawl-go/pawl"
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
	dayFlows   = 30 // per page
	dayRuns    = 400
	dayNext    = 100
	daySkipped = 100
)

func (d *dashboard) day(w http.ResponseWriter, r *http.Request) error {
	ctx, q := r.Context(), r.URL.Query()
	base, err := d.fresh(ctx, "Day", "day")
	if err != nil {
		return err
	}
	p := dayPage{page: base, Search: strings.TrimSpace(q.Get("q"))}
	if err := p.choose(q); err != nil {
		return err
	}
	all, err := d.view.Flows(ctx)
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
			return refuse(http.StatusBadRequest, "The date %q is not one like 2026-01-31.", printable(text))
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
	runs, err := d.view.Window(ctx, pawl.WindowQuery{Flows: names, From: s.From, To: s.To, Limit: dayRuns})
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
		k := known{Flow: f, Runs: runs[f.ID], Full: len(runs[f.ID]) == dayRuns, Occurrences: byFlow[f.ID]}
		if s.To.After(s.Now) {
			k.Next, k.More = d.next(f, dayNext)
		}
		p.Rows = append(p.Rows, dayRow{f.ID, stateOf(f), s.lane(k), k.counts(s), k.Full})
	}
	p.list(flows, occurrences)
	return nil
}

// list tells in words what was not run, first what is held back still.
func (p *dayPage) list(flows []pawl.FlowInfo, occurrences []pawl.Occurrence) {
	s := p.Stretch
	for _, f := range flows {
		if len(s.held(f)) > 0 {
			p.Skipped = append(p.Skipped, skipped{ID: f.ID, When: "since " + s.near(f.Held), Why: s.holding(f)})
		}
	}
	for _, o := range occurrences {
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
