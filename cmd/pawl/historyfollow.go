package main

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/pawl-go/pawl"
	"github.com/pawl-go/pawl/cmd/pawl/internal/term"
)

// followHistory shows runs, the newest last, and goes on with each that is over.
func followHistory(ctx context.Context, c *pawl.Client, q historyQuery, out term.Format) error {
	seq, err := c.NewestTransition(ctx) // before the look, or one would be missed
	if err != nil {
		return err
	}
	runs, err := q.runs(ctx, c)
	if err != nil {
		return err
	}
	slices.Reverse(runs)
	runs = slices.DeleteFunc(runs, func(r pawl.RunInfo) bool { return !r.Status.Over() })
	p := runPrinter{shown: recent{keys: map[runKey]bool{}}}
	p.Format, p.Table = out, func(runs []listedRun) term.Table { return historyTable(infos(runs), time.Now()) }
	if err := p.print(runs...); err != nil {
		return err
	}
	for t, err := range c.Transitions(ctx, seq) {
		if err == nil && t.RunNumber > 0 {
			err = p.ended(ctx, c, q, t)
		}
		if ctx.Err() != nil {
			return signalled(ctx)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

type runKey struct {
	flow   string
	number int64
}

// A runPrinter shows runs, each once, below one line of titles.
type runPrinter struct {
	term.Pages[listedRun]
	shown recent // a run may have transitions after that which ended it, or be read late
}

// recent remembers the last of many runs.
type recent struct {
	keys  map[runKey]bool
	order []runKey
}

const mostRecent = 10_000

// add says whether a run is new.
func (r *recent) add(k runKey) bool {
	if r.keys[k] {
		return false
	}
	r.keys[k] = true
	if r.order = append(r.order, k); len(r.order) > mostRecent {
		delete(r.keys, r.order[0])
		r.order = r.order[1:]
	}
	return true
}

// ended shows the run of a transition, if that ended it.
func (p *runPrinter) ended(ctx context.Context, c *pawl.Client, q historyQuery, t pawl.Transition) error {
	run, err := runOf(ctx, c, t.FlowID, t.RunNumber)
	if errors.Is(err, pawl.ErrRunNotFound) {
		return nil // a short retention
	}
	if err != nil || !run.Status.Over() || !q.takes(run) || p.shown.keys[runKey{run.FlowID, run.Number}] {
		return err
	}
	return p.print(run)
}

func (p *runPrinter) print(runs ...pawl.RunInfo) error {
	for _, r := range runs {
		p.shown.add(runKey{r.FlowID, r.Number})
	}
	if err := p.Pages.Print(listed(runs)...); err != nil {
		return err
	}
	return term.Stdout.Flush()
}
