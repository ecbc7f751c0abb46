package store

import (
	"context"
	"errors"
	"sync"

	"zombiezen.com/go/sqlite"

	"github.com/pawl-go/pawl/engine"
)

// inbox looks for commands of other processes. It has a connection of its own,
// on which SQLite counts what others commit: while nobody does, a look costs a
// few microseconds and no query.
type inbox struct {
	mu                 sync.Mutex
	conn               *sqlite.Conn
	version, unhandled *sqlite.Stmt
	seen               int64 // data_version at the last look; 0: never looked
}

// Limits bound the memory of one look; the rest is found by the next.
const (
	inboxLimit = 1000
	startLimit = 100_000
)

const (
	dataVersion = `PRAGMA data_version`

	selectUnhandled = `SELECT id, COALESCE(command, ''), COALESCE(flow_id, ''), COALESCE(args, ''), COALESCE(requested_by, ''), COALESCE(reason, '')
FROM pawl_commands WHERE handled_at IS NULL ORDER BY id LIMIT ?`
)

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
	commands, err := i.read(ctx, inboxLimit)
	if err == nil && len(commands) < inboxLimit {
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
	return i.read(ctx, limit)
}

func (i *inbox) read(ctx context.Context, limit int) (commands []engine.Command, err error) {
	i.conn.SetInterrupt(ctx.Done())
	defer i.conn.SetInterrupt(nil)
	s := i.unhandled
	defer func() { err = errors.Join(err, s.Reset()) }()
	s.BindInt64(1, int64(limit))
	for {
		more, err := s.Step()
		if err != nil || !more {
			return commands, err
		}
		commands = append(commands, engine.Command{ID: s.ColumnInt64(0), Verb: s.ColumnText(1), Flow: s.ColumnText(2),
			Args: s.ColumnText(3), By: s.ColumnText(4), Why: s.ColumnText(5)})
	}
}
