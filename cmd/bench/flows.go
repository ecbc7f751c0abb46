package main

import (
	"context"
	"database/sql"
	"fmt"
	"log/slog"
	"path/filepath"

	"github.com/pawl-go/pawl"
)

// pawlFile is the database of the side that Pawl drives.
func (t trial) pawlFile() string { return filepath.Join(t.dir, "pawl.db") }

// file is a database of a side of its own.
func (t trial) file(side string) string { return filepath.Join(t.dir, side+".db") }

func flowID(i int) string { return fmt.Sprintf("flow-%06d", i) }

func noop(context.Context) error { return nil }

// scheduler is one with n manual flows.
func scheduler(file string, n int, job pawl.JobFunc) (*pawl.Scheduler, error) {
	s := pawl.NewScheduler(file, pawl.WithLogger(slog.New(slog.DiscardHandler)))
	for i := range n {
		if err := s.Manual(flowID(i), job); err != nil {
			return nil, err
		}
	}
	return s, nil
}

func start(ctx context.Context, file string, n int, job pawl.JobFunc) (*pawl.Runner, error) {
	s, err := scheduler(file, n, job)
	if err != nil {
		return nil, err
	}
	return s.Start(ctx)
}

// makeFile makes a database that knows n flows, with keys from 1.
func makeFile(ctx context.Context, file string, n int) error {
	r, err := start(ctx, file, n, noop)
	if err != nil {
		return err
	}
	return r.Stop(ctx)
}

// audit returns an error unless the database holds exactly what its runs must
// leave behind: nothing in flight, one row per run, two transitions for each
// and one for each flow's adoption.
func audit(ctx context.Context, file string) error {
	db, err := sql.Open("sqlite", dsn(file))
	if err != nil {
		return err
	}
	defer db.Close()
	const query = `SELECT (SELECT sum(run_count) FROM pawl_flow_state), (SELECT sum(version) FROM pawl_flow_state),
    (SELECT count(*) FROM pawl_flow_state), (SELECT count(*) FROM pawl_run_log WHERE status = 1 AND finished_at IS NOT NULL),
    (SELECT count(*) FROM pawl_run_log), (SELECT count(*) FROM pawl_transition_log)`
	var runs, versions, flows, completed, rows, transitions int64
	if err := db.QueryRowContext(ctx, query).Scan(&runs, &versions, &flows, &completed, &rows, &transitions); err != nil {
		return err
	}
	if runs == 0 || rows != runs || completed != runs || transitions != 2*runs+flows || versions != transitions {
		return fmt.Errorf("the database does not add up: %d runs, %d of %d rows completed, %d transitions, versions %d, %d flows",
			runs, completed, rows, transitions, versions, flows)
	}
	return nil
}
