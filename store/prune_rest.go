package store

import (
	"context"
	"fmt"
	"slices"
	"time"

	"zombiezen.com/go/sqlite"

	"github.com/pawl-go/pawl/engine/core"
	"github.com/pawl-go/pawl/store/internal/codes"
)

const (
	transitionMark = `SELECT seq FROM pawl_transition_log INDEXED BY pawl_transition_mark
WHERE flow = ?1 AND version % 64 = 0 ORDER BY version LIMIT 1`

	pastTransitions = `WITH RECURSIVE walk (seq) AS (
    SELECT ?1
    UNION ALL
    SELECT w.prev FROM walk k CROSS JOIN pawl_transition_log w ON w.seq = k.seq WHERE w.prev < w.seq
)
SELECT x.seq, x.at, COALESCE(x.run_number, 0) FROM walk k CROSS JOIN pawl_transition_log x ON x.seq = k.seq`

	dropTransitions = `DELETE FROM pawl_transition_log WHERE seq IN (SELECT value FROM json_each(?1))`
)

// change is a transition that Prune may delete.
type change struct{ seq, at, run int64 }

// cutTransitionsOf deletes transitions that are too old, or about deleted runs.
func (p *pruner) cutTransitionsOf(c *core.Cut, r *core.Pruned) error {
	done, err := p.cutTransitions(c, r.Pruned, r)
	r.More = r.More || !done
	return err
}

// cutTransitions deletes the flow's oldest transitions, but for its newest one, up to the
// first that is about a run above through. So a run above through has all of its own. A run
// below that stays, such as a failure, loses its own: transitions are a chain without gaps,
// which Verify folds, and one old failure would keep all that came after it. False: there
// are more.
func (p *pruner) cutTransitions(c *core.Cut, through int64, r *core.Pruned) (done bool, err error) {
	for first := true; first || p.left > 0 && !done; first = false { // a step each time, however little is left
		changes, whole, err := p.oldestChanges(c)
		if err != nil {
			return false, err
		}
		gone := expired(c, changes, through, r)
		if err := p.dropKeys(r, p.cuts.dropTransitions, gone); err != nil {
			return false, err
		}
		done = whole || len(gone) < len(changes)
	}
	return done, nil
}

// expired are the transitions, oldest first, that go.
func expired(c *core.Cut, changes []change, through int64, r *core.Pruned) (gone []int64) {
	for _, t := range changes {
		switch {
		case t.seq == c.LastSeq, t.run > through:
			return gone
		case t.run == 0 && through == 0 && t.at >= limitOf(c.Before):
			r.Oldest = earliest(r.Oldest, instant(t.at))
			return gone
		}
		gone = append(gone, t.seq)
	}
	return gone
}

// oldestChanges walks from the lowest mark, or the newest transition, down to the
// oldest, which is the first of the result. Whole: there are no others.
func (p *pruner) oldestChanges(c *core.Cut) (changes []change, whole bool, err error) {
	seq, err := p.number(p.cuts.transitionMark, c.Flow)
	if err != nil {
		return nil, false, err
	}
	if whole = seq == 0; whole {
		seq = c.LastSeq
	}
	err = p.each(p.cuts.pastTransitions, func(s *sqlite.Stmt) {
		changes = append(changes, change{s.ColumnInt64(0), s.ColumnInt64(1), s.ColumnInt64(2)})
	}, seq)
	p.spend(len(changes))
	slices.Reverse(changes)
	return changes, whole || len(changes) == 0, err
}

const (
	verdictSlice = 250

	// What is older than the oldest run that is kept goes with those before it, unless
	// it tells of one that is kept.
	dropVerdicts = `DELETE FROM pawl_verdict_log WHERE key IN (SELECT key FROM pawl_verdict_log
    WHERE flow = ?1 AND last_at < max(?2, ?3) AND (last_at < ?2 OR COALESCE(run_number, 0) <= ?4) ORDER BY last_at LIMIT ?5)`

	oldestVerdict = `SELECT min(last_at) FROM pawl_verdict_log WHERE flow = ?1`
)

// cutVerdicts deletes verdicts on occurrences before the kept history.
func (p *pruner) cutVerdicts(c *core.Cut, r *core.Pruned) error {
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

var pastKeys = `SELECT k.key, k.at, COALESCE(r.status, 1) NOT IN (` + codes.NotOver + `)
FROM pawl_keys k INDEXED BY pawl_keys_when LEFT JOIN pawl_run_log r ON r.key = k.run
WHERE k.flow = ?1 AND k.at >= ?2 AND k.at < ?3 ORDER BY k.at LIMIT ?4`

const (
	keySlice = 500

	dropKey   = `DELETE FROM pawl_keys WHERE flow = ?1 AND key = ?2`
	oldestKey = `SELECT min(at) FROM pawl_keys WHERE flow = ?1`
)

// cutKeys deletes idempotency keys that have expired.
func (p *pruner) cutKeys(c *core.Cut, r *core.Pruned) error {
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

// stale reads keys that are old enough, in the order of their acceptance, and returns those
// whose runs are over.
func (p *pruner) stale(c *core.Cut) (gone []string, last int64, n int, err error) {
	err = p.each(p.cuts.pastKeys, func(s *sqlite.Stmt) {
		n, last = n+1, s.ColumnInt64(1)
		if s.ColumnBool(2) {
			gone = append(gone, s.ColumnText(0))
		}
	}, c.Flow, limitOf(c.KeysOn), limitOf(c.Keys), keySlice)
	p.spend(n)
	return gone, last, n, err
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
	err = w.inOwnTransaction(ctx, func() error {
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

// shrink gives some free pages back, if there are more than the next runs need, and reports
// whether it did.
func (w *writer) shrink() (bool, error) {
	free, err := w.number(w.cuts.freePages)
	if err != nil || free < sparePages {
		return false, err
	}
	pages, err := w.number(w.cuts.size)
	if err != nil || free < pages/spareShare {
		return false, err
	}
	return w.giveBack()
}

// giveBack gives 64 free pages back, and reports whether any were given back: a file that an
// app created may be unable to.
func (w *writer) giveBack() (bool, error) {
	free, err := w.number(w.cuts.freePages)
	if err != nil || free == 0 {
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
	left, err := w.number(w.cuts.freePages)
	return left < free, err
}

// Shrink gives all free pages back, in small steps. It stops when another program is writing.
func (s *Store) Shrink(ctx context.Context) error {
	for more := true; more; {
		if err := s.shrinkSome(ctx, &more); err != nil {
			return fmt.Errorf("shrink: %w", err)
		}
	}
	return nil
}

// shrinkSome gives up to 1,024 pages back, in a transaction.
func (s *Store) shrinkSome(ctx context.Context, more *bool) error {
	*more = false
	w := s.writer
	w.mu.Lock()
	err := w.inOwnTransaction(ctx, func() (err error) {
		for range 16 {
			if *more, err = w.giveBack(); err != nil || !*more {
				return err
			}
		}
		return nil
	})
	w.mu.Unlock()
	if err != nil {
		return err
	}
	return s.Checkpoint(false)
}
