package main

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/pawl-go/pawl"
)

// A rival is a daemon of our user that holds another lock file than the one beside
// our database, and drives a file with the same id. It is known by what it has
// open. On other systems than Linux nothing is found.
type rival struct {
	pid  int    // as the lock file has it
	lock string // where that is, or was
}

const deleted = " (deleted)" // how Linux marks the name of a file that has none any more

// lockFile is the file beside a database that its daemon holds locked.
func lockFile(database string) string {
	if path, err := filepath.Abs(database); err == nil {
		database = path
	}
	if path, err := filepath.EvalSymlinks(database); err == nil {
		database = path
	} else if folder, err := filepath.EvalSymlinks(filepath.Dir(database)); err == nil { // it is not there
		database = filepath.Join(folder, filepath.Base(database))
	}
	return database + ".lock"
}

// refuse says why nobody may start on a database that a displaced daemon drives.
func (r rival) refuse() error {
	return fmt.Errorf("%w: %s; %s", pawl.ErrDatabaseOwned, r.displacement(), r.remedy())
}

func (r rival) displacement() string {
	return fmt.Sprintf("process %d drives it, though its lock file was deleted or moved", r.pid)
}

// remedy is what helps against the displacement of a daemon.
func (r rival) remedy() string {
	if strings.HasSuffix(r.lock, deleted) {
		return fmt.Sprintf("end that process (kill %d) before another is started", r.pid)
	}
	return fmt.Sprintf("move %s back to its place, and it goes on by itself", r.lock)
}

// doubt tells of a rival that runs flows, for [pawl.WithDoubt].
func doubt(database string) func(context.Context, string) string {
	return func(ctx context.Context, id string) string {
		for _, r := range rivals(id, database) {
			if !r.passive(ctx, id) {
				return fmt.Sprintf("copied: process %d drives another file with its id, %s", r.pid, r.database())
			}
		}
		return ""
	}
}

func (r rival) database() string {
	return strings.TrimSuffix(strings.TrimSuffix(r.lock, deleted), ".lock")
}

// passive says that a rival runs nothing either until it is claimed: the original
// that is started anew beside such a copy is not in doubt.
func (r rival) passive(ctx context.Context, id string) bool {
	c, err := pawl.Open(r.database())
	if err != nil {
		return false
	}
	defer c.Close()
	why, err := c.Passive(ctx)
	return err == nil && why != "" && c.Database() == id
}
