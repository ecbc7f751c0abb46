package store

import (
	"math"
	"slices"
	"time"

	"zombiezen.com/go/sqlite"

	"github.com/pawl-go/pawl/engine/core"
	"github.com/pawl-go/pawl/store/internal/codes"
)

const (
	// The lowest mark that is worth a walk: a run is looked at if one above is there.
	runMark = `SELECT key FROM pawl_run_log INDEXED BY pawl_run_mark
WHERE flow = ?1 AND number > ?2 + 1 AND number % 64 = 0 ORDER BY number LIMIT 1`

	// Down to the first run up to ?2.
	pastRuns = `WITH RECURSIVE walk (key) AS (
    SELECT ?1
    UNION ALL
    SELECT w.prev FROM walk k CROSS JOIN pawl_run_log w ON w.key = k.key WHERE w.prev < w.key AND w.number > ?2
)
SELECT r.key, COALESCE(r.prev, 0), r.number, r.status, COALESCE(r.finished_at, r.started_at, r.scheduled_at),
    min(r.scheduled_at, COALESCE(r.started_at, r.scheduled_at))
FROM walk k CROSS JOIN pawl_run_log r ON r.key = k.key LIMIT ?3`

	anyCheckpoint   = `SELECT 1 FROM pawl_checkpoint_log LIMIT 1`
	dropCheckpoints = `DELETE FROM pawl_checkpoint_log WHERE run IN (SELECT value FROM json_each(?1))`

	anyAttempt   = `SELECT 1 FROM pawl_attempt_log LIMIT 1`
	dropAttempts = `DELETE FROM pawl_attempt_log WHERE run IN (SELECT value FROM json_each(?1))`

	dropEnd   = `DELETE FROM pawl_run_ends WHERE status = ?1 AND run = ?2`
	dropRuns  = `DELETE FROM pawl_run_log WHERE key IN (SELECT value FROM json_each(?1))`
	relink    = `UPDATE pawl_run_log SET prev = ?2 WHERE key = ?1`
	setPruned = `UPDATE pawl_flow_plan SET pruned = max(pruned, ?2) WHERE key = ?1`

	anyLeak  = `SELECT 1 FROM pawl_leaks LIMIT 1`
	dropLeak = `DELETE FROM pawl_leaks WHERE flow_id = (SELECT id FROM pawl_flow_plan WHERE key = ?1) AND run_number = ?2`
)

// past is a run that may be deleted.
type past struct {
	core.Past
	since time.Time // the earliest that is known of it
	gone  bool
}

// stretch is some of a flow's runs, the oldest that were not looked at first. The
// last is only there for what comes before it.
type stretch struct {
	runs  []past
	below int64 // key of the run before the first, which was looked at; 0: there is none
	whole bool  // it reaches the flow's newest run
}

// cutRuns deletes runs that no earlier slice examined, oldest first, up to the first one that is
// too young.
func (p *pruner) cutRuns(c *core.Cut, r *core.Pruned) error {
	for p.left > 0 {
		s, err := p.stretch(c, r.Looked)
		if err != nil || len(s.runs) < 2 {
			return err
		}
		looked, through, kept := s.judge(c, r)
		if through > 0 {
			if done, err := p.cutTransitions(c, through, r); err != nil || !done {
				r.More = true
				return err
			}
			if err := p.dropAll(c, s, r); err != nil {
				return err
			}
		}
		r.Looked = max(r.Looked, looked)
		if kept || s.whole {
			return nil
		}
	}
	r.More = true
	return nil
}

// stretch reads from an indexed run down to the runs that were examined before.
func (p *pruner) stretch(c *core.Cut, looked int64) (s stretch, err error) {
	key, err := p.number(p.cuts.runMark, c.Flow, looked)
	if err != nil {
		return s, err
	}
	if s.whole = key == 0; s.whole {
		key = c.LastKey
	}
	runs, err := p.walk(key, looked, math.MaxInt64)
	if n := len(runs) - 1; n >= 0 && runs[n].Number <= looked {
		s.below, runs = runs[n].Key, runs[:n]
	}
	slices.Reverse(runs)
	s.runs = runs
	return s, err
}

// walk reads at most so many runs of a flow, newest first, from a key down to the
// first that was looked at.
func (p *pruner) walk(key, looked, most int64) (runs []past, err error) {
	err = p.each(p.cuts.pastRuns, func(s *sqlite.Stmt) {
		run := past{since: instant(s.ColumnInt64(5))}
		run.Key, run.Prev, run.Number = s.ColumnInt64(0), s.ColumnInt64(1), s.ColumnInt64(2)
		run.Status, run.End = codes.RunStatuses.Word(s.ColumnInt64(3)), instant(s.ColumnInt64(4))
		runs = append(runs, run)
	}, key, looked, most)
	p.spend(len(runs))
	return runs, err
}

// judge marks the runs to delete. Looked is the last run that is deleted or spared, through the
// last deleted one; kept reports a run that is too young.
func (s stretch) judge(c *core.Cut, r *core.Pruned) (looked, through int64, kept bool) {
	for i := range s.runs[:len(s.runs)-1] {
		run := &s.runs[i]
		switch {
		case c.Spares(&run.Past):
			r.Stayed.Spared = true
		case c.Expired(&run.Past) && c.Retains(&run.Past, 0):
			r.Stayed.Failure(run.End)
		case c.Expired(&run.Past):
			run.gone, through = true, run.Number
		default:
			r.Oldest = earliest(r.Oldest, run.End)
			return looked, through, true
		}
		looked = run.Number
	}
	return looked, through, false
}

// dropAll deletes the marked runs, and links the remaining ones to each other.
func (p *pruner) dropAll(c *core.Cut, s stretch, r *core.Pruned) error {
	var gone []past
	below := s.below
	for i := range s.runs {
		run := &s.runs[i]
		if run.gone {
			gone = append(gone, *run)
			continue
		}
		if err := p.link(run, below); err != nil {
			return err
		}
		below = run.Key
	}
	return p.dropRuns(c, gone, r)
}

// dropRuns deletes runs, and stores the highest number of them.
func (p *pruner) dropRuns(c *core.Cut, gone []past, r *core.Pruned) error {
	keys, highest := make([]int64, len(gone)), int64(0)
	for i, run := range gone {
		keys[i], highest = run.Key, max(highest, run.Number)
	}
	for _, own := range []struct {
		known    **bool
		any, all *sqlite.Stmt
	}{{&p.checkpoints, p.cuts.anyCheckpoint, p.cuts.dropCheckpoints}, {&p.attempts, p.cuts.anyAttempt, p.cuts.dropAttempts}} {
		if some, err := p.some(own.known, own.any); err != nil {
			return err
		} else if some {
			if err := p.dropKeys(r, own.all, keys); err != nil {
				return err
			}
		}
	}
	if err := p.dropKeys(r, p.cuts.dropRuns, keys); err != nil {
		return err
	}
	for _, run := range gone {
		if codes.InRunEnds(run.Status) {
			if _, err := p.exec(p.cuts.dropEnd, codes.RunStatuses.Code(run.Status), run.Key); err != nil {
				return err
			}
		}
	}
	if err := p.dropLeaks(c, gone, r); err != nil || highest <= r.Pruned {
		return err
	}
	r.Pruned = highest
	_, err := p.exec(p.cuts.setPruned, c.Flow, highest)
	return err
}

// link lets a run point at the one that is kept before it. Of the first nothing is
// before, wherever it points.
func (p *pruner) link(run *past, below int64) error {
	if below == 0 || run.Prev == below {
		return nil
	}
	run.Prev = below
	p.spend(1)
	_, err := p.exec(p.cuts.relink, run.Key, below)
	return err
}

// dropLeaks deletes the rows of jobs that outlasted these runs.
func (p *pruner) dropLeaks(c *core.Cut, gone []past, r *core.Pruned) error {
	if some, err := p.some(&p.leaks, p.cuts.anyLeak); err != nil || !some {
		return err
	}
	for _, run := range gone {
		if _, err := p.drop(r, p.cuts.dropLeak, c.Flow, run.Number); err != nil {
			return err
		}
	}
	return nil
}

// some reports whether a table that is usually empty has rows.
func (p *pruner) some(known **bool, query *sqlite.Stmt) (bool, error) {
	if *known == nil {
		n, err := p.number(query)
		if err != nil {
			return false, err
		}
		some := n != 0
		*known = &some
	}
	return **known, nil
}

// sparedSlice is how many spared runs one step examines.
const sparedSlice = 250

// cutSpared walks over the spared runs (failures that stayed when the runs around them were
// deleted), newest first, and deletes those that are not needed any more.
func (p *pruner) cutSpared(c *core.Cut, r *core.Pruned) error {
	r.Stayed = core.Stayed{} // what cutRuns found is walked over again
	if c.Resume != 0 {
		r.Stayed = c.Stayed
	}
	upper, err := p.firstSpared(c, r)
	if err != nil || upper == nil {
		return err
	}
	for p.left > 0 {
		runs, err := p.walk(upper.Prev, 0, sparedSlice)
		if err != nil {
			return err
		}
		if upper, err = p.dropUnspared(c, upper, runs, r); err != nil {
			return err
		}
		if r.Resume = upper.Key; len(runs) < sparedSlice {
			r.Resume = 0
			return nil
		}
	}
	r.More = true
	return nil
}

// dropUnspared deletes the runs below upper that are not needed any more, and returns the last
// one that stays.
func (p *pruner) dropUnspared(c *core.Cut, upper *past, runs []past, r *core.Pruned) (*past, error) {
	var gone []past
	for i := range runs {
		run := &runs[i]
		spared, expired := c.Spares(&run.Past), c.Expired(&run.Past)
		retained := !spared && expired && c.Retains(&run.Past, r.Stayed.Failures)
		if !spared && expired && !retained {
			gone = append(gone, *run)
			if i == len(runs)-1 {
				if err := p.link(upper, run.Prev); err != nil {
					return nil, err
				}
			}
			continue
		}
		if err := p.link(upper, run.Key); err != nil {
			return nil, err
		}
		upper = run
		switch {
		case retained:
			r.Stayed.Failure(run.End)
		case spared:
			r.Stayed.Spared = true
		default:
			r.Stayed.Spared, r.Oldest = true, earliest(r.Oldest, run.End)
		}
	}
	return upper, p.dropRuns(c, gone, r)
}

// firstSpared is the run above the one at which the walk begins or goes on; nil: there is
// nothing to walk over.
func (p *pruner) firstSpared(c *core.Cut, r *core.Pruned) (*past, error) {
	if c.Resume != 0 {
		runs, err := p.walk(c.Resume, 0, 1)
		if err != nil {
			return nil, err
		}
		if len(runs) > 0 {
			return &runs[0], nil
		}
	}
	s, err := p.stretch(c, r.Looked)
	if err != nil || len(s.runs) == 0 || s.below == 0 {
		return nil, err
	}
	return &s.runs[0], nil
}
