package usertx

import (
	"database/sql/driver"
	"errors"
	"fmt"
	"slices"
	"strings"

	"zombiezen.com/go/sqlite"
)

// cursor is a running statement. Call its methods within use or tidy only.
type cursor struct {
	*transaction
	stmt  *sqlite.Stmt // nil: the text has no statement
	owner *prepared    // to give it back to; nil: finalize it
	row   bool         // the statement stands at a row
	fresh bool         // nobody has read that row yet
}

// prepared is a text that the function executes several times.
type prepared struct {
	*transaction
	text   string
	idle   *sqlite.Stmt // compiled, if the text is one statement and no cursor uses it
	closed bool
}

// start runs the statements of a text, the last one to its first row. Each finds its
// arguments among all of args.
func (t *transaction) start(query string, args []driver.NamedValue) (*cursor, error) {
	for only := true; ; only = false {
		stmt, rest, err := t.compile(query)
		if err != nil {
			return nil, err
		}
		c := &cursor{transaction: t, stmt: stmt}
		if err := c.begin(args, only && rest == ""); err != nil || rest == "" {
			return c, err
		}
		if _, err := c.finish(); err != nil {
			return nil, err
		}
		query = rest
	}
}

// compile compiles the first statement of a text; nil: the text has none.
func (t *transaction) compile(query string) (stmt *sqlite.Stmt, rest string, err error) {
	if strings.ContainsRune(query, 0) {
		return nil, "", errors.New("a NUL in the text of a statement")
	}
	query = skipBlank(query)
	if query == "" {
		return nil, "", nil
	}
	stmt, left, err := t.conn.PrepareTransient(query)
	if err != nil {
		return nil, "", err
	}
	t.statements[stmt] = true
	return stmt, skipBlank(query[len(query)-left:]), nil
}

// skipBlank cuts spaces, comments and empty statements off the beginning.
func skipBlank(query string) string {
	for {
		query = strings.TrimLeft(query, " \t\n\f\r;\ufeff")
		switch {
		case strings.HasPrefix(query, "--"):
			_, query, _ = strings.Cut(query, "\n")
		case strings.HasPrefix(query, "/*"):
			_, query, _ = strings.Cut(query[2:], "*/")
		default:
			return query
		}
	}
}

func (t *transaction) drop(stmt *sqlite.Stmt) {
	delete(t.statements, stmt)
	_ = stmt.Finalize() // repeats the error of its last step
}

// tidy runs f, unless the transaction has ended: its end has tidied up already.
func (t *transaction) tidy(f func()) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.ended == nil {
		f()
	}
	return nil
}

// begin goes to the first row. If the text has no other statement, an argument that this
// one does not use is an error.
func (c *cursor) begin(args []driver.NamedValue, alone bool) error {
	if c.stmt == nil {
		return nil
	}
	used, err := bind(c.stmt, args)
	if i := slices.Index(used, false); err == nil && alone && i >= 0 {
		err = fmt.Errorf("no parameter for argument %d (%q)", i+1, args[i].Name)
	}
	if err == nil {
		c.row, err = c.stmt.Step()
		c.fresh = true
	}
	if err != nil {
		c.close()
	}
	return err
}

// next goes to the next row that nobody has read.
func (c *cursor) next() (err error) {
	if c.row && !c.fresh {
		c.row, err = c.stmt.Step()
	}
	c.fresh = false
	return err
}

// finish steps through the remaining rows.
func (c *cursor) finish() (driver.Result, error) {
	defer c.close()
	for c.row {
		var err error
		if c.row, err = c.stmt.Step(); err != nil {
			return nil, err
		}
	}
	return result{c.conn.LastInsertRowID(), int64(c.conn.Changes())}, nil
}

// close gives the statement back.
func (c *cursor) close() {
	stmt := c.stmt
	c.stmt, c.row = nil, false
	if stmt == nil {
		return
	}
	if c.owner == nil || c.owner.closed || stmt.Reset() != nil || stmt.ClearBindings() != nil {
		c.drop(stmt)
		return
	}
	c.owner.idle = stmt
}

func (t *transaction) prepare(query string) (*prepared, error) {
	p := &prepared{transaction: t, text: query}
	stmt, rest, err := t.compile(query)
	switch {
	case err != nil:
		return nil, err
	case rest == "":
		p.idle = stmt
	default:
		t.drop(stmt)
	}
	return p, nil
}

// start runs the text without compiling it again, if it is compiled and idle.
func (p *prepared) start(args []driver.NamedValue) (*cursor, error) {
	if p.idle == nil {
		return p.transaction.start(p.text, args)
	}
	c := &cursor{transaction: p.transaction, stmt: p.idle, owner: p}
	p.idle = nil
	return c, c.begin(args, true)
}
