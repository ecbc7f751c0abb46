package store

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"zombiezen.com/go/sqlite"

	"github.com/pawl-go/pawl/engine/core"
)

// Prune implements [engine.Store]. No index is ordered by flow, and none is needed: every 64th
// run or transition is indexed, so a search finds one not far above the flow's oldest, and a
// short walk does the rest. Flows that are busy at the same time share pages, so a large
// slice costs less than its parts.
func (s *Store) Prune(ctx context.Context, list []core.Cut, rows int) (results []core.Pruned, err error) {
	results = make([]core.Pruned, len(list))
	for i, c := range list {
		results[i] = core.Pruned{Pruned: c.Pruned, Looked: c.Looked, Resume: c.Resume, KeysOn: c.KeysOn, More: true}
	}
	w := s.writer
	w.mu.Lock()
	defer w.mu.Unlock()
	err = w.inOwnTransaction(ctx, func() error {
		p := pruner{writer: w, left: rows}
		for i := range list {
			if err := p.prune(&list[i], &results[i]); err != nil {
				return fmt.Errorf("flow key %d: %w", list[i].Flow, err)
			}
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("prune: %w", err)
	}
	return results, nil
}

// inOwnTransaction runs do in a transaction of its own. If another program is writing, it does
// nothing and returns nil.
func (w *writer) inOwnTransaction(ctx context.Context, do func() error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := w.ready(); err != nil {
		return err
	}
	if w.cuts.runMark == nil {
		if err := w.prepare(w.cuts.queries()); err != nil {
			return err
		}
	}
	if _, err := w.exec(w.begin); code(err) == sqlite.ResultBusy {
		return nil
	} else if err != nil {
		return w.afterFailure(err)
	}
	if err := do(); err != nil {
		return w.afterFailure(err)
	}
	if _, err := w.exec(w.statements.commit); err != nil {
		return w.afterFailure(err)
	}
	w.behind = checkpointMax // unknown, so that Checkpoint measures
	return w.files.check()
}

// pruner deletes within a transaction.
type pruner struct {
	*writer
	left int // rows that it may still read or write

	leaks, checkpoints, attempts *bool // whether there are any rows; nil: not known yet
}

// prune deletes the history of one flow, as far as the remaining rows allow.
func (p *pruner) prune(c *core.Cut, r *core.Pruned) error {
	r.More = false
	steps := []func(*core.Cut, *core.Pruned) error{p.cutRuns}
	if c.All {
		steps = append(steps, p.cutSpared, p.cutTransitionsOf, p.cutVerdicts, p.cutKeys)
	}
	for _, step := range steps {
		if p.left <= 0 {
			r.More = true
		}
		if r.More {
			return nil
		}
		if err := step(c, r); err != nil {
			return err
		}
	}
	return nil
}

// prunes are the statements for deleting.
type prunes struct {
	runMark, pastRuns, dropRuns, relink, setPruned     *sqlite.Stmt
	dropEnd                                            *sqlite.Stmt
	transitionMark, pastTransitions, dropTransitions   *sqlite.Stmt
	anyLeak, dropLeak, anyCheckpoint, dropCheckpoints  *sqlite.Stmt
	anyAttempt, dropAttempts                           *sqlite.Stmt
	dropVerdicts, oldestVerdict                        *sqlite.Stmt
	pastKeys, dropKey, oldestKey                       *sqlite.Stmt
	dropCommands, dropRunners, freePages, vacuum, size *sqlite.Stmt
}

func (c *prunes) queries() map[string]**sqlite.Stmt {
	return map[string]**sqlite.Stmt{
		runMark: &c.runMark, pastRuns: &c.pastRuns, dropRuns: &c.dropRuns, dropEnd: &c.dropEnd, relink: &c.relink, setPruned: &c.setPruned,
		transitionMark: &c.transitionMark, pastTransitions: &c.pastTransitions, dropTransitions: &c.dropTransitions,
		anyLeak: &c.anyLeak, dropLeak: &c.dropLeak, anyCheckpoint: &c.anyCheckpoint, dropCheckpoints: &c.dropCheckpoints,
		anyAttempt: &c.anyAttempt, dropAttempts: &c.dropAttempts,
		dropVerdicts: &c.dropVerdicts, oldestVerdict: &c.oldestVerdict,
		pastKeys: &c.pastKeys, dropKey: &c.dropKey, oldestKey: &c.oldestKey,
		dropCommands: &c.dropCommands, dropRunners: &c.dropRunners, freePages: &c.freePages, vacuum: &c.vacuum, size: &c.size,
	}
}

func (p *pruner) spend(rows int) { p.left -= rows }

// drop deletes rows and counts them.
func (p *pruner) drop(r *core.Pruned, stmt *sqlite.Stmt, numbers ...int64) (int, error) {
	n, err := p.exec(stmt, numbers...)
	p.spend(n)
	r.Deleted += n
	return n, err
}

// dropKeys deletes rows by their keys, many with one statement: half of the time of a small
// statement is the call.
func (p *pruner) dropKeys(r *core.Pruned, stmt *sqlite.Stmt, keys []int64) error {
	if len(keys) == 0 {
		return nil
	}
	list := []byte{'['}
	for _, key := range keys {
		list = append(strconv.AppendInt(list, key, 10), ',')
	}
	list[len(list)-1] = ']'
	bindTexts(stmt, 1, string(list))
	_, err := p.drop(r, stmt)
	return err
}

// each runs a query with numbers and lets row read its rows.
func (w *writer) each(stmt *sqlite.Stmt, row func(*sqlite.Stmt), numbers ...int64) (err error) {
	defer func() {
		if undo := stmt.Reset(); err == nil {
			err = undo
		}
	}()
	for i, n := range numbers {
		stmt.BindInt64(i+1, n)
	}
	for {
		more, err := stmt.Step()
		if err != nil || !more {
			return err
		}
		row(stmt)
	}
}

// number runs a query for one number; 0: there is no row, or the number is NULL.
func (w *writer) number(stmt *sqlite.Stmt, numbers ...int64) (n int64, err error) {
	err = w.each(stmt, func(s *sqlite.Stmt) { n = s.ColumnInt64(0) }, numbers...)
	return n, err
}

// earliest is the earlier of two instants; a zero instant does not count.
func earliest(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}

// limitOf is an instant as an upper bound in milliseconds; for the zero instant nothing is
// below it.
func limitOf(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMilli()
}
