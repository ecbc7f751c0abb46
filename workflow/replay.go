package workflow

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"time"
)

// payload is that of a checkpoint.
type payload struct {
	Begin     *begin                     `json:"begin,omitempty"`     // enter: the first one of an attempt
	Data      map[string]json.RawMessage `json:"data,omitempty"`      // what was put
	Undo      json.RawMessage            `json:"undo,omitempty"`      // enter: what the undo of the state before needs; timer: of this one
	Branches  []Outcome                  `json:"branches,omitempty"`  // enter: of the split before
	Cursor    json.RawMessage            `json:"cursor,omitempty"`    // step
	Until     *time.Time                 `json:"until,omitempty"`     // timer
	For       time.Duration              `json:"for_ns,omitempty"`    // timer: the length of time that is asked for, in nanoseconds; absent: until an instant
	Error     string                     `json:"error,omitempty"`     // failed; undo: it failed for good
	Attempts  int                        `json:"attempts,omitempty"`  // failed, undo
	Permanent bool                       `json:"permanent,omitempty"` // failed

	work any // that joins it
}

// begin is what is known of a run from its beginning.
type begin struct {
	Version int `json:"version"`
	Attempt int `json:"attempt,omitempty"` // the journal's; 0: it has none
}

// encode is the payload as JSON; nil: it is empty.
func (p payload) encode() (json.RawMessage, error) {
	if p.Begin == nil && len(p.Data) == 0 && p.Undo == nil && p.Branches == nil && p.Cursor == nil && p.Until == nil &&
		p.Error == "" && p.Attempts == 0 && !p.Permanent {
		return nil, nil
	}
	return json.Marshal(p)
}

// past is where a run stands by its journal.
type past struct {
	begin
	began    time.Time
	state    string
	left     []leave // states that were left
	data     map[string]json.RawMessage
	came     []Outcome
	cursor   json.RawMessage
	until    *time.Time
	since    time.Time // when the timer was asked for
	length   time.Duration
	forUndo  json.RawMessage
	failed   *payload // not nil: the run goes back
	stale    bool     // the last checkpoint is that of a step that put nothing
	undos    int      // how many undos are over
	undoErrs []error
}

type leave struct {
	state string
	undo  json.RawMessage
}

// replay reads the checkpoints of a run; nil: there are none.
func replay(cs []Checkpoint) (*past, error) {
	var p *past
	for _, c := range cs {
		var load payload
		if len(c.Payload) > 0 {
			if err := json.Unmarshal(c.Payload, &load); err != nil {
				return nil, fmt.Errorf("read checkpoint %d: %w", c.Seq, err)
			}
		}
		switch {
		case c.Kind == KindEnter && load.Begin != nil:
			p = &past{begin: *load.Begin, began: c.At, state: c.State, data: make(map[string]json.RawMessage)}
		case p == nil:
			return nil, fmt.Errorf("read checkpoint %d: it is %q of state %s, before the run entered any", c.Seq, c.Kind, c.State)
		default:
			p.apply(c, load)
		}
	}
	return p, nil
}

// apply is one checkpoint more.
func (p *past) apply(c Checkpoint, load payload) {
	maps.Copy(p.data, load.Data)
	p.stale = c.Kind == KindStep && len(load.Data) == 0
	switch c.Kind {
	case KindEnter:
		p.left = append(p.left, leave{p.state, load.Undo})
		p.state, p.came, p.cursor, p.until, p.forUndo = c.State, load.Branches, nil, nil, nil
	case KindStep:
		p.cursor = load.Cursor
	case KindTimer:
		p.until, p.forUndo, p.since, p.length = load.Until, load.Undo, c.At, load.For
	case KindFailed:
		p.failed = &load
	case KindUndo:
		p.undos++
		if load.Error != "" {
			p.undoErrs = append(p.undoErrs, &TaskError{State: c.State, Attempts: load.Attempts, Err: errors.New(load.Error)})
		}
	}
}

// attempts is a journal that knows which attempt of the run this is, see [Journal].
type attempts interface{ Attempt() int }

func (r *run[S]) attempt() int {
	if j, ok := r.journal.(attempts); ok {
		return j.Attempt()
	}
	return 0
}

// begin enters the first state, or takes up the run where the journal says it is.
func (r *run[S]) begin(initial *node[S]) (resumed bool, err error) {
	if r.journal != nil {
		cs, err := r.journal.Checkpoints(r.durable) // also to undo what was done, when the run is cancelled
		if err != nil {
			return false, fmt.Errorf("read the checkpoints of the run: %w", err)
		}
		if len(cs) > 0 {
			r.seq = max(int64(len(cs)), cs[len(cs)-1].Seq)
		}
		p, err := replay(cs)
		if err != nil {
			return false, r.journal.Permanent(err)
		}
		if p != nil {
			if resumed, err = r.resume(p); resumed || err != nil {
				return resumed, err
			}
		}
	}
	r.began = r.now()
	r.enter(initial, nil)
	if r.journal == nil {
		return false, nil
	}
	err = r.record(KindEnter, initial, payload{Begin: &begin{r.w.version, r.attempt()}})
	if s := stopOf(err); s != nil {
		return false, s
	}
	if err != nil { // it would be refused again
		err = r.journal.Permanent(err)
	}
	return false, err
}

// resume takes up a run; false: it was undone, and is to begin anew.
func (r *run[S]) resume(p *past) (bool, error) {
	if p.Version != r.w.version {
		return false, r.unknown(p.Version, fmt.Errorf("%w: the run was recorded under version %d, this is version %d",
			ErrVersion, p.Version, r.w.version))
	}
	n, err := r.recorded(p.state)
	if err != nil {
		return false, err
	}
	var visits []visit[S]
	for _, l := range p.left {
		left, err := r.recorded(l.state)
		if err != nil {
			return false, err
		}
		if left.undo != nil {
			visits = append(visits, visit[S]{left, l.undo})
		}
	}
	visits = visits[:max(0, len(visits)-p.undos)]
	if p.failed != nil && len(visits) == 0 && (p.Attempt == 0 || p.Attempt != r.attempt()) {
		return false, nil
	}
	r.began, r.visits, r.undoErrs, r.stale = p.began, visits, p.undoErrs, p.stale
	r.enter(n, p.came)
	r.main.data, r.main.cursor, r.main.until, r.main.forUndo = p.data, p.cursor, p.until, p.forUndo
	r.main.since, r.main.length = p.since, p.length
	if t, ok := r.journal.(timer); ok && p.until != nil && p.length > 0 {
		r.main.woken = t.Woken()
	}
	if p.failed != nil {
		r.cause = p.failed.cause(p.state)
	}
	return true, nil
}

// cause is the error that a checkpoint of the kind failed holds.
func (p *payload) cause(state string) error {
	err := errors.New(p.Error)
	if p.Permanent {
		err = Permanent(err)
	}
	return &TaskError{State: state, Attempts: p.Attempts, Err: err}
}

// recorded is the state with that text.
func (r *run[S]) recorded(text string) (*node[S], error) {
	if n := r.w.byText[text]; n != nil {
		return n, nil
	}
	return nil, r.unknown(r.w.version, fmt.Errorf("%w: the run was recorded in state %s, which is not registered any more; see Version", ErrVersion, text))
}

// unknown is the error of a run that a workflow of that version recorded, and that this one
// cannot go on with. The run stays as it is if the journal keeps it for such a workflow.
func (r *run[S]) unknown(version int, err error) error {
	if j, ok := r.journal.(blocker); ok {
		return j.Blocked(version, err)
	}
	return r.journal.Permanent(err)
}
