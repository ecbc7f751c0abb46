package web

import (
	"context"
	"html/template"
	"iter"
	"net/http"
	"sync"
	"time"

	"github.com/pawl-go/pawl"
)

// Source is what a dashboard shows, and asks for what is to be done: a [pawl.Runner],
// or a [pawl.Client] for a database that another process drives.
type Source interface {
	View() pawl.View
	Transitions(ctx context.Context, afterSeq int64) iter.Seq2[pawl.Transition, error]

	Trigger(ctx context.Context, id string, opts ...pawl.TriggerOption) (run int64, err error)
	Probe(ctx context.Context, id string) (run int64, err error)
	Reset(ctx context.Context, id string, reason ...string) error
	Pause(ctx context.Context, id, note string, opts ...pawl.PauseOption) error
	Resume(ctx context.Context, id string) error
	Cancel(ctx context.Context, id string, run int64, reason ...string) error
}

var (
	_ Source = (*pawl.Runner)(nil)
	_ Source = (*pawl.Client)(nil)
)

// Handler returns the dashboard of a source. It works under any prefix:
//
//	mux.Handle("/pawl/", http.StripPrefix("/pawl", web.Handler(r)))
//
// A request over a connection to a loopback address has to name localhost or a
// loopback address as its host, or one of [WithHosts]. Without [WithToken] and
// [WithAuthorize] whoever reaches the handler may look and act.
//
// It has no resources of its own to close. Its streams end with their requests, with
// the source, and with the context of [WithContext].
func Handler(s Source, opts ...Option) http.Handler { return newDashboard(s, opts...).guarded() }

func newDashboard(s Source, opts ...Option) *dashboard {
	d := &dashboard{
		source: s, view: s.View(), name: "Pawl", zone: time.Local, ctx: context.Background(),
		authorize: func(*http.Request, string) error { return nil }, mounts: map[string]http.Handler{},
	}
	for _, o := range opts {
		o(d)
	}
	d.live, d.answers = newHub(d.ctx, s), make(chan struct{}, answersMost)
	d.pages = parsePages()
	return d
}

// dashboard is the handler and what it was told.
type dashboard struct {
	source    Source
	view      pawl.View
	name      string
	zone      *time.Location
	ctx       context.Context
	authorize func(r *http.Request, action string) error
	judged    bool // somebody else authorizes
	token     string
	hosts     []string
	readOnly  bool
	mounts    map[string]http.Handler
	live      *hub
	answers   chan struct{} // a place for each answer under way; the handler of one puts it in and takes it out
	pages     map[string]*template.Template

	mu       sync.Mutex
	listed   []pawl.FlowInfo // every flow, as of the transition seq
	listedAt time.Time
	seq      int64
}

// A handle answers a request, or returns why it does not.
type handle func(w http.ResponseWriter, r *http.Request) error

// route finds what a path, without its leading slash, stands for. All pages lie in
// one folder, so that their links to each other are the same under every prefix.
func (d *dashboard) route(path string) handle {
	switch path {
	case "":
		return d.flows
	case "flow":
		return d.flow
	case "run":
		return d.run
	case "day":
		return d.day
	case "confirm":
		return d.confirm
	case "events":
		return d.events
	case "api/flows":
		return d.apiFlows
	case "api/flow":
		return d.apiFlow
	case "api/runs":
		return d.apiRuns
	case "api/run":
		return d.apiRun
	case "api/next":
		return d.apiNext
	case "api/why":
		return d.apiWhy
	case "api/transitions":
		return d.apiTransitions
	case "api/occurrences":
		return d.apiOccurrences
	case "api/attempts":
		return d.apiAttempts
	case "api/checkpoints":
		return d.apiCheckpoints
	}
	if h, ok := d.mounts[path]; ok {
		return func(w http.ResponseWriter, r *http.Request) error {
			h.ServeHTTP(w, r)
			return nil
		}
	}
	return nil
}
