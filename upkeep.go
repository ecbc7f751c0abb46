package pawl

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/pawl-go/pawl/engine"
	"github.com/pawl-go/pawl/engine/core"
	"github.com/pawl-go/pawl/store"
)

// Migrate brings the schema of a database up to date, as a start does, and changes
// nothing else. A file that the app shares ([WithSharedFile]) is migrated too. Errors: a
// file that is missing ([fs.ErrNotExist]), [ErrDatabaseOwned], [ErrSchemaTooNew],
// [ErrDatabaseDamaged], and [ErrForeignDatabase] for a file that no scheduler has started
// on. Of the options it respects [WithWaitForOwner].
func Migrate(ctx context.Context, database string, opts ...Option) error {
	if err := store.Migratable(ctx, database); err != nil {
		return fmt.Errorf("migrate: %w", err)
	}
	db, err := own(ctx, database, opts)
	if err != nil {
		return fmt.Errorf("migrate: %w", err)
	}
	return db.Close()
}

// A Prune is what of the history is deleted.
type Prune struct {
	Runs  int           // the newest are kept; 0: no bound
	Age   time.Duration // and none that ended longer ago; 0: no bound
	Flows []string      // of these; nil: of all
	Told  func(rows int)
}

// PruneHistory deletes what a Prune says of the history of a database that nobody owns,
// for good, gives all space that is free back to the file system, and returns how many
// rows that were; while a scheduler runs, its flows' retention does that
// ([WithRetention]), with the same exceptions, but
// here failures go as other runs do ([WithFailureRetention] does not count). Told, if there is one, is called now and
// then with the rows so far. Errors as of [Migrate], [ErrSchemaTooOld], and that of ctx,
// which ends it early. The options are those of Migrate.
func PruneHistory(ctx context.Context, database string, p Prune, opts ...Option) (rows int, err error) {
	if err := store.Readable(ctx, database); err != nil {
		return 0, fmt.Errorf("prune: %w", err)
	}
	db, err := own(ctx, database, opts)
	if err != nil {
		return 0, fmt.Errorf("prune: %w", err)
	}
	if p.Runs < 0 || p.Age < 0 {
		return 0, errors.Join(fmt.Errorf("prune: %d runs and %s: want 0 (no bound) or more", p.Runs, p.Age), db.Close())
	}
	meant := map[string]bool{}
	for _, id := range p.Flows {
		meant[id] = true
	}
	rows, err = engine.PruneNow(ctx, db, time.Now(), func(id string) (core.Retention, bool) {
		return core.Retention{Runs: p.Runs, For: p.Age}, p.Flows == nil || meant[id]
	}, p.Told)
	if err == nil {
		err = db.Shrink(ctx)
	}
	if err = errors.Join(err, db.Close()); err != nil {
		return rows, fmt.Errorf("prune: %w", err)
	}
	return rows, nil
}

// BackupFile is [Client.Backup] for a database of this version's schema or of an older one,
// so that there is a way back from a [Migrate]. Errors: those of [Open] except for
// [ErrSchemaTooOld], and those of Client.Backup.
func BackupFile(ctx context.Context, database, dest string) (size int64, err error) {
	return store.Backup(ctx, database, dest, time.Now())
}

// own opens a database that has tables of Pawl.
func own(ctx context.Context, database string, opts []Option) (*store.Store, error) {
	o := NewScheduler(database, opts...)
	if err := errors.Join(o.errs...); err != nil {
		return nil, err
	}
	return store.Open(ctx, database, store.Options{Shared: true, Wait: o.options.wait, Owner: store.Self(time.Now())})
}
