package web

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/pawl-go/pawl"
	"github.com/pawl-go/pawl/internal/lengths"
	"github.com/pawl-go/pawl/web/internal/plain"
)

// deed is something that a button does.
type deed struct {
	Verb     string
	Action   string // that is asked of [WithAuthorize]; empty: the verb
	Word     string // on the button
	Question string
	Effect   string
	Done     string // what is said afterwards
	Input    bool   // it takes an input
	Reason   string // what is asked for besides; empty: nothing
	Lasts    bool   // it may have an end
	Careful  bool
	do       func(ctx context.Context, s Source, a asked) (run int64, err error)
}

// asked is what somebody asks for.
type asked struct {
	id     string
	number int64
	reason string
	input  string
	lasts  string // how long; empty: until somebody ends it
}

var deeds = []deed{
	{Verb: "trigger", Word: "Trigger", Question: "Trigger %s?", Effect: "One run starts now, whatever the schedule says.", Done: "was accepted.", Input: true,
		do: func(ctx context.Context, s Source, a asked) (int64, error) {
			if a.input == "" {
				return s.Trigger(ctx, a.id)
			}
			return s.Trigger(ctx, a.id, pawl.WithInput(json.RawMessage(a.input)))
		}},
	{Verb: "probe", Word: "Probe", Question: "Probe %s?", Effect: "It is run once although it is tripped. Success ends the trip, failure leaves it.", Done: "was accepted.",
		do: func(ctx context.Context, s Source, a asked) (int64, error) { return s.Probe(ctx, a.id) }},
	{Verb: "reset", Word: "Reset", Question: "Reset %s?", Effect: "Its streak, its backoff and a trip are cleared, and its schedule goes on.", Done: "It was reset.", Reason: "Reason, kept with the transition",
		do: func(ctx context.Context, s Source, a asked) (int64, error) { return 0, s.Reset(ctx, a.id, a.reason) }},
	{Verb: "pause", Word: "Pause", Question: "Pause %s?", Effect: "Its schedule is held back until somebody resumes it, or for as long as you say, also over restarts. Runs in flight go on.", Done: "It was paused.", Reason: "Why, for those who find it paused", Lasts: true,
		do: func(ctx context.Context, s Source, a asked) (int64, error) { return 0, pause(ctx, s, a) }},
	{Verb: "resume", Word: "Resume", Question: "Resume %s?", Effect: "Its schedule goes on from now. What passed meanwhile was not missed.", Done: "It was resumed.",
		do: func(ctx context.Context, s Source, a asked) (int64, error) { return 0, s.Resume(ctx, a.id) }},
	{Verb: "cancel", Word: "Cancel", Question: "Cancel run %d of %s?", Effect: "A run that has not begun is over at once. A run in flight has 10 seconds to stop. A workflow undoes what it did: a parked run now, a blocked run when a program with its version starts.", Done: "was cancelled.", Reason: "Reason, kept with the transition", Careful: true,
		do: func(ctx context.Context, s Source, a asked) (int64, error) {
			return a.number, s.Cancel(ctx, a.id, a.number, a.reason)
		}},
	{Verb: "cancel_without_undo", Action: "cancel", Word: "Close", Question: "Close run %d of %s without undo?", Effect: "The run is over at once, and what it did stays as it is. A run in flight cannot be closed: cancel it.", Done: "was closed without undo.", Reason: "Reason, kept with the transition", Careful: true,
		do: func(ctx context.Context, s Source, a asked) (int64, error) {
			closer, ok := s.(closer)
			if !ok {
				return 0, refuse(http.StatusNotFound, "There is no such action.")
			}
			return a.number, closer.CancelWithoutUndo(ctx, a.id, a.number, a.reason)
		}},
}

// closer is a source that can close a run without its job, as [pawl.Runner] and [pawl.Client].
type closer interface {
	CancelWithoutUndo(ctx context.Context, id string, run int64, reason ...string) error
}

// action is what somebody has to be allowed to do for it.
func (d deed) action() string {
	if d.Action != "" {
		return d.Action
	}
	return d.Verb
}

// pause pauses a flow, for as long as was asked.
func pause(ctx context.Context, s Source, a asked) error {
	if a.lasts == "" {
		return s.Pause(ctx, a.id, a.reason)
	}
	d, err := lengths.Parse(a.lasts)
	if err != nil {
		return fmt.Errorf("%w: %w", pawl.ErrInvalidRange, err)
	}
	return s.Pause(ctx, a.id, a.reason, pawl.PauseFor(d))
}

func deedOf(verb string) (deed, error) {
	for _, d := range deeds {
		if d.Verb == verb {
			return d, nil
		}
	}
	return deed{}, refuse(http.StatusNotFound, "There is no such action.")
}

// button leads to the question whether something is to be done.
type button struct {
	Verb, Word, URL string
	Main            bool
}

// buttons are what makes sense for a flow as it is, and is allowed.
func (d *dashboard) buttons(r *http.Request, f pawl.FlowInfo) (list []button) {
	if !f.Registered {
		return nil
	}
	tripped, paused := f.Status == pawl.StatusTripped, !f.PausedAt.IsZero()
	fits := map[string]bool{
		"trigger": !tripped, "probe": tripped, "reset": tripped || f.FailureStreak > 0, "pause": !paused && f.Kind != "manual", "resume": paused,
	}
	for _, deed := range deeds {
		if fits[deed.Verb] && d.may(r, deed.action()) == nil {
			main := deed.Verb == "reset" && tripped || deed.Verb == "resume" || deed.Verb == "trigger" && !paused
			list = append(list, button{deed.Verb, deed.Word, confirmURL(deed.Verb, f.ID, 0), main})
		}
	}
	return list
}

func confirmURL(verb, id string, number int64) string {
	q := url.Values{"do": {verb}, "id": {id}}
	if number != 0 {
		q.Set("number", strconv.FormatInt(number, 10))
	}
	return "confirm?" + q.Encode()
}

// confirmPage asks whether something is to be done.
type confirmPage struct {
	page
	deed
	ID       string
	Number   int64
	Question string
	Back     string
	Text     string // that was given for reason or input
	For      string // that was given for how long
	Error    string
}

func (d *dashboard) confirm(w http.ResponseWriter, r *http.Request) error {
	q := r.URL.Query()
	a := asked{id: q.Get("id")}
	a.number, _ = strconv.ParseInt(q.Get("number"), 10, 64) // 0 fits no run
	deed, err := deedOf(q.Get("do"))
	if err == nil {
		err = d.may(r, deed.action())
	}
	if err == nil {
		_, err = d.known(r.Context(), a.id)
	}
	if err != nil {
		return err
	}
	return d.ask(w, http.StatusOK, deed, a, "")
}

// ask shows the question, with what became of an answer to it.
func (d *dashboard) ask(w http.ResponseWriter, status int, deed deed, a asked, failed string) error {
	p := confirmPage{page: d.bare(deed.Word), deed: deed, ID: a.id, Number: a.number, Error: plain.Sentence(failed), Back: "flow?" + url.Values{"id": {a.id}}.Encode()}
	p.Tab, p.Text, p.For = "flows", a.reason+a.input, a.lasts
	p.Question = strings.Replace(deed.Question, "%s", plain.Text(a.id), 1)
	if a.number != 0 {
		p.Question = strings.Replace(p.Question, "%d", strconv.FormatInt(a.number, 10), 1)
		p.Back = runURL(a.id, a.number)
	}
	return d.render(w, "confirm", status, p)
}

const (
	bodyLimit = 1<<20 + 64<<10 // an input may have 1 MiB
	actLimit  = 30 * time.Second
)

// act does what a form asks for, and leads back to where it is seen.
func (d *dashboard) act(w http.ResponseWriter, r *http.Request) error {
	if r.Method != http.MethodPost {
		w.Header().Set("Allow", "POST")
		return refuse(http.StatusMethodNotAllowed, "An action is posted, from its page.")
	}
	deed, a, err := d.posted(w, r)
	if err != nil {
		return err
	}
	if a.input != "" && !json.Valid([]byte(a.input)) {
		return d.ask(w, http.StatusUnprocessableEntity, deed, a, "the input is not JSON")
	}
	ctx, cancel := context.WithTimeout(r.Context(), actLimit)
	defer cancel()
	q := url.Values{"id": {a.id}, "did": {deed.Verb}}
	switch run, err := deed.do(ctx, d.source, a); {
	case errors.Is(err, pawl.ErrQueued):
		q.Set("queued", "yes")
	case err != nil:
		return d.ask(w, statusOf(err), deed, a, err.Error())
	case run != 0:
		q.Set("run", strconv.FormatInt(run, 10))
	}
	w.Header().Set("Location", "flow?"+q.Encode()) // relative, as http.Redirect would not leave it
	w.WriteHeader(http.StatusSeeOther)
	return nil
}

// posted is what a form asks for, if that may be asked of a flow that there is.
func (d *dashboard) posted(w http.ResponseWriter, r *http.Request) (deed deed, a asked, err error) {
	r.Body = http.MaxBytesReader(w, r.Body, bodyLimit)
	if err := r.ParseForm(); err != nil {
		if statusOf(err) != http.StatusRequestEntityTooLarge {
			err = refuse(http.StatusBadRequest, "This form cannot be read.")
		}
		return deed, a, err
	}
	if deed, err = deedOf(r.PostForm.Get("do")); err != nil {
		return deed, a, err
	}
	for _, action := range []string{"read", deed.action()} {
		if err := d.may(r, action); err != nil {
			return deed, a, err
		}
	}
	text := func(field string) string { return strings.TrimSpace(r.PostForm.Get(field)) }
	a = asked{id: r.PostForm.Get("id"), reason: text("reason"), input: text("input"), lasts: text("for")}
	a.number, _ = strconv.ParseInt(r.PostForm.Get("number"), 10, 64) // 0 fits no run
	_, err = d.known(r.Context(), a.id)
	return deed, a, err
}

// notice says that something was done.
type notice struct {
	Text string
	Link string // text of a link before it
	URL  string
}

func noticeOf(q url.Values, id string) *notice {
	deed, err := deedOf(q.Get("did"))
	if err != nil {
		return nil
	}
	if q.Has("queued") {
		return &notice{Text: deed.Word + " was left in the inbox, for the next start of a scheduler."}
	}
	n := notice{Text: deed.Done}
	if run, err := strconv.ParseInt(q.Get("run"), 10, 64); err == nil && run > 0 {
		n.Link, n.URL = fmt.Sprintf("Run %d", run), runURL(id, run)
	}
	return &n
}
