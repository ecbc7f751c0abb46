package main

import (
	"context"
	"database/sql"
	"fmt"
	"log/slog"

	"github.com/pawl-go/pawl"
)

func flowID(i int) string { return fmt.Sprintf("flow-%06d", i) }

func noop(context.Context) error { return nil }

// keepAll keeps every run, since they are counted in the end.
var keepAll = pawl.WithRetention(0, 0)

// scheduler is one with n flows: manual, or at the instants of expr if that is
// not empty.
func scheduler(file string, n int, expr string, job pawl.JobFunc) (*pawl.Scheduler, error) {
	s := pawl.NewScheduler(file, pawl.WithLogger(slog.New(slog.DiscardHandler)))
	for i := range n {
		var err error
		if expr == "" {
			err = s.Manual(flowID(i), job, keepAll)
		} else {
			err = s.Cron(flowID(i), expr, job, keepAll)
		}
		if err != nil {
			return nil, err
		}
	}
	return s, nil
}

// start starts n manual flows.
func start(ctx context.Context, file string, n int, job pawl.JobFunc) (*pawl.Runner, error) {
	s, err := scheduler(file, n, "", job)
	if err != nil {
		return nil, err
	}
	return s.Start(ctx)
}

// makeFile makes a database that knows n manual flows.
func makeFile(ctx context.Context, file string, n int) error {
	r, err := start(ctx, file, n, noop)
	if err != nil {
		return err
	}
	return r.Stop(ctx)
}

// hourly is the expression of flows that wait for half an hour, so that none is
// due while it is measured.
func (t trial) hourly() string { return fmt.Sprintf("0 %d * * * *", t.Minute) }

// openFile opens a database that nobody drives.
func openFile(file string) (*sql.DB, error) {
	db, err := sql.Open("sqlite", "file:"+file+"?_pragma=journal_mode(WAL)&_pragma=synchronous(FULL)")
	if err == nil {
		db.SetMaxOpenConns(1)
	}
	return db, err
}

// audit returns an error unless the database holds exactly what its runs must
// leave behind: nothing in flight, one row per run, two transitions for each
// and one for each adoption of all flows.
func audit(ctx context.Context, file string) error {
	db, err := openFile(file)
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
	adoptions := transitions - 2*runs
	if runs == 0 || rows != runs || completed != runs || adoptions < flows || adoptions%flows != 0 || versions != transitions {
		return fmt.Errorf("the database does not add up: %d runs, %d of %d rows completed, %d transitions, versions %d, %d flows",
			runs, completed, rows, transitions, versions, flows)
	}
	return nil
}
