package store

import (
	"errors"
	"fmt"

	modernc "modernc.org/sqlite"
	"zombiezen.com/go/sqlite"

	"github.com/pawl-go/pawl/engine"
	"github.com/pawl-go/pawl/engine/core"
)

// remedies say of a result code of SQLite what is wrong with the file that %s
// stands for, and what helps.
var remedies = map[sqlite.ResultCode]string{
	sqlite.ResultFull: "the disk is full; free some space for %s",
	sqlite.ResultIOErr: "the disk does not do its work, or is full; see its free space, the limits of the process (ulimit -f) " +
		"and the log of the system, for %s",
	sqlite.ResultBusy:     "database %s is locked by another program; end its transaction",
	sqlite.ResultReadOnly: "database %s is read-only; make the file and its directory writable",
	sqlite.ResultCantOpen: "database %s cannot be opened; see to the permissions of the file and its directory, and to the limit of open files",
	sqlite.ResultPerm:     "database %s cannot be opened; see to the permissions of the file and its directory",
}

// remedy says what an error means to whoever chose the path.
func remedy(path string, err error) error {
	if errors.As(err, new(explained)) {
		return err
	}
	if logGone(err) {
		return withoutLog(path, err)
	}
	text, known := remedies[code(err)]
	if !known {
		text = "database %s"
	}
	return fmt.Errorf(text+": %w", path, err)
}

// explainRead says why a database cannot be opened, read or sent a command.
func explainRead(path string, err error) error {
	switch code(err) {
	case sqlite.ResultNotADB:
		return fmt.Errorf("%w: %s is no SQLite file", ErrForeign, path)
	case sqlite.ResultCorrupt:
		return damaged(path, err)
	}
	return remedy(path, err)
}

// explainWrite says why a database that this process drives does not take writes.
func explainWrite(path string, err error) error {
	_, known := remedies[code(err)]
	switch {
	case errors.As(err, new(*engine.Rejected)):
		return err
	case code(err) == sqlite.ResultCorrupt, code(err) == sqlite.ResultNotADB:
		return fmt.Errorf("database %s is damaged; stop, restore a backup, start again: %w", path, err)
	case known:
		return remedy(path, err)
	}
	return err
}

// code is the primary result code of SQLite, by either library; that of a plain
// error for any other.
func code(err error) sqlite.ResultCode {
	if e := (*modernc.Error)(nil); errors.As(err, &e) {
		return sqlite.ResultCode(e.Code()).ToPrimary()
	}
	return sqlite.ErrCode(err).ToPrimary()
}

// Degraded tells other processes, in the lock file, why the database takes no
// writes; nil: it does. An error says that nothing could be told.
func (s *Store) Degraded(why error) error {
	s.lock.holder.Degraded = ""
	if why != nil {
		s.lock.holder.Degraded = core.Clip(why.Error(), 1<<10)
	}
	return s.lock.write()
}
