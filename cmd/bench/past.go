package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"strings"
)

// makeHistory makes a database of knownFlows flows with n runs in all, as if Pawl
// had run them every second by a schedule: it runs every flow once, moves that
// into the past and repeats it by SQL.
func makeHistory(ctx context.Context, file string, n int) (err error) {
	r, err := start(ctx, file, knownFlows, noop)
	if err != nil {
		return err
	}
	if err := errors.Join(mingle(ctx, r, knownFlows, 1), r.Stop(ctx)); err != nil {
		return err
	}
	if err := repeatPast(ctx, file, n/knownFlows-1); err != nil {
		return err
	}
	return syncFile(file)
}

// repeatPast repeats what a database holds, one run of every flow, so many times.
func repeatPast(ctx context.Context, file string, times int) (err error) {
	db, err := openFile(file)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	p := past{db: db, times: times}
	if err := p.measure(ctx); err != nil {
		return err
	}
	for _, query := range []string{
		`PRAGMA journal_mode = OFF`, `PRAGMA synchronous = OFF`, `PRAGMA cache_size = -200000`, // the file is new
		p.moveRuns(), p.moveTransitions(), p.movePlans(), p.moveStates(),
	} {
		if _, err := db.ExecContext(ctx, query); err != nil {
			return fmt.Errorf("%w in %s", err, query)
		}
	}
	if err := p.repeat(ctx, "pawl_run_log", p.laterRun()); err != nil {
		return err
	}
	if err := p.repeat(ctx, "pawl_transition_log", p.laterTransition()); err != nil {
		return err
	}
	_, err = db.ExecContext(ctx, linkTransitions+`; PRAGMA journal_mode = WAL`)
	return err
}

// linkTransitions lets each transition point at the one of its flow before.
const linkTransitions = `UPDATE pawl_transition_log SET prev = w.before
FROM (SELECT seq, lag(seq) OVER (PARTITION BY flow ORDER BY seq) AS before FROM pawl_transition_log) w
WHERE w.seq = pawl_transition_log.seq;
UPDATE pawl_flow_state SET last_seq = w.seq
FROM (SELECT flow, max(seq) AS seq FROM pawl_transition_log GROUP BY flow) w WHERE w.flow = pawl_flow_state.key`

// past is one run of every flow: the runs have the keys from 1, the transitions
// about them the ones behind those of the adoptions.
type past struct {
	db    *sql.DB
	times int   // it is to be repeated
	step  int64 // milliseconds from one repetition to the next, whole seconds
	back  int64 // milliseconds by which it moves, whole seconds
}

func (p *past) measure(ctx context.Context) error {
	const query = `SELECT ((max(at) - min(at)) / 1000 + 1) * 1000 FROM pawl_transition_log WHERE run_number IS NOT NULL`
	err := p.db.QueryRowContext(ctx, query).Scan(&p.step)
	p.back = p.step*int64(p.times) + 60_000
	return err
}

func (p *past) moveRuns() string {
	return fmt.Sprintf(`UPDATE pawl_run_log SET trigger = 0,
    scheduled_at = (SELECT min(scheduled_at) / 1000 * 1000 FROM pawl_run_log) - %[1]d, started_at = started_at - %[1]d,
    finished_at = finished_at - %[1]d`, p.back)
}

func (p *past) moveTransitions() string {
	return fmt.Sprintf(`UPDATE pawl_transition_log SET at = at - %[1]d, last_run = last_run - %[1]d`, p.back)
}

func (p *past) movePlans() string {
	return fmt.Sprintf(`UPDATE pawl_flow_plan SET created_at = created_at - %d`, p.back)
}

// moveStates leaves every flow as its last run does.
func (p *past) moveStates() string {
	return fmt.Sprintf(`UPDATE pawl_flow_state SET run_count = run_count + %[1]d, last_number = last_number + %[1]d,
    last_scheduled = (SELECT min(scheduled_at) FROM pawl_run_log) + %[1]d * %[4]d, fired = fired + 1 + %[1]d, attempt = 1,
    last_seq = last_seq + %[1]d * 2 * %[2]d,
    version = version + 2 * %[1]d, last_key = last_key + %[1]d * %[2]d, last_run = last_run - %[3]d, last_end = last_end - %[3]d,
    updated_at = updated_at - %[3]d`, p.times, knownFlows, p.back-p.step*int64(p.times), p.step)
}

func (p *past) laterRun() map[string]string {
	later := fmt.Sprintf(" + i * %d", p.step)
	return map[string]string{
		"key":          fmt.Sprintf("key + i * %d", knownFlows),
		"prev":         fmt.Sprintf("key + (i - 1) * %d", knownFlows),
		"number":       "number + i",
		"scheduled_at": "scheduled_at" + later, "started_at": "started_at" + later, "finished_at": "finished_at" + later,
	}
}

func (p *past) laterTransition() map[string]string {
	later := fmt.Sprintf(" + i * %d", p.step)
	return map[string]string{
		"seq":         fmt.Sprintf("seq + i * 2 * %d", knownFlows),
		"prev":        fmt.Sprintf("prev + i * 2 * %d", knownFlows), // see linkPast
		"run_number":  "run_number + i",
		"run_count":   "run_count + i",
		"version":     "version + 2 * i",
		"from_status": "CASE from_status WHEN 0 THEN 2 ELSE from_status END", // the run before has completed
		"at":          "at" + later, "last_run": "last_run" + later,
	}
}

// linkPast makes the first transition of a repeated run follow the last one of the run
// before: the one that follows it in the template, a repetition earlier.
var linkPast = fmt.Sprintf(`CREATE INDEX temp.later ON template (prev);
UPDATE template SET prev = (SELECT l.seq FROM template l WHERE l.prev = template.seq) - 2 * %d
WHERE NOT EXISTS (SELECT 1 FROM template e WHERE e.seq = template.prev);`, knownFlows)

// repeat appends the rows of a table again and again, with some columns changed.
func (p *past) repeat(ctx context.Context, table string, change map[string]string) error {
	var names, exprs []string
	rows, err := p.db.QueryContext(ctx, `SELECT name FROM pragma_table_info(?)`, table)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var name string
		if err := rows.Scan(&name); err != nil {
			return err
		}
		expr := name
		if change[name] != "" {
			expr = change[name]
		}
		names, exprs = append(names, name), append(exprs, expr)
	}
	if err := rows.Err(); err != nil {
		return err
	}
	where, link := "", ""
	if table == "pawl_transition_log" {
		where, link = "WHERE run_number IS NOT NULL", linkPast // an adoption is not repeated
	}
	if err := rows.Close(); err != nil {
		return err
	}
	_, err = p.db.ExecContext(ctx, fmt.Sprintf(`CREATE TEMP TABLE template AS SELECT * FROM %[1]s %[2]s ORDER BY 1;
%[6]s
WITH RECURSIVE turns (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM turns WHERE i < %[3]d)
INSERT INTO main.%[1]s (%[4]s) SELECT %[5]s FROM turns CROSS JOIN template;
DROP TABLE template`, table, where, p.times, strings.Join(names, ", "), strings.Join(exprs, ", "), link))
	return err
}

// syncFile waits until the file is on the disk, so that nothing of it is written
// while something else is measured.
func syncFile(file string) error {
	f, err := os.OpenFile(file, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}
