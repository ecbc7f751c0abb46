package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"time"

	"github.com/pawl-go/pawl"
	"github.com/pawl-go/pawl/cmd/pawl/internal/files"
)

// A notified is how far a webhook has been told. It is kept beside the database, so that
// the next daemon tells the rest: what waited when this one ended, and what nobody looked at.
type notified struct {
	Seq     int64    `json:"seq"`     // of the last transition that was dealt with
	Failing []string `json:"failing"` // flows of which the last that was told is that they fail
}

const maxNotified = 64 << 20 // bytes: the ids of a million flows, and more

// mostDelay is how old something may be that is told late.
const mostDelay = 24 * time.Hour

const catchUpTimeout = 10 * time.Second // during which the observer waits

// catchUp tells what happened since the last daemon dealt with something.
func (n *notifier) catchUp(r *pawl.Runner, ask askRun) {
	ctx, cancel := context.WithTimeout(context.Background(), catchUpTimeout)
	defer cancel()
	last, err := r.View().LastSeq(ctx)
	state, known := n.recall()
	if err == nil && known && state.Seq < last {
		for _, id := range state.Failing {
			n.mark(id, true)
		}
		err = n.replay(ctx, r, state.Seq, last, ask)
	}
	if err != nil {
		n.log.Error("earlier transitions that the webhook did not receive are left out", "error", err)
	}
}

// replay observes what was committed after one transition, up to another, and is not too
// old.
func (n *notifier) replay(ctx context.Context, r *pawl.Runner, after, last int64, ask askRun) error {
	for t, err := range r.Transitions(ctx, after) {
		if err != nil {
			return err
		}
		if n.born.Sub(t.At) < mostDelay {
			n.observe(t, ask)
		}
		if t.Seq >= last {
			return nil
		}
	}
	return nil
}

// recall reads how far the last daemon came. False: it is not known, or of no use.
func (n *notifier) recall() (state notified, known bool) {
	if n.to.webhook == "" {
		if err := os.Remove(n.file); err != nil && !errors.Is(err, fs.ErrNotExist) {
			n.log.Warn("the record of what a removed webhook received cannot be deleted", "error", err)
		}
		return state, false
	}
	data, info, err := files.ReadRegular(n.file, maxNotified, files.NoFollow)
	if err == nil {
		if who, remedy := files.Strangers(info); who != "" {
			err = fmt.Errorf("%w: %s can write %s; fix that with: %s %[3]s", os.ErrPermission, who, n.file, remedy)
		}
	}
	if err == nil {
		err = json.Unmarshal(data, &state)
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		n.log.Warn("cannot read which transitions the webhook received", "error", err)
	}
	return state, err == nil
}

// remember keeps how far the webhook is told, when nothing waits. What waits when the
// process is killed is told again by the next.
func (n *notifier) remember() {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.pending > 0 || n.seen == n.kept || n.to.webhook == "" || n.file == "" {
		return
	}
	state := notified{Seq: n.seen, Failing: []string{}}
	for id, fails := range n.failing {
		if fails {
			state.Failing = append(state.Failing, id)
		}
	}
	slices.Sort(state.Failing)
	if err := files.WriteJSON(n.file, state); err != nil && !n.unkept {
		n.log.Error("cannot store which transitions the webhook received; a restart may send some again", "error", err)
		n.unkept = true
		return
	}
	n.kept = n.seen
}
