package store

import (
	"errors"
	"fmt"
	"os"
)

// errMoved says that the database is no longer at its path. Nothing is committed then: SQLite
// would go on writing to a file that nobody finds again.
var errMoved = errors.New("deleted or replaced while it runs")

// openFiles are the files that this process has open: the database, its log, and the lock,
// without which another process would think that the database has no owner.
type openFiles []openFile

type openFile struct {
	path string
	file fileID // as it was when the database was opened
	help string // what to do when the file is gone
}

const (
	helpFile = "put it back, and the runner goes on by itself"
	helpLock = "put it back if it was moved, and the runner goes on by itself; if it is gone, end this process before another is started"
)

// noteFiles notes the files of a database that this process has just opened.
func noteFiles(path string) (openFiles, error) {
	var p openFiles
	for _, l := range []openFile{{path: path, help: helpFile}, {path: path + "-wal", help: helpFile}, {path: lockPath(path), help: helpLock}} {
		var err error
		if l.file, err = fileAt(l.path); err != nil {
			return nil, fmt.Errorf("note where the database is: %w", err)
		}
		p = append(p, l)
	}
	return p, nil
}

// check returns an error if one of the files is no longer at its path. It opens none of them:
// closing a file again would drop this process's locks on it.
func (p openFiles) check() error {
	for _, l := range p {
		file, err := fileAt(l.path)
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			return fmt.Errorf("look for the database: %w", err)
		}
		if err != nil || !file.same(l.file) {
			return fmt.Errorf("%s was %w; %s", l.path, errMoved, l.help)
		}
	}
	return nil
}
