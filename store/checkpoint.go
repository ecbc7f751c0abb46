package store

import (
	"context"
	"strconv"
	"strings"

	"github.com/pawl-go/pawl/engine/core"
)

const putCheckpoint = `INSERT OR REPLACE INTO pawl_checkpoint_log (run, seq, at, state, kind, payload) VALUES (?, ?, ?, ?, ?, ?)`

// writeCheckpoints writes the checkpoints of a run.
func (w *writer) writeCheckpoints(c *core.Checkpoints) error {
	for _, step := range c.Steps {
		bindTexts(w.putCheckpoint, 4, step.State, step.Kind)
		bindNullable(w.putCheckpoint, 6, string(step.Payload))
		if _, err := w.exec(w.putCheckpoint, c.Key, step.Seq, step.At.UnixMilli()); err != nil {
			return err
		}
	}
	return nil
}

// checkpointRow is a row of the log of checkpoints.
type checkpointRow struct {
	Run     int64
	Seq     int64
	At      int64
	State   string
	Kind    string
	Payload string
}

func (r checkpointRow) checkpoint() core.CheckpointData {
	return core.CheckpointData{Seq: r.Seq, At: instant(r.At), State: r.State, Kind: r.Kind, Payload: core.JSON(r.Payload)}
}

// Checkpoints implements [engine.Store].
func (s *Store) Checkpoints(ctx context.Context, key int64) ([]core.CheckpointData, error) {
	return s.checkpoints(ctx, key)
}

// CheckpointsOf reads the checkpoints of a run, in order; false: there is no such run.
func (r *Reader) CheckpointsOf(ctx context.Context, flow string, number int64) (list []core.CheckpointData, ok bool, err error) {
	run, ok, err := r.runRow(ctx, flow, number)
	if err == nil && ok {
		list, err = r.checkpoints(ctx, run.Key)
	}
	return list, ok, err
}

func (r *Reader) checkpoints(ctx context.Context, run int64) ([]core.CheckpointData, error) {
	const query = `SELECT seq, at, state, kind, COALESCE(payload, '') AS payload FROM pawl_checkpoint_log WHERE run = ? ORDER BY seq`
	var rows []checkpointRow
	if err := r.db.SelectContext(ctx, &rows, query, run); err != nil {
		return nil, explainRead(r.path, err)
	}
	list := make([]core.CheckpointData, len(rows))
	for i, row := range rows {
		list[i] = row.checkpoint()
	}
	return list, nil
}

// marks reads the last checkpoints of runs in flight, as many as tell where they stall.
func (s *Store) marks(ctx context.Context, flows []*core.State) (map[int64]core.Mark, error) {
	const query = `SELECT c.run, c.seq, c.state, c.kind FROM json_each(?) k CROSS JOIN pawl_checkpoint_log c
ON c.run = k.value AND c.seq > (SELECT max(seq) FROM pawl_checkpoint_log m WHERE m.run = k.value) - 16
ORDER BY c.run, c.seq`
	var keys []string
	for _, f := range flows {
		for _, run := range f.Open {
			keys = append(keys, strconv.FormatInt(run.Key, 10))
		}
	}
	if len(keys) == 0 {
		return nil, nil
	}
	var rows []checkpointRow
	if err := s.db.SelectContext(ctx, &rows, query, "["+strings.Join(keys, ",")+"]"); err != nil {
		return nil, err
	}
	marks := map[int64]core.Mark{}
	for _, row := range rows {
		mark := marks[row.Run]
		mark.Seq, mark.State = row.Seq, row.State
		if mark.Stalled++; row.Kind != core.KindInterrupt {
			mark.Stalled, mark.Waits = 0, row.Kind == core.KindTimer
		}
		marks[row.Run] = mark
	}
	return marks, nil
}
