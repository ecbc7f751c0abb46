package engine

import (
	"time"

	"github.com/pawl-go/pawl/engine/core"
)

// History is deleted between commits: in slices of a few milliseconds when nothing
// else is to be done, and when there always is, as fast as runs are added. A flow with a few
// runs too many waits for others, or for a minute; each hour those that have something
// of a certain age are looked at. All that is remembered is in memory.

const (
	pruneBatch = 64                   // runs too many of a flow that are worth a transaction
	pruneFlows = 64                   // flows in one
	pruneSlice = 2000                 // rows in one, while nobody waits: a few milliseconds
	pruneLarge = 10_000               // rows in one that others wait for: half of the time per row
	pruneDebt  = 2000                 // rows of runs that are written until somebody has to wait for a slice
	pruneCalm  = 2 * time.Millisecond // without work until nobody is taken to wait
	pruneScan  = 4096                 // flows that are looked at between two commits
	pruneRest  = time.Minute          // until what is not worth a transaction of its own is deleted
	pruneRound = time.Hour            // between looks for what is too old
)

// pruner is what the driver knows of history that has to be deleted.
type pruner struct {
	ready []*flow   // that are worth it, first come first served
	few   []*flow   // that have a few runs too many
	debt  int       // rows of runs that were written, with flows in ready
	next  time.Time // when few become ready; monotonic
	round time.Time // when the next look at all flows begins; monotonic
	scan  int       // flows that are still to be looked at
	tidy  bool      // there may be something to do beyond flows
	again time.Time // not before, after an error; monotonic
	ill   bool      // the last attempt failed
	calm  bool      // the driver had nothing else to do
}

// pruning is what it knows of a flow.
type pruning struct {
	pruned int64 // the highest run that was deleted
	looked int64 // the highest that was looked at
	resume int64
	keysOn int64 // in milliseconds, as those below; 0: none
	oldest int64 // nothing that is deleted for its age ended before
	key    int64 // no idempotency key was accepted before; 0: there is none
	failed int64 // no failure that is kept beyond other runs ended before; 0: there is none
	extra  int   // how many such failures there are, as far as known

	ready  bool // it is in the list of that name
	few    bool
	all    bool // all that there is has to be looked at
	spared bool // there may be runs below that stayed for what the state rests on
	walked bool // the look at all that is not finished has found such
}

// begun is what is known of a flow when a start has read it.
func begun(s *core.State, pruned int64) pruning {
	created := s.CreatedAt.UnixMilli()
	return pruning{pruned: pruned, looked: pruned, spared: pruned > 0, oldest: created, key: created}
}

// history is what is known of that of the flow, to be changed.
func (f *flow) history() *pruning {
	if f.pruning == nil {
		p := f.known()
		f.pruning = &p
	}
	return f.pruning
}

// known is the same, to be read: most flows of many have none that is worth remembering.
func (f *flow) known() pruning {
	if f.pruning == nil {
		return begun(f.state.Load(), 0)
	}
	return *f.pruning
}

// looked is the highest run of the flow that was looked at.
func (f *flow) looked() int64 {
	if f.pruning == nil {
		return 0
	}
	return f.pruning.looked
}

// start lets a start be over before anything is looked at.
func (p *pruner) start(now time.Time) {
	p.next, p.round = now.Add(pruneRest), now.Add(pruneRest)
}

// grow notes what a change adds to the history of a flow.
func (p *pruner) grow(f *flow, c *core.Change) {
	if c.Token != nil && f.known().key == 0 {
		f.history().key = c.Token.At.UnixMilli()
	}
	if len(c.Runs) > 0 { // the newest run before is not spared any more, and may be old
		f.history().oldest = 0
	}
	p.note(f, c.State)
	if len(p.ready) > 0 {
		p.debt += len(c.Runs)
	}
}

// note puts a flow into the list where it belongs.
func (p *pruner) note(f *flow, s *core.State) {
	switch n := s.ExcessRuns(f.keep(), f.looked()); {
	case n == 0:
	case n >= pruneBatch:
		p.enlist(f)
	case !f.known().few:
		p.few = append(p.few, f)
		f.history().few = true
	}
}

func (p *pruner) enlist(f *flow) {
	if !f.known().ready {
		p.ready = append(p.ready, f)
		f.history().ready = true
	}
}

// pending says whether there is something to do now.
func (p *pruner) pending() bool { return len(p.ready) > 0 || p.scan > 0 || p.tidy }

// prunes says whether the driver has history to delete as soon as nobody waits.
func (e *Engine) prunes(now time.Time) bool {
	return e.pruner.pending() && !e.draining && !e.passive() && !now.Before(e.pruner.again) && !now.Before(e.retryAt)
}

// pruneIn is how long the driver may sleep until it has history to delete.
func (e *Engine) pruneIn(now time.Time) time.Duration {
	switch p := &e.pruner; {
	case !e.prunes(now) && len(p.few) > 0:
		return p.next.Sub(now)
	case !e.prunes(now):
		return lookDelay
	case p.calm:
		return 0
	}
	return pruneCalm
}

// prune deletes a slice of history, if there is some and time for it. Worked says
// that the driver comes from doing something else.
func (e *Engine) prune(worked bool) {
	now, p := time.Now(), &e.pruner
	p.calm = !worked
	p.wake(now, len(e.all().ordered))
	if !e.prunes(now) {
		return
	}
	busy := worked || e.waitedFor()
	if busy && p.debt < pruneDebt {
		return
	}
	err := error(nil)
	switch {
	case p.scan > 0:
		e.scanOld()
	case len(p.ready) > 0:
		err = e.pruneSome(busy)
	case !busy:
		p.tidy, err = e.Store.Tidy(e.work, e.ages(core.Plan{}).Rest)
	}
	e.prunedWell(err, now)
}

// wake begins what is due now and then.
func (p *pruner) wake(now time.Time, flows int) {
	if !now.Before(p.next) {
		p.next = now.Add(pruneRest)
		for _, f := range p.few {
			f.history().few = false
			p.enlist(f)
		}
		p.few = p.few[:0]
	}
	if !now.Before(p.round) && p.scan == 0 {
		p.round = now.Add(pruneRound)
		p.scan, p.tidy = flows, true
	}
}

// waitedFor says whether somebody waits for the driver.
func (e *Engine) waitedFor() bool {
	due := e.loops.first()
	return len(e.commands) > 0 || len(e.urgent) > 0 || !due.IsZero() && !due.After(e.now())
}

// prunedWell draws the consequence of an attempt: after an error there is a pause.
func (e *Engine) prunedWell(err error, now time.Time) {
	if err != nil && !e.pruner.ill {
		e.Logger.Error("pawl: old history cannot be deleted; it is tried again", "error", err)
	}
	e.pruner.ill = err != nil
	if err != nil {
		e.pruner.again = now.Add(pruneRest)
	}
}

// scanOld looks for flows of which something may be too old, without asking the store.
func (e *Engine) scanOld() {
	p, all := &e.pruner, e.all().ordered
	p.scan = min(p.scan, len(all))
	for range min(pruneScan, p.scan) {
		p.scan--
		f := all[p.scan]
		plan, s, known := f.plan(), f.state.Load(), f.known()
		a := e.ages(plan)
		old := max(known.oldest, s.CreatedAt.UnixMilli()) < toMillis(a.Runs)
		stale := known.key != 0 && known.key < toMillis(a.Keys)
		failed := known.failed != 0 && known.failed < toMillis(a.Failures) || known.extra > plan.EffectiveRetention().Failures.Runs
		p.note(f, s)
		if s.Version > 0 && (old || stale || failed || known.spared) {
			f.history().all = true
			p.enlist(f)
		}
	}
}

// pruneSome deletes a slice of the history of the first flows that have too much.
func (e *Engine) pruneSome(busy bool) error {
	p, now, rows := &e.pruner, e.now(), pruneSlice
	if busy {
		rows = pruneLarge
	}
	flows := p.ready[:min(len(p.ready), pruneFlows)]
	cuts := make([]core.Cut, len(flows))
	for i, f := range flows {
		plan := f.plan()
		cuts[i] = f.state.Load().Cut(plan, e.ages(plan))
		f.history().goOn(&cuts[i])
	}
	results, err := e.Store.Prune(e.work, cuts, rows)
	if err != nil {
		return err
	}
	p.ready = p.ready[len(flows):]
	deleted := 0
	for i, f := range flows {
		deleted += results[i].Deleted
		e.follow(f, results[i], now)
	}
	if len(p.ready) == 0 {
		p.ready, p.debt = nil, 0
	}
	if deleted > 0 {
		p.debt -= min(p.debt, deleted)
		p.tidy = true
		e.checkpoint()
	}
	return nil
}

// goOn lets a cut begin where the last one ended.
func (p *pruning) goOn(c *core.Cut) {
	c.Pruned, c.Looked, c.All, c.Resume, c.KeysOn = p.pruned, p.looked, p.all, p.resume, core.FromMillis(p.keysOn)
	c.Stayed = core.Stayed{Spared: p.walked, Failures: p.extra, Oldest: core.FromMillis(p.failed)}
}

// toMillis keeps a time in few bytes; 0 for none.
func toMillis(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMilli()
}

// follow takes over what became of a cut.
func (e *Engine) follow(f *flow, r core.Pruned, now time.Time) {
	k := f.history()
	k.pruned, k.looked, k.resume, k.keysOn, k.ready = r.Pruned, r.Looked, r.Resume, toMillis(r.KeysOn), false
	if k.all {
		k.walked, k.extra, k.failed = r.Stayed.Spared, r.Stayed.Failures, toMillis(r.Stayed.Oldest)
	} else {
		k.extra += r.Stayed.Failures
		if failed := toMillis(r.Stayed.Oldest); k.failed == 0 || failed != 0 && failed < k.failed {
			k.failed = failed
		}
	}
	k.spared = k.spared || r.Stayed.Spared
	if r.More {
		e.pruner.enlist(f)
		return
	}
	if k.all {
		k.oldest, k.key, k.spared = toMillis(r.Oldest), toMillis(r.Key), k.walked
		if k.oldest == 0 {
			k.oldest = toMillis(now)
		}
	}
	k.all = false
	if keep := f.keep().Failures.Runs; k.extra > keep && k.extra-keep > pruneBatch+keep/4 { // the walk is as long as all of them
		k.all = true
		e.pruner.enlist(f)
	}
	e.pruner.note(f, f.state.Load())
}

// ages is what may be deleted by age now.
func (e *Engine) ages(p core.Plan) core.Ages {
	if !e.agesFrom.IsZero() {
		return core.Ages{Keys: nothing, Rest: nothing}
	}
	return p.Ages(e.clock.wall.Add(time.Since(e.clock.mono)).UTC()) // a step since the last look may be one ahead
}

// nothing is older than that.
var nothing = time.UnixMilli(1).UTC()

func (f *flow) keep() core.Retention { return f.terms.Load().shared.EffectiveRetention() }
