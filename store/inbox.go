package store

import (
	"context"

	"github.com/jmoiron/sqlx"

	"github.com/pawl-go/pawl/engine"
)

// inbox looks for commands of other processes. It has a connection of its own,
// on which SQLite counts what others commit: while nobody does, a look costs no
// query.
type inbox struct {
	conn *sqlx.Conn
	seen int64 // data_version at the last look; 0: never looked
}

// Limits bound the memory of one look; the rest is found by the next.
const (
	inboxLimit = 1000
	startLimit = 100_000
)

func newInbox(ctx context.Context, db *sqlx.DB) (*inbox, error) {
	conn, err := db.Connx(ctx)
	return &inbox{conn: conn}, err
}

func (i *inbox) close() error {
	if i.conn == nil {
		return nil
	}
	return i.conn.Close()
}

// poll reads what nobody has answered, if anything was committed since or again
// is true.
func (i *inbox) poll(ctx context.Context, again bool) ([]engine.Command, error) {
	var version int64
	if err := i.conn.GetContext(ctx, &version, `PRAGMA data_version`); err != nil {
		return nil, err
	}
	if version == i.seen && !again {
		return nil, nil
	}
	commands, err := i.waiting(ctx, inboxLimit)
	if err == nil && len(commands) < inboxLimit {
		i.seen = version
	}
	return commands, err
}

// waiting reads what nobody has answered, oldest first.
func (i *inbox) waiting(ctx context.Context, limit int) ([]engine.Command, error) {
	const query = `SELECT id, COALESCE(command, '') AS verb, COALESCE(flow_id, '') AS flow
FROM pawl_commands WHERE handled_at IS NULL ORDER BY id LIMIT ?`
	var commands []engine.Command
	err := i.conn.SelectContext(ctx, &commands, query, limit)
	return commands, err
}
