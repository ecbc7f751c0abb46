package store

import (
	"context"
	"fmt"
	"os"

	"github.com/pawl-go/pawl/engine"
)

// Each start adds one to a generation that is stored in the database and in the lock file
// beside it. If the two do not match, somebody copied the database to this place or put a
// backup back. A copy of both files together looks like the original.

// origin identifies a database in the lock file beside it. It stays there when nobody holds
// the lock.
type origin struct {
	Database   string `json:"database,omitempty"` // its id
	Generation int64  `json:"generation,omitempty"`
	Seq        int64  `json:"seq,omitempty"` // the newest transition at the last start or stop
}

// mismatch is why the database found is not the one that the last owner at this place left;
// empty: it is, or it is new. A kill between the commit of a generation and the write of
// the lock file leaves the lock file one generation behind.
func (m origin) mismatch(found origin) string {
	generation := found.Generation
	switch {
	case generation == 0 && m.Generation > 0:
		return fmt.Sprintf("replaced: it is new, but the lock file beside it tells of %d starts", m.Generation)
	case generation == 0:
		return ""
	case m.Database == "":
		return fmt.Sprintf("copied: it was started %d times, but the lock file beside it tells of none", generation)
	case m.Database != found.Database:
		return fmt.Sprintf("replaced: the lock file beside it is that of another database, %s", m.Database)
	case generation < m.Generation:
		return fmt.Sprintf("restored: it was started %d times, but the lock file beside it tells of %d", generation, m.Generation)
	case found.Seq < m.Seq:
		return fmt.Sprintf("restored: its newest transition is %d, but the lock file beside it tells of %d", found.Seq, m.Seq)
	case generation > m.Generation+1:
		return fmt.Sprintf("copied: it was started %d times, but the lock file beside it tells of %d", generation, m.Generation)
	}
	return ""
}

// suspectedCopy is why the file may be a copy: the reason that an earlier start found, if
// nobody claimed the database since, or a mismatch with the lock file. Empty: it is none.
func (r *Reader) suspectedCopy(ctx context.Context, m origin) (string, error) {
	passive, err := r.Passive(ctx)
	if err != nil || passive != "" {
		return passive, err
	}
	now, err := r.origin(ctx)
	if err != nil {
		return "", err
	}
	return m.mismatch(now), nil
}

// origin reads what the lock file should say of the database.
func (r *Reader) origin(ctx context.Context) (m origin, err error) {
	if m.Database, m.Generation, err = r.identity(ctx); err != nil {
		return m, err
	}
	counters, err := r.counters(ctx)
	m.Seq = counters.Seq
	return m, err
}

// SuspectedCopy is why the file may be a copy, or an older state, of the one that the last
// owner at this place left; empty: it is not.
func (r *Reader) SuspectedCopy(ctx context.Context) (string, error) {
	m, err := readOrigin(r.path)
	if err != nil {
		return "", err
	}
	return r.suspectedCopy(ctx, m)
}

// Passive is why the owner starts no runs until somebody claims the database; empty: it
// starts them.
func (r *Reader) Passive(ctx context.Context) (reason string, err error) {
	err = r.db.GetContext(ctx, &reason, `SELECT COALESCE(passive, '') FROM pawl_database`)
	return reason, err
}

// readOrigin reads the lock file of the resolved path. A lock file that is missing or was
// never written has no origin.
func readOrigin(path string) (origin, error) {
	file, err := os.Open(lockPath(path))
	if os.IsNotExist(err) {
		return origin{}, nil
	}
	if err != nil {
		return origin{}, fmt.Errorf("read the lock file: %w", err)
	}
	defer file.Close()
	h, err := read(file)
	if err != nil { // empty, or about to be written
		return origin{}, nil
	}
	return h.origin, nil
}

// checkOrigin sets why a start suspects that the file is a copy. Without such a suspicion it
// brings a lock file that is one generation behind, after a kill, up to date, before the next
// generation begins. Otherwise the lock file stays as it is until the start is committed.
func (s *Store) checkOrigin(ctx context.Context, snap *engine.Snapshot) (err error) {
	if snap.Doubt, err = s.suspectedCopy(ctx, s.lock.holder.origin); err != nil || snap.Doubt != "" {
		return err
	}
	return s.lock.record(origin{snap.Database, snap.Generation, snap.Seq})
}

// recordOrigin writes the committed origin into the lock file, at a start and at a stop.
func (s *Store) recordOrigin(o *engine.Owner) error {
	if o.Generation == s.lock.holder.Generation && o.StoppedAt.IsZero() {
		return nil
	}
	m, err := s.origin(context.Background())
	if err != nil {
		return fmt.Errorf("write the lock file: %w", explainWrite(s.path, err))
	}
	s.lock.holder.shutdownRecord = shutdownRecord{} // the start has read it
	return s.lock.record(m)
}

// record writes an origin into the lock file, unless it is there already.
func (l *lock) record(m origin) error {
	if m == l.holder.origin {
		return nil
	}
	l.holder.origin = m
	if err := l.write(); err != nil {
		return fmt.Errorf("write %s: %w", l.file.Name(), err)
	}
	return nil
}
