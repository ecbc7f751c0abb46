package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"runtime"
	"sync/atomic"
	"time"

	_ "modernc.org/sqlite" // the driver "sqlite"
)

// The yardstick is the least that durable runs of a scheduler on SQLite can
// cost: one goroutine owns the connection and commits whatever has gathered since
// its last commit; a run is two acknowledged transitions on a row of seven
// integers and a row of history. No core, no log of transitions, no loops.

const yardstickSchema = `CREATE TABLE flow (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, status INTEGER NOT NULL,
    runs INTEGER NOT NULL, streak INTEGER NOT NULL, last_run INTEGER, next_run INTEGER, version INTEGER NOT NULL) STRICT;
CREATE TABLE history (id INTEGER PRIMARY KEY, flow INTEGER NOT NULL, number INTEGER NOT NULL, started INTEGER NOT NULL,
    finished INTEGER NOT NULL, status INTEGER NOT NULL) STRICT`

const (
	begin  = `BEGIN IMMEDIATE`
	commit = `COMMIT`

	yardstickReserve = `UPDATE flow SET status = 1, runs = runs + 1, last_run = ?, version = version + 1 WHERE id = ?`
	yardstickOutcome = `UPDATE flow SET status = 2, streak = 0, next_run = ?, version = version + 1 WHERE id = ?`
	yardstickHistory = `INSERT INTO history (flow, number, started, finished, status) VALUES (?, ?, ?, ?, 2)`
)

// transition is one step of a flow that waits to be committed.
type transition struct {
	flow, number int64
	started      int64
	outcome      bool
	done         chan error // capacity 1: the owner never waits
}

func runsOfYardstick(ctx context.Context, t trial, n int) (_ values, err error) {
	db, err := openFile(t.file("yardstick"))
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	if _, err := db.ExecContext(ctx, yardstickSchema); err != nil {
		return nil, err
	}
	if err := yardstickFlows(ctx, db); err != nil {
		return nil, err
	}
	transitions := make(chan transition, n) // from the flows, closed when all have ended
	ended := make(chan error, n+1)          // one of each flow and one of the owner
	go func() { ended <- ownYardstick(ctx, db, transitions) }()
	var runs atomic.Int64
	var stop atomic.Bool
	for _, i := range inFlight(n) {
		go func() { ended <- turnYardstick(int64(i)+1, transitions, &runs, &stop) }()
	}
	v := t.rate(&runs)
	stop.Store(true)
	for range n {
		err = errors.Join(err, <-ended)
	}
	close(transitions)
	err = errors.Join(err, <-ended)
	if err != nil {
		return nil, err
	}
	return v, auditYardstick(ctx, db, runs.Load())
}

func yardstickFlows(ctx context.Context, db *sql.DB) error {
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback() // after Commit it does nothing
	for i := range knownFlows {
		_, err := tx.ExecContext(ctx, `INSERT INTO flow VALUES (?, ?, 0, 0, 0, NULL, NULL, 1)`, i+1, flowID(i))
		if err != nil {
			return err
		}
	}
	return tx.Commit()
}

// turnYardstick is a flow that runs over and over.
func turnYardstick(flow int64, to chan<- transition, runs *atomic.Int64, stop *atomic.Bool) error {
	done := make(chan error, 1)
	for number := int64(1); !stop.Load(); number++ {
		started := time.Now().UnixMilli()
		for _, outcome := range []bool{false, true} {
			to <- transition{flow, number, started, outcome, done}
			if err := <-done; err != nil {
				return err
			}
		}
		runs.Add(1)
	}
	return nil
}

// ownYardstick commits what has gathered, then answers.
func ownYardstick(ctx context.Context, db *sql.DB, from <-chan transition) error {
	conn, err := db.Conn(ctx)
	if err != nil {
		return err
	}
	defer conn.Close()
	stmts := map[string]*sql.Stmt{}
	for _, query := range []string{begin, commit, yardstickReserve, yardstickOutcome, yardstickHistory} {
		if stmts[query], err = conn.PrepareContext(ctx, query); err != nil {
			return err
		}
		defer stmts[query].Close()
	}
	for {
		batch, open := gather(from)
		if !open {
			return nil
		}
		err := commitYardstick(ctx, stmts, batch)
		for _, t := range batch {
			t.done <- err
		}
	}
}

// gather waits for a transition and takes with it what has gathered.
func gather(from <-chan transition) (batch []transition, open bool) {
	t, open := <-from
	if !open {
		return nil, false
	}
	batch = append(batch, t)
	for range 2 {
		for len(from) > 0 {
			batch = append(batch, <-from)
		}
		runtime.Gosched() // those who were just answered come along
	}
	return batch, true
}

func commitYardstick(ctx context.Context, stmts map[string]*sql.Stmt, batch []transition) error {
	if _, err := stmts[begin].ExecContext(ctx); err != nil {
		return err
	}
	now := time.Now().UnixMilli()
	for _, t := range batch {
		var err error
		if t.outcome {
			_, e1 := stmts[yardstickOutcome].ExecContext(ctx, now, t.flow)
			_, e2 := stmts[yardstickHistory].ExecContext(ctx, t.flow, t.number, t.started, now)
			err = errors.Join(e1, e2)
		} else {
			_, err = stmts[yardstickReserve].ExecContext(ctx, now, t.flow)
		}
		if err != nil {
			return err
		}
	}
	_, err := stmts[commit].ExecContext(ctx)
	return err
}

func auditYardstick(ctx context.Context, db *sql.DB, runs int64) error {
	var counted, rows, versions int64
	err := db.QueryRowContext(ctx, `SELECT sum(runs), (SELECT count(*) FROM history), sum(version - 1) FROM flow`).Scan(&counted, &rows, &versions)
	if err == nil && (counted != runs || rows != runs || versions != 2*runs) {
		err = fmt.Errorf("the yardstick does not add up: %d runs answered, %d counted, %d rows, %d steps", runs, counted, rows, versions)
	}
	return err
}
