package store

import (
	"errors"
	"fmt"

	modernc "modernc.org/sqlite"
	"zombiezen.com/go/sqlite"

	"github.com/pawl-go/pawl/engine"
	"github.com/pawl-go/pawl/engine/core"
)

// remedies say, by result code of SQLite, what is wrong with the file %s and what helps.
var remedies = map[sqlite.ResultCode]string{
	sqlite.ResultFull: "the disk is full; free some space for %s",
	sqlite.ResultIOErr: "disk I/O error, or the disk is full; see its free space, the limits of the process (ulimit -f) " +
		"and the log of the system, for %s",
	sqlite.ResultBusy:     "database %s is locked by another program; end its transaction",
	sqlite.ResultReadOnly: "database %s is read-only; make the file and its directory writable",
	sqlite.ResultCantOpen: "database %s cannot be opened; see to the permissions of the file and its directory, and to the limit of open files",
	sqlite.ResultPerm:     "database %s cannot be opened; see to the permissions of the file and its directory",
}

// remedy adds to an error of SQLite what the user can do about it.
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

// explainRead says why a database cannot be opened or read, or takes no command.
func explainRead(path string, err error) error {
	switch code(err) {
	case sqlite.ResultNotADB:
		return fmt.Errorf("%w: %s is no SQLite file", ErrForeign, path)
	case sqlite.ResultCorrupt:
		return damaged(path, err)
	}
	return remedy(path, err)
}

// explainWrite says why the database that this process owns takes no writes.
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

// code is the primary result code of SQLite in an error of either library; for other errors
// ResultError, for nil ResultOK.
func code(err error) sqlite.ResultCode {
	if e := (*modernc.Error)(nil); errors.As(err, &e) {
		return sqlite.ResultCode(e.Code()).ToPrimary()
	}
	return sqlite.ErrCode(err).ToPrimary()
}

// Degraded writes into the lock file, for other processes, why the database takes no writes;
// nil: it takes them.
func (s *Store) Degraded(why error) error {
	s.lock.holder.Degraded = ""
	if why != nil {
		s.lock.holder.Degraded = core.Clip(why.Error(), 1<<10)
	}
	return s.lock.write()
}
