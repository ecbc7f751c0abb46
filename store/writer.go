package store

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"sync"
	"time"

	"zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"
)

// writer is the one connection that writes, with its statements prepared: BEGIN
// and COMMIT too. It goes around database/sql, whose way from a value to
// SQLite costs as much as storing it: zombiezen.com/go/sqlite binds numbers to
// the same engine, modernc.org/sqlite, without allocating and without a mutex
// per call. That makes 1.8 times the runs per second (docs/hot-path.md).
type writer struct {
	mu    sync.Mutex // guards the connection; close waits for a commit that a dead disk delays
	path  string
	files openFiles // nil until everything is open
	conn  *sqlite.Conn
	statements
	generation int64 // of the owner
	behind     int   // pages that are in the log alone, at most; see countLogPages
}

// statements are the writer's prepared statements.
type statements struct {
	begin, commit, rollback                *sqlite.Stmt
	insertPlan, updatePlan                 *sqlite.Stmt
	insertVerdict, dropBackfill            *sqlite.Stmt
	moveRun, moveTransition                *sqlite.Stmt
	insertState, updateState               hot
	updatePlainState                       hot
	insertTransition                       hot
	insertRun, closeRun, changeRun         hot
	writeKey, writeLeak, returnLeak        *sqlite.Stmt
	putCheckpoint                          *sqlite.Stmt
	insertAttempt, startAttempt            *sqlite.Stmt
	readQueue, readKey                     *sqlite.Stmt
	insertEnd                              *sqlite.Stmt
	answerCommand, takeCommand, putCommand *sqlite.Stmt
	writeRunner, writeDatabase             *sqlite.Stmt
	measureLog, checkpoint, truncateLog    *sqlite.Stmt
	cuts                                   prunes
}

// How long the writer waits for another writer before it returns an error, and how long between
// two attempts.
const (
	busyTimeout = 5 * time.Second
	busyDelay   = 10 * time.Millisecond
)

// Settings of a connection that the file does not store. With FULL, acknowledged commits survive
// a power cut: with NORMAL a simulated power cut lost them in 3 of 4 cases.
var writerPragmas = []string{
	"PRAGMA synchronous = FULL", "PRAGMA fullfsync = 1", "PRAGMA checkpoint_fullfsync = 1", "PRAGMA foreign_keys = 1",
	"PRAGMA wal_autocheckpoint = 0",                        // see Checkpoint
	fmt.Sprintf("PRAGMA journal_size_limit = %d", logKept), // see Tend
}

func newWriter(path string) (*writer, error) {
	w := &writer{path: path}
	return w, w.open()
}

// ready opens the connection if there is none, and checks that the file is still at the path.
func (w *writer) ready() error {
	if err := w.files.check(); err != nil || w.conn != nil {
		return err
	}
	return explainWrite(w.path, w.open())
}

// open makes the connection and prepares every statement on it.
func (w *writer) open() (err error) {
	if w.conn, err = dial(w.path, writerPragmas...); err != nil {
		return err
	}
	w.statements = statements{} // the statements of cuts are prepared at the first Prune
	w.behind = checkpointMax
	return w.prepare(map[string]**sqlite.Stmt{
		begin: &w.begin, commit: &w.statements.commit, rollback: &w.rollback,
		insertPlan: &w.insertPlan, updatePlan: &w.updatePlan,
		insertState: &w.insertState.Stmt, updateState: &w.updateState.Stmt, updatePlainState: &w.updatePlainState.Stmt,
		insertRun: &w.insertRun.Stmt, closeRun: &w.closeRun.Stmt, insertTransition: &w.insertTransition.Stmt,
		changeRun: &w.changeRun.Stmt, insertVerdict: &w.insertVerdict, dropBackfill: &w.dropBackfill,
		moveRun: &w.moveRun, moveTransition: &w.moveTransition,
		putCheckpoint: &w.putCheckpoint, writeKey: &w.writeKey, writeLeak: &w.writeLeak, returnLeak: &w.returnLeak,
		readQueue: &w.readQueue, readKey: &w.readKey,
		answerCommand: &w.answerCommand, takeCommand: &w.takeCommand, putCommand: &w.putCommand, writeRunner: &w.writeRunner, writeDatabase: &w.writeDatabase,
		insertEnd: &w.insertEnd, insertAttempt: &w.insertAttempt, startAttempt: &w.startAttempt,
		measureLog: &w.measureLog, checkpoint: &w.checkpoint, truncateLog: &w.truncateLog,
	})
}

// prepare prepares statements. After an error it closes the connection.
func (w *writer) prepare(queries map[string]**sqlite.Stmt) (err error) {
	for query, into := range queries {
		if *into, err = w.conn.Prepare(query); err != nil {
			w.discard()
			return err
		}
	}
	w.conn.SetBusyTimeout(0) // from now on see beginTransaction
	return nil
}

// dial opens a connection around database/sql to a file that exists.
func dial(path string, pragmas ...string) (*sqlite.Conn, error) {
	conn, err := sqlite.OpenConn(dsn(path, "mode=rw"), sqlite.OpenReadWrite, sqlite.OpenURI)
	if err != nil {
		return nil, err
	}
	conn.SetBusyTimeout(busyTimeout)
	for _, pragma := range pragmas {
		if err := sqlitex.ExecuteTransient(conn, pragma, nil); err != nil {
			return nil, errors.Join(fmt.Errorf("%s: %w", pragma, err), conn.Close())
		}
	}
	return conn, nil
}

func (w *writer) close() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.conn == nil {
		return nil
	}
	return w.conn.Close()
}

// discard closes the connection, so that the next commit begins on a new one: after an I/O
// error the cache of the connection may be wrong.
func (w *writer) discard() {
	if w.conn == nil {
		return
	}
	_ = w.conn.Close()
	w.conn = nil
}

// beginTransaction waits for other writers as SQLite's busy timeout would, but on Go's clock,
// which tests can advance. Nothing else waits in WAL mode.
func (w *writer) beginTransaction() error {
	for began := time.Now(); ; time.Sleep(busyDelay) {
		_, err := w.exec(w.begin)
		if code(err) != sqlite.ResultBusy || time.Since(began) >= busyTimeout {
			return err
		}
	}
}

// null stands for NULL among numbers.
const null = math.MinInt64

// exec runs a statement whose first parameters are numbers; the caller has bound the others. It
// returns how many rows changed.
func (w *writer) exec(stmt *sqlite.Stmt, numbers ...int64) (changed int, err error) {
	for i, n := range numbers {
		if n == null {
			stmt.BindNull(i + 1)
		} else {
			stmt.BindInt64(i+1, n)
		}
	}
	if _, err := stmt.Step(); err != nil {
		return 0, err
	}
	return w.conn.Changes(), stmt.Reset()
}

// hot is a statement that writes most of the rows. Its parameters keep their values from row to
// row; half of the values are those of the row before, and are not bound again.
type hot struct {
	*sqlite.Stmt
	numbers []int64 // the values of its first parameters
	texts   bool    // one of the other parameters is not NULL
}

// repeat runs a hot statement with numbers, and texts after them; an empty text is NULL. It
// returns how many rows changed.
func (w *writer) repeat(h *hot, numbers []int64, texts ...string) (changed int, err error) {
	if h.numbers == nil {
		h.numbers = make([]int64, len(numbers))
		for i := range h.numbers {
			h.numbers[i] = null // as it was prepared
		}
	}
	for i, n := range numbers {
		if n == h.numbers[i] {
			continue
		}
		h.numbers[i] = n
		if n == null {
			h.BindNull(i + 1)
		} else {
			h.BindInt64(i+1, n)
		}
	}
	some := slices.ContainsFunc(texts, func(text string) bool { return text != "" })
	if some || h.texts {
		bindNullable(h.Stmt, len(numbers)+1, texts...)
	}
	h.texts = some
	return w.exec(h.Stmt)
}

// append adds a row to the end of a log. SQLite gives it the key after the highest. That is the
// wanted key, unless the newest rows were deleted or somebody else wrote: then append moves the
// row to the wanted key, if that is free.
func (w *writer) append(h *hot, move *sqlite.Stmt, key int64, numbers []int64, texts ...string) error {
	n, err := w.repeat(h, numbers, texts...)
	if got := w.conn.LastInsertRowID(); err == nil && n == 1 && got != key {
		n, err = w.exec(move, key, got)
	}
	if err == nil && n != 1 { // a trigger that somebody added deleted the row
		err = errNotAdded
	}
	return err
}

// bindTexts binds texts to a parameter and the ones after it.
func bindTexts(stmt *sqlite.Stmt, param int, texts ...string) {
	for i, text := range texts {
		stmt.BindText(param+i, text)
	}
}

// bindNullable binds texts, empty ones as NULL.
func bindNullable(stmt *sqlite.Stmt, param int, texts ...string) {
	for i, text := range texts {
		if text == "" {
			stmt.BindNull(param + i)
		} else {
			stmt.BindText(param+i, text)
		}
	}
}

// nonzero stores zero as NULL.
func nonzero(n int64) int64 {
	if n == 0 {
		return null
	}
	return n
}

// millis is a time as the hot tables store it.
func millis(t time.Time) int64 {
	if t.IsZero() {
		return null
	}
	return t.UnixMilli()
}

func truth(b bool) int64 {
	if b {
		return 1
	}
	return 0
}
