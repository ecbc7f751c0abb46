package store

import (
	"context"
	"fmt"
	"time"

	"zombiezen.com/go/sqlite"

	"github.com/pawl-go/pawl/engine"
)

const (
	transitionMark = `SELECT seq FROM pawl_transition_log INDEXED BY pawl_transition_mark
WHERE flow = ?1 AND version % 64 = 0 ORDER BY version LIMIT 1`

	pastTransition = `SELECT seq, COALESCE(prev, 0), at, COALESCE(run_number, 0) FROM pawl_transition_log WHERE seq = ?1`
	dropTransition = `DELETE FROM pawl_transition_log WHERE seq = ?1`
)

// change is a transition that may be deleted.
type change struct {
	seq, prev, at, run int64
}

// cutTransitionsOf deletes transitions that are too old, or tell of what was deleted.
func (p *pruner) cutTransitionsOf(c *engine.Cut, r *engine.Pruned) error {
	done, err := p.cutTransitions(c, r.Pruned, r)
	r.More = r.More || !done
	return err
}

// cutTransitions deletes the flow's oldest transitions up to the first that is about
// a run above through, so that each run that is kept has all of its own, but the
// newest one of the flow. False: there are more.
func (p *pruner) cutTransitions(c *engine.Cut, through int64, r *engine.Pruned) (done bool, err error) {
	for p.left > 0 {
		steps, last, err := p.oldestSteps(c)
		if err != nil {
			return false, err
		}
		for i := len(steps) - 1; i >= 0; i-- {
			t := steps[i]
			aged := t.at < limitOf(c.Before)
			switch {
			case t.seq == c.LastSeq, t.run > through:
				return true, nil
			case t.run == 0 && through == 0 && !aged:
				r.Oldest = earliest(r.Oldest, instant(t.at))
				return true, nil
			}
			if _, err := p.drop(r, p.cuts.dropTransition, t.seq); err != nil {
				return false, err
			}
		}
		if last || len(steps) == 0 {
			return true, nil
		}
	}
	return false, nil
}

// oldestSteps walks from the lowest mark, or the newest transition, down to the
// oldest.
func (p *pruner) oldestSteps(c *engine.Cut) (steps []change, last bool, err error) {
	seq, err := p.number(p.cuts.transitionMark, c.Flow)
	if err != nil {
		return nil, false, err
	}
	if last = seq == 0; last {
		seq = c.LastSeq
	}
	for seq != 0 {
		var t change
		p.spend(1)
		found, err := p.first(p.cuts.pastTransition, func(s *sqlite.Stmt) {
			t = change{s.ColumnInt64(0), s.ColumnInt64(1), s.ColumnInt64(2), s.ColumnInt64(3)}
		}, seq)
		if err != nil || !found {
			return steps, last, err
		}
		steps = append(steps, t)
		if t.prev >= seq { // edited by hand
			break
		}
		seq = t.prev
	}
	return steps, last, nil
}

const (
	verdictSlice = 250

	// What is older than the oldest run that is kept goes with those before it, unless
	// it tells of one that is kept.
	dropVerdicts = `DELETE FROM pawl_verdict_log WHERE key IN (SELECT key FROM pawl_verdict_log
    WHERE flow = ?1 AND last_at < max(?2, ?3) AND (last_at < ?2 OR COALESCE(run_number, 0) <= ?4) ORDER BY last_at LIMIT ?5)`

	oldestVerdict = `SELECT min(last_at) FROM pawl_verdict_log WHERE flow = ?1`
)

// cutVerdicts deletes verdicts on instants that nobody remembers.
func (p *pruner) cutVerdicts(c *engine.Cut, r *engine.Pruned) error {
	since := int64(0)
	if r.Pruned > 0 {
		s, err := p.stretch(c, r.Looked)
		if err != nil {
			return err
		}
		if len(s.runs) > 0 {
			since = s.runs[0].since.UnixMilli()
		}
	}
	n, err := p.drop(r, p.cuts.dropVerdicts, c.Flow, limitOf(c.Before), since, r.Pruned, verdictSlice)
	if err != nil || n == verdictSlice {
		r.More = true
		return err
	}
	oldest, err := p.number(p.cuts.oldestVerdict, c.Flow)
	r.Oldest = earliest(r.Oldest, instant(oldest))
	return err
}

const (
	keySlice = 500

	pastKeys = `SELECT k.key, k.at, COALESCE(r.status, 1) NOT IN (0, 5)
FROM pawl_keys k INDEXED BY pawl_keys_when LEFT JOIN pawl_run_log r ON r.key = k.run
WHERE k.flow = ?1 AND k.at >= ?2 AND k.at < ?3 ORDER BY k.at LIMIT ?4`

	dropKey   = `DELETE FROM pawl_keys WHERE flow = ?1 AND key = ?2`
	oldestKey = `SELECT min(at) FROM pawl_keys WHERE flow = ?1`
)

// cutKeys deletes idempotency keys that stand for nothing any more.
func (p *pruner) cutKeys(c *engine.Cut, r *engine.Pruned) error {
	gone, last, n, err := p.stale(c)
	if err != nil {
		return err
	}
	for _, key := range gone {
		bindTexts(p.cuts.dropKey, 2, key)
		if _, err := p.drop(r, p.cuts.dropKey, c.Flow); err != nil {
			return err
		}
	}
	r.KeysOn = time.Time{}
	if n == keySlice {
		r.More, r.KeysOn = true, instant(last)
		if len(gone) == 0 { // those of one millisecond may be more than a slice
			r.KeysOn = instant(last + 1)
		}
		return nil
	}
	oldest, err := p.number(p.cuts.oldestKey, c.Flow)
	r.Key = instant(oldest)
	return err
}

// stale reads keys that are old enough, in the order of their acceptance, and says
// which of them are those of runs that are over.
func (p *pruner) stale(c *engine.Cut) (gone []string, last int64, n int, err error) {
	q := p.cuts.pastKeys
	for i, number := range []int64{c.Flow, limitOf(c.KeysOn), limitOf(c.Keys), keySlice} {
		q.BindInt64(i+1, number)
	}
	for {
		more, err := q.Step()
		if err != nil {
			_ = q.Reset() // the first error is the one to report
			return nil, 0, 0, err
		}
		if !more {
			p.spend(n)
			return gone, last, n, q.Reset()
		}
		n, last = n+1, q.ColumnInt64(1)
		if q.ColumnBool(2) {
			gone = append(gone, q.ColumnText(0))
		}
	}
}

const (
	tidySlice   = 250
	keptRunners = 100 // rows of owners that stay, however old

	dropCommands = `DELETE FROM pawl_commands WHERE id IN (
    SELECT id FROM (SELECT id, handled_at FROM pawl_commands ORDER BY id LIMIT ?1) WHERE handled_at < ?2)`

	dropRunners = `DELETE FROM pawl_runners WHERE id IN (
    SELECT id FROM pawl_runners WHERE id <= (SELECT max(id) FROM pawl_runners) - ?1 ORDER BY id LIMIT ?2)
AND COALESCE(stopped_at, stopping_at, started_at) < ?3`
)

// Tidy implements [engine.Store].
func (s *Store) Tidy(ctx context.Context, before time.Time) (more bool, err error) {
	w := s.writer
	w.mu.Lock()
	defer w.mu.Unlock()
	err = w.aside(ctx, func() error {
		bindTexts(w.cuts.dropCommands, 2, iso(before))
		commands, err := w.exec(w.cuts.dropCommands, tidySlice)
		if err != nil {
			return err
		}
		bindTexts(w.cuts.dropRunners, 3, iso(before))
		runners, err := w.exec(w.cuts.dropRunners, keptRunners, tidySlice)
		if err != nil {
			return err
		}
		shrunk, err := w.shrink()
		more = shrunk || commands == tidySlice || runners == tidySlice
		return err
	})
	if err != nil {
		return false, fmt.Errorf("tidy: %w", err)
	}
	return more, nil
}

const (
	freePages = `PRAGMA freelist_count`
	size      = `PRAGMA page_count`
	vacuum    = `PRAGMA incremental_vacuum(64)`

	// Free pages that are kept for what comes next: this many, and one in so many.
	spareShare = 8
	sparePages = 256
)

// shrink gives some pages back, if more of them are free than the next runs need, and
// says whether it did.
func (w *writer) shrink() (bool, error) {
	free, err := w.number(w.cuts.freePages)
	if err != nil || free < sparePages {
		return false, err
	}
	pages, err := w.number(w.cuts.size)
	if err != nil || free < pages/spareShare {
		return false, err
	}
	for more := true; more && err == nil; { // a row for each page
		more, err = w.cuts.vacuum.Step()
	}
	if undo := w.cuts.vacuum.Reset(); err == nil {
		err = undo
	}
	if err != nil {
		return false, err
	}
	left, err := w.number(w.cuts.freePages) // a file that an app made may not give back any
	return left < free, err
}
