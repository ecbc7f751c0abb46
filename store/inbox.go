package store

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"zombiezen.com/go/sqlite"

	"github.com/pawl-go/pawl/engine"
	"github.com/pawl-go/pawl/engine/core"
)

// inbox polls for commands of other processes. It has a connection of its own, on which SQLite
// counts the commits of others: while nobody commits, a poll costs a few microseconds and no
// query.
type inbox struct {
	mu                 sync.Mutex
	conn               *sqlite.Conn
	version, unhandled *sqlite.Stmt
	seen               int64 // data_version at the last poll; 0: never polled
}

// Limits on the memory of one poll, whoever wrote the rows; the next poll finds the rest.
const (
	inboxLimit = 1000
	startLimit = 100_000
	lookBytes  = 16 << 20 // of texts: a poll ends with the row that exceeds it

	// A longer text is not read, and its row is refused.
	wordBytes = 64 << 10
	argsBytes = 2 * core.MaxPayload
)

const (
	dataVersion = `PRAGMA data_version`

	// octet_length asks the header of the row, and does not read the text.
	selectUnhandled = `SELECT id,
    CASE WHEN octet_length(command) <= ?2 THEN command ELSE '' END, CASE WHEN octet_length(flow_id) <= ?2 THEN flow_id ELSE '' END,
    CASE WHEN octet_length(args) <= ?3 THEN args ELSE '' END,
    CASE WHEN octet_length(requested_by) <= ?2 THEN requested_by ELSE '' END, CASE WHEN octet_length(reason) <= ?2 THEN reason ELSE '' END,
    octet_length(command), octet_length(flow_id), octet_length(args), octet_length(requested_by), octet_length(reason)
FROM pawl_commands WHERE handled_at IS NULL ORDER BY id LIMIT ?1`
)

// rowTexts are the columns that selectUnhandled reads, in its order, with the most bytes that it
// reads of each.
var rowTexts = []struct {
	column string
	most   int64
}{{"command", wordBytes}, {"flow_id", wordBytes}, {"args", argsBytes}, {"requested_by", wordBytes}, {"reason", wordBytes}}

func newInbox(path string) (*inbox, error) {
	conn, err := dial(path, "PRAGMA query_only = 1")
	if err != nil {
		return nil, err
	}
	i := &inbox{conn: conn}
	if i.version, err = conn.Prepare(dataVersion); err == nil {
		i.unhandled, err = conn.Prepare(selectUnhandled)
	}
	if err != nil {
		_ = conn.Close() // the first error is the one to report
	}
	return i, err
}

func (i *inbox) close() error {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.conn.Close()
}

// poll reads what nobody has answered, if anything was committed since or again
// is true.
func (i *inbox) poll(ctx context.Context, again bool) ([]engine.Command, error) {
	i.mu.Lock()
	defer i.mu.Unlock()
	version, err := i.dataVersion()
	if err != nil || version == i.seen && !again {
		return nil, err
	}
	commands, more, err := i.read(ctx, inboxLimit)
	if err == nil && !more {
		i.seen = version
	}
	return commands, err
}

func (i *inbox) dataVersion() (int64, error) {
	if _, err := i.version.Step(); err != nil {
		return 0, err
	}
	version := i.version.ColumnInt64(0)
	return version, i.version.Reset()
}

// waiting reads what nobody has answered, oldest first.
func (i *inbox) waiting(ctx context.Context, limit int) ([]engine.Command, error) {
	i.mu.Lock()
	defer i.mu.Unlock()
	commands, _, err := i.read(ctx, limit)
	return commands, err
}

// read reads at most so many of them, and says whether there may be more.
func (i *inbox) read(ctx context.Context, limit int) (commands []engine.Command, more bool, err error) {
	i.conn.SetInterrupt(ctx.Done())
	defer i.conn.SetInterrupt(nil)
	s := i.unhandled
	defer func() { err = errors.Join(err, s.Reset()) }()
	for param, n := range []int64{int64(limit), wordBytes, argsBytes} {
		s.BindInt64(param+1, n)
	}
	size := 0
	for {
		row, err := s.Step()
		if err != nil || !row {
			return commands, len(commands) == limit, err
		}
		c := engine.Command{ID: s.ColumnInt64(0), Verb: s.ColumnText(1), Flow: s.ColumnText(2),
			Args: s.ColumnText(3), By: s.ColumnText(4), Why: s.ColumnText(5)}
		for n, text := range rowTexts {
			if bytes := s.ColumnInt64(len(rowTexts) + 1 + n); bytes > text.most {
				c.TooLong = fmt.Sprintf("%s has %d bytes, at most %d are read", text.column, bytes, text.most)
			}
		}
		commands = append(commands, c)
		if size += len(c.Verb) + len(c.Flow) + len(c.Args) + len(c.By) + len(c.Why); size > lookBytes {
			return commands, true, nil
		}
	}
}
