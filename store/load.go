package store

import (
	"cmp"
	"context"
	"crypto/rand"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"time"

	"github.com/jmoiron/sqlx"

	"github.com/pawl-go/pawl/engine"
	"github.com/pawl-go/pawl/engine/core"
	"github.com/pawl-go/pawl/engine/schedule"
	"github.com/pawl-go/pawl/store/internal/codes"
)

// Load implements [engine.Store].
func (s *Store) Load(ctx context.Context) (engine.Snapshot, error) {
	snap, err := s.load(ctx)
	return snap, explainWrite(s.path, err)
}

func (s *Store) load(ctx context.Context) (snap engine.Snapshot, err error) {
	if snap.Flows, snap.Pruned, err = s.states(ctx, "", null); err != nil {
		return snap, fmt.Errorf("flows: %w", err)
	}
	if snap.Database, snap.Generation, err = s.identity(ctx); err != nil {
		return snap, fmt.Errorf("identity: %w", err)
	}
	if snap.Marks, err = s.marks(ctx, snap.Flows); err != nil {
		return snap, fmt.Errorf("checkpoints: %w", err)
	}
	if snap.Counters, err = s.counters(ctx); err != nil {
		return snap, fmt.Errorf("counters: %w", err)
	}
	if snap.Previous, err = s.newestOwner(ctx); err != nil {
		return snap, fmt.Errorf("last owner: %w", err)
	}
	if snap.LastAt, err = s.lastAt(ctx); err != nil {
		return snap, fmt.Errorf("last transition: %w", err)
	}
	if err = s.db.GetContext(ctx, &snap.AgesWait, `SELECT 1000000 * ages_wait FROM pawl_database`); err != nil {
		return snap, fmt.Errorf("deletion by age: %w", err)
	}
	if err = s.checkOrigin(ctx, &snap); err != nil {
		return snap, fmt.Errorf("origin: %w", err)
	}
	s.addShutdownRecord(&snap)
	if snap.Waiting, err = s.inbox.waiting(ctx, startLimit); err != nil {
		return snap, fmt.Errorf("inbox: %w", err)
	}
	snap.Violations = s.verifyIfSmall(ctx)
	return snap, ctx.Err()
}

// verifyLimit is the size, log included, up to which every start verifies a file. Verify takes
// some 50 ms per MiB.
const verifyLimit = 4 << 20

// verifyIfSmall returns what Verify finds in a small file. A failure of Verify does not stop the
// start.
func (r *Reader) verifyIfSmall(ctx context.Context) []string {
	var size int64
	for _, name := range []string{r.path, r.path + "-wal"} {
		if info, err := os.Stat(name); err == nil {
			size += info.Size()
		}
	}
	if size > verifyLimit {
		return nil
	}
	found, err := r.Verify(ctx)
	if err != nil {
		found = append(found, err.Error())
	}
	return found
}

// Reload implements [engine.Store].
func (s *Store) Reload(ctx context.Context, flow int64) (core.State, engine.Counters, error) {
	states, _, err := s.states(ctx, " WHERE s.key = ?", flow)
	if err != nil {
		return core.State{}, engine.Counters{}, err
	}
	counters, err := s.counters(ctx)
	if len(states) == 0 {
		return core.State{}, counters, err
	}
	return *states[0], counters, err
}

// Inbox implements [engine.Store].
func (s *Store) Inbox(ctx context.Context, again bool) ([]engine.Command, error) {
	if err := s.writer.files.check(); err != nil {
		return nil, err
	}
	return s.inbox.poll(ctx, again)
}

// states reads flows with their runs in flight, and by flow the highest run that was deleted.
func (s *Store) states(ctx context.Context, where string, key int64) (states []*core.State, pruned map[int64]int64, err error) {
	pruned = map[int64]int64{}
	last, policies := &core.Definition{}, lastPolicies() // most flows have the definition of the flow before
	err = s.writer.readFlows(ctx, where, key, func(row flowRow) error {
		if !codes.Statuses.Has(row.Status) {
			return fmt.Errorf("flow %q has the unknown status %d: was its row edited? pawl verify names what does not fit", row.ID, row.Status)
		}
		if d := row.definition(policies); d != *last {
			other := d
			last = &other
		}
		state := row.state(last)
		if row.InFlight != 0 {
			if state.Open, err = s.openRuns(ctx, row); err != nil {
				return fmt.Errorf("flow %q has %d runs in flight that cannot be found; was its row edited? pawl verify names what does not fit: %w", row.ID, row.InFlight, err)
			}
		}
		if row.Pruned != 0 {
			pruned[row.Key] = row.Pruned
		}
		states = append(states, &state)
		return nil
	})
	return states, pruned, err
}

// openRuns walks back from a flow's newest run until it has found all runs in flight.
func (r *Reader) openRuns(ctx context.Context, flow flowRow) (open []*core.Run, err error) {
	const queued = runColumns + `FROM pawl_run_log r CROSS JOIN pawl_flow_plan p ON p.key = r.flow
WHERE r.flow = :flow AND r.status = ` + codes.Running + ` AND r.rank IS NOT NULL ORDER BY r.key`
	const one = runColumns + `FROM pawl_run_log r CROSS JOIN pawl_flow_plan p ON p.key = r.flow WHERE r.key = :key`
	args := map[string]any{"flow": flow.Key, "room": 0}
	rows, err := r.rows(ctx, queued, args)
	if err != nil {
		return nil, err
	}
	for _, row := range rows {
		run := row.run()
		open = append(open, &run)
	}
	for key := flow.LastKey; key != 0 && len(open) < flow.InFlight; {
		args["key"] = key
		rows, err := r.rows(ctx, one, args)
		if err != nil || len(rows) == 0 {
			return nil, errors.Join(err, sql.ErrNoRows)
		}
		run := rows[0].run()
		if run.Status == core.RunRunning && !run.Queued {
			open = append(open, &run)
		}
		if run.Prev >= key {
			return nil, fmt.Errorf("run %d points at key %d as the run before", run.Number, run.Prev)
		}
		key = run.Prev
	}
	if len(open) != flow.InFlight {
		return nil, fmt.Errorf("its history has %d", len(open))
	}
	slices.SortFunc(open, func(a, b *core.Run) int { return cmp.Compare(a.Number, b.Number) })
	return open, nil
}

func (r *Reader) identity(ctx context.Context) (id string, generation int64, err error) {
	row := r.db.QueryRowxContext(ctx, `SELECT id, generation FROM pawl_database`)
	if err = row.Scan(&id, &generation); errors.Is(err, sql.ErrNoRows) {
		err = fmt.Errorf("%w: %s has lost the row of pawl_database that names it; restore a backup", ErrDamaged, r.path)
	}
	return id, generation, r.db.explain(err)
}

// identify gives a new database its id.
func identify(ctx context.Context, db *sqlx.DB, now time.Time) error {
	const insert = `INSERT INTO pawl_database (id, created_at, generation)
SELECT :id, :created_at, 0 WHERE NOT EXISTS (SELECT 1 FROM pawl_database)`
	_, err := db.NamedExecContext(ctx, insert, map[string]any{"id": rand.Text(), "created_at": iso(now)})
	return err
}

func (r *Reader) counters(ctx context.Context) (c engine.Counters, err error) {
	row := r.db.QueryRowxContext(ctx, `SELECT
    (SELECT COALESCE(max(key), 0) FROM pawl_flow_plan),
    max(last_run, (SELECT COALESCE(max(key), 0) FROM pawl_run_log)),
    max(last_seq, (SELECT COALESCE(max(seq), 0) FROM pawl_transition_log)) FROM pawl_database`)
	return c, r.db.explain(row.Scan(&c.Flow, &c.Run, &c.Seq))
}

// ClockBehind is the time of the newest transition, if the clock is so far behind it that a
// start would not trust the clock; zero: it is not, or somebody accepted the clock as it is.
func (r *Reader) ClockBehind(ctx context.Context, now func() time.Time) (time.Time, error) {
	newest, err := r.lastAt(ctx)
	if err != nil || newest.Sub(now()) <= schedule.CorrectionJump { // after the read: a busy owner goes on
		return time.Time{}, err
	}
	return newest, nil
}

// lastAt is the time of the newest transition to compare the clock with; zero: there is none.
func (r *Reader) lastAt(ctx context.Context) (time.Time, error) {
	var at int64
	err := r.db.GetContext(ctx, &at, `SELECT at FROM pawl_transition_log WHERE seq > (SELECT clock_seq FROM pawl_database) ORDER BY seq DESC LIMIT 1`)
	if errors.Is(err, sql.ErrNoRows) {
		return time.Time{}, nil
	}
	return instant(at), err
}

// newestOwner reads the newest owner; nil: there was none.
func (r *Reader) newestOwner(ctx context.Context) (*engine.Owner, error) {
	var row struct {
		Host       string
		PID        int    `db:"pid"`
		BootID     string `db:"boot_id"`
		Version    string
		Program    *string
		Isolates   bool
		OOMKills   *int64 `db:"oom_kills"`
		Limits     *string
		Generation int64
		StartedAt  string  `db:"started_at"`
		StoppingAt *string `db:"stopping_at"`
		StoppedAt  *string `db:"stopped_at"`
	}
	err := r.db.GetContext(ctx, &row, `SELECT host, pid, boot_id, version, program, generation, started_at, stopping_at, stopped_at,
    limits, COALESCE(isolates, 0) <> 0 AS isolates, oom_kills
FROM pawl_runners ORDER BY id DESC LIMIT 1`)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil
	}
	if row.Program == nil {
		row.Program = new(string)
	}
	if row.OOMKills == nil {
		row.OOMKills = new(int64(-1))
	}
	var limits core.Limits
	if row.Limits != nil && err == nil {
		if err = json.Unmarshal([]byte(*row.Limits), &limits); err != nil {
			err = fmt.Errorf("pawl_runners.limits of generation %d: %w", row.Generation, err)
		}
	}
	return &engine.Owner{
		Limits: limits,
		Host:   row.Host, PID: row.PID, BootID: row.BootID, Version: row.Version, Program: *row.Program, Generation: row.Generation,
		StartedAt: parseISO(&row.StartedAt), StoppingAt: parseISO(row.StoppingAt), StoppedAt: parseISO(row.StoppedAt),
		Isolates: row.Isolates, OOMKills: *row.OOMKills,
	}, err
}
