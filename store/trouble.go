package store

import (
	"errors"
	"fmt"

	"zombiezen.com/go/sqlite"

	"github.com/pawl-go/pawl/engine"
)

// remedies say of a result code of SQLite what is wrong with the database, and
// what helps.
var remedies = map[sqlite.ResultCode]string{
	sqlite.ResultFull:     "the disk is full; free some space for",
	sqlite.ResultIOErr:    "the disk does not do its work; see its free space, the limits of the process (ulimit -f) and the log of the system, for",
	sqlite.ResultBusy:     "locked by another program; end its transaction on",
	sqlite.ResultReadOnly: "read-only; make the file and its directory writable:",
	sqlite.ResultCantOpen: "not to be opened; see to the permissions of the file and its directory, and to the limit of open files:",
	sqlite.ResultPerm:     "not to be opened; see to the permissions of the file and its directory:",
	sqlite.ResultCorrupt:  "damaged; stop, restore a backup, start again:",
	sqlite.ResultNotADB:   "damaged; stop, restore a backup, start again:",
}

// trouble explains why a database does not take writes.
func trouble(path string, err error) error {
	remedy, known := remedies[code(err)]
	if !known || errors.As(err, new(*engine.Rejected)) {
		return err
	}
	return fmt.Errorf("%s %s: %w", remedy, path, err)
}

// Degraded tells other processes, in the lock file, why the database takes no
// writes; nil: it does. An error says that nothing could be told.
func (s *Store) Degraded(why error) error {
	s.lock.holder.Degraded = ""
	if why != nil {
		s.lock.holder.Degraded = engine.Clip(why.Error(), 1<<10)
	}
	return s.lock.sign()
}
