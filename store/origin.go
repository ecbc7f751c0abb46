package store

import (
	"context"
	"fmt"
	"os"

	"github.com/pawl-go/pawl/engine"
)

// Each start adds one to a generation that is kept in the database and in the
// lock file beside it. A file that was copied to another place, or put back from
// a backup, is known by the two not matching. Both files copied together look
// like the original.

// origin is what the lock file keeps of the database, also when nobody holds it.
type origin struct {
	Database   string `json:"database,omitempty"` // its id
	Generation int64  `json:"generation,omitempty"`
	Seq        int64  `json:"seq,omitempty"` // a transition that it had: the newest at the last start or stop
}

// mismatch says why a database that would be marked so is not the one that the last
// owner at this place left behind; empty: it is, or it is new. A kill between the
// commit of a generation and its mark leaves the mark one behind.
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

// suspectedCopy is why the file is not taken for the one that was left here: what an
// earlier start found and nobody has claimed since, or what the mark tells.
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

// origin is what a lock file should say of the database.
func (r *Reader) origin(ctx context.Context) (m origin, err error) {
	if m.Database, m.Generation, err = r.identity(ctx); err != nil {
		return m, err
	}
	counters, err := r.counters(ctx)
	m.Seq = counters.Seq
	return m, err
}

// SuspectedCopy is why the file is taken for a copy, or an older state, of the one that
// the last owner at this place left behind; empty: it is not.
func (r *Reader) SuspectedCopy(ctx context.Context) (string, error) {
	m, err := readOrigin(r.path)
	if err != nil {
		return "", err
	}
	return r.suspectedCopy(ctx, m)
}

// Passive is why the owner dispatches nothing until somebody claims the database;
// empty: he does.
func (r *Reader) Passive(ctx context.Context) (reason string, err error) {
	err = r.db.GetContext(ctx, &reason, `SELECT COALESCE(passive, '') FROM pawl_database`)
	return reason, err
}

// readOrigin reads the lock file of the resolved path; one that is missing or was
// never signed has no mark.
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
	if err != nil { // empty, or about to be signed
		return origin{}, nil
	}
	return h.origin, nil
}

// checkOrigin sets what the snapshot of a start tells of where the file comes from.
// A mark that is one behind, after a kill, is brought up before there is another
// generation; one that tells of a copy stays until the start is committed.
func (s *Store) checkOrigin(ctx context.Context, snap *engine.Snapshot) (err error) {
	if snap.Doubt, err = s.suspectedCopy(ctx, s.lock.holder.origin); err != nil || snap.Doubt != "" {
		return err
	}
	return s.lock.record(origin{snap.Database, snap.Generation, snap.Seq})
}

// recordOrigin marks the lock file with what was committed, at a start and at a stop.
func (s *Store) recordOrigin(o *engine.Owner) error {
	if o.Generation == s.lock.holder.Generation && o.StoppedAt.IsZero() {
		return nil
	}
	m, err := s.origin(context.Background())
	if err != nil {
		return fmt.Errorf("mark the lock file: %w", explainWrite(s.path, err))
	}
	s.lock.holder.shutdownRecord = shutdownRecord{} // it was heeded
	return s.lock.record(m)
}

// record writes a mark, if it is not there already.
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
