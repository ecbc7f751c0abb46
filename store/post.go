package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	modernc "modernc.org/sqlite"
	"zombiezen.com/go/sqlite"

	"github.com/pawl-go/pawl/engine"
	"github.com/pawl-go/pawl/internal/holdup"
	"github.com/pawl-go/pawl/store/usertx"
)

// Holder returns the owner of the database; false: nobody owns it now.
func (r *Reader) Holder() (engine.Owner, bool, error) {
	h, ok, err := findHolder(r.path)
	return engine.Owner{Host: h.Host, PID: h.PID, Version: h.Version, StartedAt: h.Since, Degraded: h.Degraded}, ok, err
}

// LastOwner is the newest process that owned the database, or owns it now; nil: none did.
func (r *Reader) LastOwner(ctx context.Context) (*engine.Owner, error) {
	o, err := r.newestOwner(ctx)
	if err != nil {
		return nil, explainRead(r.path, err)
	}
	return o, nil
}

// Stopping is when a holder began to stop; zero: it did not.
func (r *Reader) Stopping(ctx context.Context, holder engine.Owner) (time.Time, error) {
	o, err := r.newestOwner(ctx)
	if err != nil || o == nil || o.PID != holder.PID || o.Host != holder.Host || !o.StoppedAt.IsZero() {
		return time.Time{}, err
	}
	return o.StoppingAt, nil
}

// Post puts a command into the inbox and returns the id of its row. The owner of the
// database executes it; without an owner, the next one does. While another program has a
// writing transaction open, Post waits: until the deadline of ctx, or for 5 s if there is
// none.
func (r *Reader) Post(ctx context.Context, c engine.Command, now time.Time) (int64, error) {
	if r.db.frozen != nil {
		return 0, fmt.Errorf("post %s: %w", c.Verb, writable(r.path))
	}
	db, err := connect(r.path, postPragmas, 1) // the reader's own connections cannot write
	if err != nil {
		return 0, err
	}
	defer db.Close()
	_, patient := ctx.Deadline()
	for began := time.Now(); ; {
		id, err := insertCommand(ctx, db, c, now)
		if code(err) == sqlite.ResultBusy && ctx.Err() == nil && (patient || time.Since(began) < busyTimeout) {
			holdup.Say(ctx, "the database takes no request while another program has a transaction open that writes")
			continue
		}
		holdup.Say(ctx, "")
		if err != nil {
			return 0, fmt.Errorf("post %s: %w", c.Verb, explainRead(r.path, err))
		}
		return id, nil
	}
}

// PostTx puts a command into the inbox as part of a transaction of the caller. That may be
// the transaction that a [Work] gets.
func PostTx(ctx context.Context, tx execer, c engine.Command, by string, now time.Time) (int64, error) {
	c.By = by
	own, _ := usertx.Own(ctx)
	id, err := insertCommand(own, tx, c, now)
	return id, explainCallersTx(err)
}

// ErrReadFirst says that the transaction of a caller read before it wrote.
var ErrReadFirst = errors.New("the transaction began with a read, and others have committed since, so SQLite does not let it write")

// explainCallersTx says why the transaction of a caller cannot insert a row, and what to do.
func explainCallersTx(err error) error {
	var full *modernc.Error
	switch {
	case err == nil:
		return nil
	case errors.As(err, &full) && sqlite.ResultCode(full.Code()) == sqlite.ResultBusySnapshot:
		return fmt.Errorf("%w: begin it with BEGIN IMMEDIATE (_txlock=immediate in the DSN of modernc.org/sqlite), and repeat it from its beginning: %w", ErrReadFirst, err)
	case code(err) == sqlite.ResultBusy:
		return fmt.Errorf("another transaction writes: set _pragma=busy_timeout(5000) and _txlock=immediate in the DSN, so that this one waits for its turn: %w", err)
	}
	return err
}

// Joins reports whether a transaction is the one that the current commit gave to a [Work]. Any
// other transaction would wait for that commit, and the commit for it.
func Joins(ctx context.Context, tx execer) bool {
	own, borrowed := usertx.Own(ctx)
	_, err := tx.ExecContext(own, `SELECT 1`)
	return err == nil && *borrowed
}

type execer interface {
	ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error)
}

func insertCommand(ctx context.Context, db execer, c engine.Command, now time.Time) (int64, error) {
	const insert = `INSERT INTO pawl_commands (created_at, command, flow_id, args, requested_by, reason)
VALUES (?, ?, ?, nullif(?, ''), ?, nullif(?, ''))`
	result, err := db.ExecContext(ctx, insert, iso(now), c.Verb, c.Flow, c.Args, c.By, c.Why)
	if err != nil {
		return 0, err
	}
	return result.LastInsertId()
}

// Answer reads the result of a command; false: nobody has handled it yet.
func (r *Reader) Answer(ctx context.Context, id int64) (engine.Answer, bool, error) {
	var row struct {
		HandledAt *string `db:"handled_at"`
		Result    string
		Error     string
		Code      string `db:"error_code"`
	}
	const query = `SELECT handled_at, COALESCE(result, '') AS result, COALESCE(error, '') AS error, COALESCE(error_code, '') AS error_code FROM pawl_commands WHERE id = ?`
	err := r.db.GetContext(ctx, &row, query, id)
	if errors.Is(err, sql.ErrNoRows) {
		return engine.Answer{}, false, fmt.Errorf("command %d is not in the inbox any more", id)
	}
	answer := engine.Answer{ID: id, At: parseISO(row.HandledAt), Result: row.Result, Error: row.Error, Code: row.Code}
	return answer, err == nil && row.HandledAt != nil, err
}

// watchPause is the time between two looks of Until for a new commit.
const watchPause = 25 * time.Millisecond

// Until calls done now and after every commit of others, until done returns true or an error.
func (r *Reader) Until(ctx context.Context, done func() (bool, error)) error {
	// SQLite counts the commits of others per connection. The reader's own connections are
	// for done.
	conn, err := r.connect(readerPragmas, 1)
	if err != nil {
		return err
	}
	defer conn.Close()
	tick := time.NewTicker(watchPause)
	defer tick.Stop()
	for seen := int64(-1); ; {
		if err := r.db.frozen.check(); err != nil {
			return err
		}
		var version int64
		if err := conn.GetContext(ctx, &version, `PRAGMA data_version`); err != nil {
			return err
		}
		if version != seen {
			seen = version
			if ok, err := done(); ok || err != nil {
				return err
			}
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
	}
}
