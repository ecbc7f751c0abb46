package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"slices"
	"sync"
	"time"

	"github.com/jmoiron/sqlx"
	"zombiezen.com/go/sqlite"

	"github.com/pawl-go/pawl/engine/core"
	"github.com/pawl-go/pawl/engine/schedule"
	"github.com/pawl-go/pawl/store/internal/codes"
)

// Reader reads a database. Its methods are safe for use from any goroutine.
type Reader struct {
	path string
	db   readDB

	mu         sync.Mutex
	statements map[string]*sqlx.NamedStmt // prepared so far, by text; closing the database closes them
}

const readers = 4 // connections

// OpenReader opens a database that exists, of any process, without owning,
// locking or migrating it.
func OpenReader(ctx context.Context, path string) (*Reader, error) {
	return openReader(ctx, path, contents.judgeReading)
}

// Readable returns the error that OpenReader would return.
func Readable(ctx context.Context, path string) error {
	r, err := OpenReader(ctx, path)
	if err != nil {
		return err
	}
	return r.Close()
}

// Migratable returns an error if a file has no database of Pawl, or one that Open would
// refuse.
func Migratable(ctx context.Context, path string) error {
	r, err := openReader(ctx, path, contents.judgeOurs)
	if err != nil {
		return err
	}
	return r.Close()
}

func openReader(ctx context.Context, path string, judge func(contents, string) error) (*Reader, error) {
	path, err := resolve(path)
	if err != nil {
		return nil, err
	}
	if _, err := os.Stat(path); err != nil {
		return nil, fmt.Errorf("database: %w", err)
	}
	if err := checkLinksAndOwner(path); err != nil {
		return nil, err
	}
	if bare, err := isEmpty(path); err == nil && bare {
		if err := refuseEmptied(path); err != nil {
			return nil, err
		}
	}
	if err := refuseForeignLog(path); err != nil { // or SQLite would move it into the file
		return nil, err
	}
	r, err := newReader(path, frozenAt(path))
	if err != nil {
		return nil, err
	}
	found, err := inspect(ctx, r.db.DB)
	if err != nil {
		return nil, errors.Join(explainRead(path, err), r.Close())
	}
	if err := judge(found, path); err != nil {
		return nil, errors.Join(err, r.Close())
	}
	return r, nil
}

func (c contents) judgeReading(path string) error {
	if err := c.judgeOurs(path); err != nil {
		return err
	}
	if c.version < latest() {
		return fmt.Errorf("%w: %s has schema %d, this program reads %d; bring it up to date with pawl migrate, or start its program once with this version of Pawl; "+
			"there is no way back but a backup (pawl backup)", ErrSchemaTooOld, path, c.version, latest())
	}
	return nil
}

// judgeOurs refuses a file in which there is no database of Pawl, or one that is newer than
// this program. Tables of others may be there too.
func (c contents) judgeOurs(path string) error {
	if !c.ours && c.stray == "" || c.ours && c.version == 0 {
		is := "has no tables of Pawl"
		if bare, err := isEmpty(path); err == nil && bare {
			is = "is empty: no scheduler has started on it yet"
		}
		return fmt.Errorf("%w: %s %s; name the file that a scheduler, or pawl run, has made", ErrForeign, path, is)
	}
	return c.judge(path, true)
}

func newReader(path string, s *frozenFile) (*Reader, error) {
	r := &Reader{path: path, db: readDB{path: path, frozen: s}}
	db, err := r.connect(readerPragmas, readers)
	r.db.DB = db
	return r, err
}

// connect opens a pool of at most n connections that may read.
func (r *Reader) connect(pragmas string, n int) (*sqlx.DB, error) {
	if r.db.frozen != nil {
		return connectAs(r.path, "mode=ro&immutable=1", pragmas, n)
	}
	return connect(r.path, pragmas, n)
}

// Close closes the reader's connections. The last connection to a database moves its log into
// the file and deletes the log. A reader must not do that with the log of a killed owner: the
// next owner first checks the file for damage. If the disk fails so that Close cannot prevent
// it, the connections stay open, and Close returns an error.
func (r *Reader) Close() error {
	if !r.leftByKill() {
		return r.db.Close()
	}
	// While a connection that cannot write has the file open, no other one is the last.
	return withMode(r.path, "mode=ro", func(guard *sqlx.DB) error {
		err := guard.Get(new(int), `SELECT count(*) FROM sqlite_schema`) // SQLite opens the file only when it reads
		if err != nil && !unreadable(err) {
			return fmt.Errorf("close: %w", explainRead(r.path, err))
		}
		return r.db.Close()
	})
}

// unreadable reports whether SQLite can read so little of the file that no connection would
// move its log.
func unreadable(err error) bool {
	return code(err) == sqlite.ResultNotADB || code(err) == sqlite.ResultCorrupt
}

// leftByKill reports whether there is a log that its owner did not move into the file when it
// ended, or whether that is unknown.
func (r *Reader) leftByKill() bool {
	if !hasLog(r.path) {
		return false
	}
	last, err := r.newestOwner(context.Background())
	return err != nil || last == nil || last.StoppedAt.IsZero()
}

// Database is the id that the database got when it was created.
func (r *Reader) Database(ctx context.Context) (string, error) {
	id, _, err := r.identity(ctx)
	return id, err
}

// Flow reads one flow.
func (r *Reader) Flow(ctx context.Context, id string) (core.FlowInfo, bool, error) {
	var row flowRow
	err := r.db.GetContext(ctx, &row, selectFlows+` WHERE p.id = ?`, id)
	if errors.Is(err, sql.ErrNoRows) {
		return core.FlowInfo{}, false, nil
	}
	if err == nil {
		var leaked map[string]int
		leaked, err = r.leaked(ctx)
		row.Leaked = leaked[id]
	}
	flows := []core.FlowInfo{row.info()}
	if err == nil {
		err = r.plotStarts(ctx, flows)
	}
	return flows[0], err == nil, err
}

// plotStarts sets DueAt: when each flow starts next.
func (r *Reader) plotStarts(ctx context.Context, flows []core.FlowInfo) error {
	var database string
	for i := range flows {
		f := &flows[i]
		if f.Jitter == 0 || f.NextRun.IsZero() {
			f.DueAt = core.StartOf(*f, schedule.Manual(), "")
			continue
		}
		s, err := schedule.Parse(f.ID, f.Kind, f.Schedule, f.TimeZone)
		if err != nil {
			continue // a caller that asks for its occurrences gets the error
		}
		if database == "" {
			if database, err = r.Database(ctx); err != nil {
				return err
			}
		}
		f.DueAt = core.StartOf(*f, s, database)
	}
	return nil
}

// leaked counts, by flow, the jobs of the last owner that are still running although their
// runs are closed.
func (r *Reader) leaked(ctx context.Context) (map[string]int, error) {
	const query = `SELECT l.flow_id, count(*) AS leaked FROM pawl_leaks l
WHERE l.returned_at IS NULL AND l.generation = (SELECT generation FROM pawl_database) GROUP BY l.flow_id`
	var rows []struct {
		FlowID string `db:"flow_id"`
		Leaked int
	}
	if err := r.db.SelectContext(ctx, &rows, query); err != nil {
		return nil, err
	}
	leaked := make(map[string]int, len(rows))
	for _, row := range rows {
		leaked[row.FlowID] = row.Leaked
	}
	return leaked, nil
}

// Flows reads every flow in the order of registration, those that are not
// registered any more last.
func (r *Reader) Flows(ctx context.Context) ([]core.FlowInfo, error) {
	var rows []flowRow
	if err := r.db.SelectContext(ctx, &rows, selectFlows+inOrder); err != nil {
		return nil, err
	}
	leaked, err := r.leaked(ctx)
	if err != nil {
		return nil, err
	}
	flows := make([]core.FlowInfo, len(rows))
	for i, row := range rows {
		row.Leaked = leaked[row.ID]
		flows[i] = row.info()
	}
	return flows, r.plotStarts(ctx, flows)
}

// RunsQuery selects runs, newest first. The zero value of a field asks for
// nothing in particular.
type RunsQuery struct {
	Flow   string         // of this flow; empty: of all
	Status core.RunStatus // with this status; empty: any
	Failed bool           // only failures, see [core.RunStatus.Failure]
	Before int64          // with a number below this one; needs Flow
	Since  time.Time      // started at or after; the search ends at the first run that was not
	Limit  int            // at most; default 100
}

// runRow is a run as the hot tables have it.
type runRow struct {
	Key         int64
	Prev        int64
	FlowID      string `db:"flow_id"`
	Number      int64
	Trigger     int64
	Status      int64
	Attempt     int
	Restarts    int
	ExitCode    int `db:"exit_code"`
	Suspect     bool
	ScheduledAt int64 `db:"scheduled_at"`
	StartedAt   int64 `db:"started_at"`
	FinishedAt  int64 `db:"finished_at"`
	Error       string
	DueAt       int64 `db:"due_at"`
	Deadline    int64
	Rank        *int64
	Ending      int64
	Repeated    bool
	HasInput    bool  `db:"has_input"`
	StartOrder  int64 `db:"start_order"`
	Input       core.JSON
	Output      core.JSON

	InputSize  int64 `db:"input_size"` // bytes; of what is left out, as is that of the output
	OutputSize int64 `db:"output_size"`
}

// listed is a run of a list, which says what is left out of it.
func (r runRow) listed() core.RunInfo {
	run := r.run().RunInfo
	if r.InputSize > 0 || r.OutputSize > 0 {
		run.Omitted = &core.Omitted{Input: r.InputSize, Output: r.OutputSize}
	}
	return run
}

func (r runRow) run() core.Run {
	queued, place := r.Rank != nil, int64(0)
	if queued {
		place = *r.Rank
	}
	status := codes.RunStatuses.Word(r.Status)
	return core.Run{Key: r.Key, Prev: r.Prev, Was: status, Queued: queued, Rank: place, Ending: r.Ending&1 != 0, Lost: r.Ending&2 != 0, Unprobed: r.Ending&4 != 0, Timed: r.Ending&8 != 0, Woken: r.Ending&16 != 0, HasInput: r.HasInput, Order: r.StartOrder, RunInfo: core.RunInfo{
		FlowID: r.FlowID, Number: r.Number, Trigger: codes.Triggers.Word(r.Trigger), Status: status,
		Attempt: r.Attempt, Restarts: r.Restarts, Suspect: r.Suspect, ScheduledAt: instant(r.ScheduledAt), StartedAt: instant(r.StartedAt),
		FinishedAt: instant(r.FinishedAt), Error: r.Error, ExitCode: r.ExitCode, DueAt: instant(r.DueAt), Deadline: instant(r.Deadline), Repeated: r.Repeated, Input: r.Input, Output: r.Output,
	}}
}

const runColumns = `SELECT r.key, COALESCE(r.prev, 0) AS prev, p.id AS flow_id, r.number, r.trigger, r.status, r.attempt, COALESCE(r.restarts, 0) AS restarts, r.suspect IS NOT NULL AS suspect,
    r.scheduled_at, COALESCE(r.started_at, 0) AS started_at, COALESCE(r.finished_at, 0) AS finished_at, COALESCE(r.error, '') AS error, COALESCE(r.exit_code, 0) AS exit_code, COALESCE(r.due_at, 0) AS due_at, COALESCE(r.deadline, 0) AS deadline, r.rank,
    COALESCE(r.ending, 0) AS ending, COALESCE(r.repeated, 0) AS repeated, r.input IS NOT NULL AS has_input, COALESCE(r.start_order, 0) AS start_order,
    CASE WHEN octet_length(r.input) <= :room THEN r.input ELSE '' END AS input, CASE WHEN octet_length(r.output) <= :room THEN r.output ELSE '' END AS output,
    CASE WHEN octet_length(r.input) > :room THEN octet_length(r.input) ELSE 0 END AS input_size, CASE WHEN octet_length(r.output) > :room THEN octet_length(r.output) ELSE 0 END AS output_size
`

// The log has no index by flow but for every 64th run. The runs of a flow are found
// by walking from its newest run, or from one that the index has not far above
// the runs asked for, to the one before, which has a lower key unless somebody
// edited it: a walk ends; those of all flows by walking the log.
const (
	walkFlow = `WITH RECURSIVE start (key) AS (
    SELECT COALESCE((SELECT m.key FROM pawl_run_log m
        WHERE m.flow = s.key AND m.number >= :before AND m.number % 64 = 0 AND :before > 0 ORDER BY m.number LIMIT 1), s.last_key)
    FROM pawl_flow_plan p CROSS JOIN pawl_flow_state s ON s.key = p.key
    WHERE p.id = :flow
), walk (key) AS (
    SELECT key FROM start WHERE key >= :from
    UNION ALL
    SELECT w.prev FROM walk k CROSS JOIN pawl_run_log w ON w.key = k.key WHERE w.prev BETWEEN :from AND w.key - 1
)
` + runColumns + `FROM walk k CROSS JOIN pawl_run_log r ON r.key = k.key CROSS JOIN pawl_flow_plan p ON p.key = r.flow
WHERE (:status < 0 OR r.status = :status) AND (:before = 0 OR r.number < :before)
LIMIT :limit`

	walkLog = runColumns + `FROM pawl_run_log r CROSS JOIN pawl_flow_plan p ON p.key = r.flow
WHERE r.key >= :from AND (:status < 0 OR r.status = :status)
ORDER BY r.key DESC
LIMIT :limit`
)

// Runs reads runs, newest first.
func (r *Reader) Runs(ctx context.Context, q RunsQuery) ([]core.RunInfo, error) {
	args, err := r.arguments(ctx, q)
	if err != nil {
		return nil, err
	}
	if q.none() {
		return []core.RunInfo{}, nil
	}
	rows, err := r.rows(ctx, runsQuery(q), args)
	if err != nil {
		return nil, err
	}
	runs := make([]core.RunInfo, len(rows))
	for i := range rows {
		runs[i] = rows[i].listed()
	}
	return runs, nil
}

// prepared is a statement that is prepared once: that takes as long as a short answer.
func (r *Reader) prepared(ctx context.Context, query string) (*sqlx.NamedStmt, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if stmt := r.statements[query]; stmt != nil {
		return stmt, nil
	}
	stmt, err := r.db.PrepareNamedContext(ctx, query)
	if err != nil {
		return nil, r.db.explain(err)
	}
	if r.statements == nil {
		r.statements = map[string]*sqlx.NamedStmt{}
	}
	r.statements[query] = stmt
	return stmt, nil
}

func (r *Reader) rows(ctx context.Context, query string, args map[string]any) (list []runRow, err error) {
	stmt, err := r.prepared(ctx, query)
	if err != nil {
		return nil, err
	}
	rows, err := stmt.QueryxContext(ctx, args)
	if err != nil {
		return nil, r.db.explain(err)
	}
	defer rows.Close()
	for rows.Next() {
		var row runRow
		if err := rows.StructScan(&row); err != nil {
			return nil, err
		}
		list = append(list, row)
	}
	return list, r.db.explain(rows.Err())
}

const (
	defaultLimit  = 100
	listedPayload = 64 << 10 // bytes; a larger input or output is left out of a list
)

func (r *Reader) arguments(ctx context.Context, q RunsQuery) (args map[string]any, err error) {
	args = map[string]any{"flow": q.Flow, "before": q.Before, "status": -1, "limit": q.Limit, "from": 1, "room": listedPayload}
	switch {
	case q.Limit < 0:
		return nil, fmt.Errorf("runs: limit %d is negative", q.Limit)
	case q.Limit == 0:
		args["limit"] = defaultLimit
	}
	if q.Before != 0 && q.Flow == "" {
		return nil, errors.New("runs: Before is a number of a flow's run and needs Flow")
	}
	if q.Status != "" {
		code := slices.Index(codes.RunStatuses, q.Status)
		if code < 0 {
			return nil, fmt.Errorf("runs: unknown status %q", q.Status)
		}
		args["status"] = code
	}
	if err := core.CheckInstant("Since", q.Since); err != nil {
		return nil, err
	}
	if !q.Since.IsZero() {
		args["from"], err = r.firstSince(ctx, q.Since)
	}
	return args, err
}

// halve is the search of firstSince, in one statement: twenty of them take as long as reading
// a hundred runs. The last keys may be those of a flow that was forgotten.
const halve = `WITH RECURSIVE search (low, high) AS (
    SELECT 1, 1 + max((SELECT last_run FROM pawl_database), (SELECT COALESCE(max(key), 0) FROM pawl_run_log))
    UNION ALL
    SELECT CASE WHEN ` + late + ` THEN low ELSE low + (high - low) / 2 + 1 END, CASE WHEN ` + late + ` THEN low + (high - low) / 2 ELSE high END
    FROM search WHERE low < high
)
SELECT low FROM search WHERE low = high`

const late = `COALESCE((SELECT COALESCE(r.started_at, r.scheduled_at) FROM pawl_run_log r WHERE r.key >= low + (high - low) / 2 ORDER BY r.key LIMIT 1) >= :since, 1)`

// firstSince is the key of the first run that started at since or later. Keys
// ascend with time, so it halves the log.
func (r *Reader) firstSince(ctx context.Context, since time.Time) (key int64, err error) {
	stmt, err := r.prepared(ctx, halve)
	if err != nil {
		return 0, err
	}
	return key, r.db.explain(stmt.GetContext(ctx, &key, map[string]any{"since": since.UnixMilli()}))
}

// Run reads one run of a flow.
func (r *Reader) Run(ctx context.Context, flow string, number int64) (core.RunInfo, bool, error) {
	row, ok, err := r.runRow(ctx, flow, number)
	return row.run().RunInfo, ok, err
}

func (r *Reader) runRow(ctx context.Context, flow string, number int64) (runRow, bool, error) {
	args, err := r.arguments(ctx, RunsQuery{Flow: flow, Before: number + 1, Limit: 1})
	if err != nil {
		return runRow{}, false, err
	}
	args["room"] = core.MaxPayload
	rows, err := r.rows(ctx, walkFlow, args)
	if err != nil || len(rows) == 0 || rows[0].Number != number {
		return runRow{}, false, err
	}
	return rows[0], true, nil
}
