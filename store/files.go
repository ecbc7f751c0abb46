package store

import (
	"errors"
	"fmt"
	"os"
)

// errMoved is why nothing is committed to a database that is not at its path any
// more: SQLite goes on writing to a file that nobody will find again.
var errMoved = errors.New("deleted or replaced while it runs")

// openFiles remembers which files are at the paths of a database: the file itself,
// its log, and the lock, without which another process would take it for free.
type openFiles []openFile

type openFile struct {
	path string
	file fileID // as it was when the database was opened
	help string // what to do when it is gone
}

const (
	helpFile = "put it back, and the runner goes on by itself"
	helpLock = "put it back if it was moved, and the runner goes on by itself; if it is gone, end this process before another is started"
)

// noteFiles notes where a database is that this process has open.
func noteFiles(path string) (openFiles, error) {
	var p openFiles
	for _, l := range []openFile{{path: path, help: helpFile}, {path: path + "-wal", help: helpFile}, {path: lockPath(path), help: helpLock}} {
		var err error
		if l.file, err = fileAt(l.path); err != nil {
			return nil, fmt.Errorf("remember where the database is: %w", err)
		}
		p = append(p, l)
	}
	return p, nil
}

// check says whether the files are where they were. It asks for their names and
// opens none of them: closing it again would drop the locks of this process.
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
