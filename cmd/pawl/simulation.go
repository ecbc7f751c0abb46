package main

import (
	"cmp"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/pawl-go/pawl"
)

// A simulation is what came of one.
type simulation struct {
	From    time.Time       `json:"from"`
	To      time.Time       `json:"to"`
	Runs    int64           `json:"runs"`
	Most    int             `json:"most_at_once"`
	MostAt  time.Time       `json:"most_at,omitzero"`
	AtZero  int64           `json:"starts_at_full_minutes"`
	Hours   [24]int64       `json:"starts_by_hour"` // of the local day
	PileUps []pileUp        `json:"pile_ups"`
	Changes []clockChange   `json:"clock_changes"`
	Flows   []simulatedFlow `json:"flows"`

	index   map[string]int // of Flows
	running map[string]int
	inAll   int
	second  int64           // that starts are counted in
	started map[string]bool // in it
	piles   map[string]*pileUp
}

// A simulatedFlow is what became of a flow in a simulation.
type simulatedFlow struct {
	ID      string  `json:"flow_id"`
	Runs    int64   `json:"runs"`
	Passed  int64   `json:"passed_over"` // instants without a run
	Reason  string  `json:"reason,omitempty"`
	Took    float64 `json:"took_seconds"` // as was assumed
	Busy    float64 `json:"busy"`         // share of the time in which it runs
	Late    float64 `json:"late_seconds"` // at most, from the instant to the start
	Waiting int     `json:"waiting"`      // at most
}

// A pileUp is flows that start in the same second.
type pileUp struct {
	Flows []string  `json:"flows"`
	Times int       `json:"times"`
	First time.Time `json:"first"`
}

// A clockChange is what a change of the clock does to a flow.
type clockChange struct {
	Flow string    `json:"flow_id"`
	At   time.Time `json:"at"`
	Text string    `json:"text"`
}

func newSimulation(p plan, from, to time.Time) *simulation {
	r := &simulation{From: from.UTC().Truncate(time.Millisecond), To: to.UTC().Truncate(time.Millisecond), index: map[string]int{}, running: map[string]int{},
		started: map[string]bool{}, piles: map[string]*pileUp{}, PileUps: []pileUp{}, Changes: []clockChange{}}
	for i, f := range p.flows {
		r.index[f.id] = i
		r.Flows = append(r.Flows, simulatedFlow{ID: f.id})
	}
	return r
}

func (r *simulation) flow(id string) *simulatedFlow { return &r.Flows[r.index[id]] }

// take counts a step.
func (r *simulation) take(step pawl.SimulationStep) {
	f := r.flow(step.Flow.ID)
	for _, run := range step.Runs {
		if run.Status == pawl.RunRunning && run.StartedAt.Equal(step.At) && step.Event != "abort" {
			r.start(f, run)
		}
		if run.Status.Over() && !run.StartedAt.IsZero() {
			f.Busy += run.FinishedAt.Sub(run.StartedAt).Seconds() / r.To.Sub(r.From).Seconds()
		}
	}
	r.inAll += step.Flow.InFlight - r.running[f.ID]
	r.running[f.ID] = step.Flow.InFlight
	if r.inAll > r.Most {
		r.Most, r.MostAt = r.inAll, step.At
	}
	f.Waiting = max(f.Waiting, step.Flow.Waiting)
	for _, v := range step.Verdicts {
		if slices.Contains(oddVerdicts, v.Kind) {
			r.Changes = append(r.Changes, clockChange{f.ID, v.First, reasonOf(v)})
			continue
		}
		f.Passed += v.Count
		f.Reason = reasonOf(v)
	}
}

// start counts one.
func (r *simulation) start(f *simulatedFlow, run pawl.RunInfo) {
	r.Runs++
	f.Runs++
	f.Late = max(f.Late, run.StartedAt.Sub(run.ScheduledAt).Seconds())
	r.Hours[run.StartedAt.Local().Hour()]++
	if run.StartedAt.Second() == 0 {
		r.AtZero++
	}
	if second := run.StartedAt.Unix(); second != r.second {
		r.pile()
		r.second = second
	}
	r.started[f.ID] = true
}

// pile adds the flows of a second that is over to those like it.
func (r *simulation) pile() {
	if len(r.started) > 1 {
		var ids []string
		for _, f := range r.Flows {
			if r.started[f.ID] {
				ids = append(ids, f.ID)
			}
		}
		key := strings.Join(ids, "\x00")
		if r.piles[key] == nil {
			r.piles[key] = &pileUp{Flows: ids, First: time.Unix(r.second, 0).UTC()}
		}
		r.piles[key].Times++
		if len(r.piles) > mostKinds {
			r.thin()
		}
	}
	clear(r.started)
}

const (
	mostPiles = 5    // that are told
	mostKinds = 2000 // that are counted at a time
)

// finish sorts what was counted, the worst first.
func (r *simulation) finish() {
	r.pile()
	for _, key := range r.worst() {
		r.PileUps = append(r.PileUps, *r.piles[key])
	}
	r.PileUps = r.PileUps[:min(len(r.PileUps), mostPiles)]
}

// thin forgets the lesser half of the pile-ups: there can be as many as seconds.
func (r *simulation) thin() {
	for _, key := range r.worst()[mostKinds/2:] {
		delete(r.piles, key)
	}
}

// worst are the pile-ups, those of most flows first, then those that come most often.
func (r *simulation) worst() []string {
	return slices.SortedFunc(maps.Keys(r.piles), func(x, y string) int {
		a, b := r.piles[x], r.piles[y]
		return cmp.Or(len(b.Flows)-len(a.Flows), b.Times-a.Times, a.First.Compare(b.First))
	})
}
