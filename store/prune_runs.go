package store

import (
	"time"

	"zombiezen.com/go/sqlite"

	"github.com/pawl-go/pawl/engine"
)

const (
	// The lowest mark that is worth a walk: a run is looked at if one above is there.
	runMark = `SELECT key FROM pawl_run_log INDEXED BY pawl_run_mark
WHERE flow = ?1 AND number > ?2 + 1 AND number % 64 = 0 ORDER BY number LIMIT 1`

	pastRun = `SELECT key, COALESCE(prev, 0), number, status, COALESCE(finished_at, started_at, scheduled_at),
    min(scheduled_at, COALESCE(started_at, scheduled_at))
FROM pawl_run_log WHERE key = ?1`

	dropRun   = `DELETE FROM pawl_run_log WHERE key = ?1`
	relink    = `UPDATE pawl_run_log SET prev = ?2 WHERE key = ?1`
	setPruned = `UPDATE pawl_flow_plan SET pruned = ?2 WHERE key = ?1`

	anyLeak  = `SELECT 1 FROM pawl_leaks LIMIT 1`
	dropLeak = `DELETE FROM pawl_leaks WHERE flow_id = (SELECT id FROM pawl_flow_plan WHERE key = ?1) AND run_number = ?2`
)

// past is a run that may be deleted.
type past struct {
	engine.Past
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

// cutRuns deletes runs that were not looked at before, oldest first, up to the first
// that is to be kept for its age.
func (p *pruner) cutRuns(c *engine.Cut, r *engine.Pruned) error {
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
			if err := p.dropAll(c, s, through, r); err != nil {
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

// stretch walks from a mark down to the runs that were looked at.
func (p *pruner) stretch(c *engine.Cut, looked int64) (s stretch, err error) {
	key, err := p.number(p.cuts.runMark, c.Flow, looked)
	if err != nil {
		return s, err
	}
	if s.whole = key == 0; s.whole {
		key = c.LastKey
	}
	for key != 0 {
		run, found, err := p.past(key)
		if err != nil || !found {
			return s.turned(), err
		}
		if run.Number <= looked {
			s.below = run.Key
			break
		}
		s.runs = append(s.runs, run)
		if run.Prev >= key { // edited by hand
			break
		}
		key = run.Prev
	}
	return s.turned(), nil
}

func (p *pruner) past(key int64) (run past, found bool, err error) {
	p.spend(1)
	found, err = p.first(p.cuts.pastRun, func(s *sqlite.Stmt) {
		run.Key, run.Prev, run.Number = s.ColumnInt64(0), s.ColumnInt64(1), s.ColumnInt64(2)
		run.Status = runStatuses.word(s.ColumnInt64(3))
		run.End, run.since = instant(s.ColumnInt64(4)), instant(s.ColumnInt64(5))
	}, key)
	return run, found, err
}

// turned puts the oldest run first.
func (s stretch) turned() stretch {
	for i, j := 0, len(s.runs)-1; i < j; i, j = i+1, j-1 {
		s.runs[i], s.runs[j] = s.runs[j], s.runs[i]
	}
	return s
}

// judge marks the runs that go. Looked is the last of those that go or are spared,
// through the last that goes; kept says that one was met that is not due yet.
func (s stretch) judge(c *engine.Cut, r *engine.Pruned) (looked, through int64, kept bool) {
	for i := range s.runs[:len(s.runs)-1] {
		run := &s.runs[i]
		switch {
		case c.Spares(&run.Past):
			r.Spared = true
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

// dropAll deletes the runs that go, and lets those that stay point at each other.
func (p *pruner) dropAll(c *engine.Cut, s stretch, through int64, r *engine.Pruned) error {
	below := s.below
	for i := range s.runs {
		run := &s.runs[i]
		if run.gone {
			if err := p.dropRun(c, run, r); err != nil {
				return err
			}
			continue
		}
		if err := p.link(run, below); err != nil {
			return err
		}
		below = run.Key
	}
	return p.prunedTo(c, through, r)
}

// prunedTo remembers the highest run that was deleted.
func (p *pruner) prunedTo(c *engine.Cut, number int64, r *engine.Pruned) error {
	if number <= r.Pruned {
		return nil
	}
	r.Pruned = number
	_, err := p.exec(p.cuts.setPruned, c.Flow, number)
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

func (p *pruner) dropRun(c *engine.Cut, run *past, r *engine.Pruned) error {
	if _, err := p.drop(r, p.cuts.dropRun, run.Key); err != nil {
		return err
	}
	if p.leaks == nil {
		n, err := p.number(p.cuts.anyLeak)
		if err != nil {
			return err
		}
		some := n != 0
		p.leaks = &some
	}
	if !*p.leaks {
		return nil
	}
	_, err := p.drop(r, p.cuts.dropLeak, c.Flow, run.Number)
	return err
}

// cutSpared walks over the runs that stayed when others around them were deleted,
// newest first, and deletes those that need not stay any more.
func (p *pruner) cutSpared(c *engine.Cut, r *engine.Pruned) error {
	upper, next, err := p.firstSpared(c, r)
	if err != nil || upper == nil {
		return err
	}
	r.Resume = 0
	for next != 0 && next < upper.Key {
		if p.left <= 0 {
			r.More, r.Resume = true, upper.Key
			return p.link(upper, next)
		}
		run, found, err := p.past(next)
		if err != nil || !found {
			return err
		}
		next = run.Prev
		if !c.Spares(&run.Past) && c.Expired(&run.Past) {
			if err := p.dropRun(c, &run, r); err != nil {
				return err
			}
			if err := p.prunedTo(c, run.Number, r); err != nil {
				return err
			}
			continue
		}
		if err := p.link(upper, run.Key); err != nil {
			return err
		}
		r.Spared, upper = true, &run
		if !c.Spares(&run.Past) {
			r.Oldest = earliest(r.Oldest, run.End)
		}
	}
	return nil
}

// firstSpared is where the walk begins, or goes on: a run that stays, and the key of
// the one before it. Nil: there is nothing to walk over.
func (p *pruner) firstSpared(c *engine.Cut, r *engine.Pruned) (upper *past, next int64, err error) {
	if c.Resume != 0 {
		run, found, err := p.past(c.Resume)
		if err != nil || found {
			r.Spared = true
			return &run, run.Prev, err
		}
	}
	s, err := p.stretch(c, r.Looked)
	if err != nil || len(s.runs) == 0 || s.below == 0 {
		return nil, 0, err
	}
	return &s.runs[0], s.below, nil
}
