package store

import (
	"context"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/pawl-go/pawl/engine"
	"github.com/pawl-go/pawl/internal/faultvfs"
)

// A backup while the owner writes is one state of the file, for its owner's eyes
// alone, and keeps the id, the application id and what was not in the file yet but
// in its log.
func TestBackupIsOneStateOfAFileAtWork(t *testing.T) {
	path := filepath.Join(t.TempDir(), "jobs.db")
	s := openStore(t, path, Options{Owner: Self(time.Now())})
	defer s.Close()
	owner := func(generation int64) engine.Batch {
		return engine.Batch{Owner: &engine.Owner{Generation: generation, StartedAt: time.Now()}}
	}
	require.NoError(t, s.Commit(t.Context(), owner(1)))
	original, err := s.Database(t.Context())
	require.NoError(t, err)
	done := make(chan struct{})
	stop := make(chan struct{})
	go func() {
		defer close(done)
		for n := int64(2); ; n++ {
			select {
			case <-stop:
				return
			default:
				assert.NoError(t, s.Commit(context.Background(), owner(n)))
			}
		}
	}()
	for i := range 5 {
		dest := filepath.Join(t.TempDir(), "copy.db")
		size, err := s.Backup(t.Context(), dest, time.Now())
		require.NoError(t, err)
		info, err := os.Stat(dest)
		require.NoError(t, err)
		assert.Equal(t, info.Size(), size)
		assert.Equal(t, fs.FileMode(0o600), info.Mode().Perm())
		r, err := OpenReader(t.Context(), dest)
		require.NoError(t, err, i)
		id, generation, err := r.identity(t.Context())
		require.NoError(t, err)
		assert.Equal(t, original, id)
		var newest, application int64
		require.NoError(t, r.db.Get(&newest, `SELECT max(id) FROM pawl_runners`))
		assert.Equal(t, generation, newest, "of one transaction")
		require.NoError(t, r.db.Get(&application, `PRAGMA application_id`))
		assert.Equal(t, int64(applicationID), application)
		require.NoError(t, r.Close())
		assert.Contains(t, doubt(t, dest), "restored: it is a backup of 2")
	}
	close(stop)
	<-done
}

// A backup that fails leaves nothing behind, and what was there as it was.
func TestFailedBackupLeavesNothing(t *testing.T) {
	path, whole := history(t)
	folder := t.TempDir()
	r, err := OpenReader(t.Context(), path)
	require.NoError(t, err)
	defer r.Close()

	taken := filepath.Join(folder, "taken.db")
	require.NoError(t, os.WriteFile(taken, []byte("precious"), 0o644))
	_, err = r.Backup(t.Context(), taken, time.Now())
	require.ErrorIs(t, err, fs.ErrExist)
	_, err = r.Backup(t.Context(), "", time.Now())
	require.EqualError(t, err, "back up: no name given for the copy")
	require.ErrorIs(t, publish(path, taken), fs.ErrExist, "taken meanwhile")
	content, err := os.ReadFile(taken)
	require.NoError(t, err)
	assert.Equal(t, "precious", string(content))

	ended, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = r.Backup(ended, filepath.Join(folder, "ended.db"), time.Now())
	require.ErrorIs(t, err, context.Canceled)

	clear(whole[len(whole)-3*4096:])
	damaged := filepath.Join(t.TempDir(), "damaged.db")
	require.NoError(t, os.WriteFile(damaged, whole, 0o600))
	broken, err := OpenReader(t.Context(), damaged)
	require.NoError(t, err)
	defer broken.Close()
	_, err = broken.Backup(t.Context(), filepath.Join(folder, "of-damaged.db"), time.Now())
	require.ErrorIs(t, err, ErrDamaged)

	entries, err := os.ReadDir(folder)
	require.NoError(t, err)
	assert.Len(t, entries, 1)
}

// A claim that nobody has carried out yet is of the original alone; other commands
// that wait are in the copy, too.
func TestBackupIsNotClaimedWithTheOriginal(t *testing.T) {
	path := filepath.Join(t.TempDir(), "jobs.db")
	startOnce(t, path, false)
	r, err := OpenReader(t.Context(), path)
	require.NoError(t, err)
	defer r.Close()
	for _, verb := range []string{"claim", "reset"} {
		_, err := r.Post(t.Context(), engine.Command{Verb: verb}, time.Now())
		require.NoError(t, err)
	}
	dest := filepath.Join(t.TempDir(), strings.Repeat("n", 255))
	_, err = r.Backup(t.Context(), dest, time.Now())
	require.NoError(t, err)
	copied := plainDB(t, dest)
	assert.Equal(t, "reset", one[string](t, copied, `SELECT group_concat(command) FROM pawl_commands`))
}

// What a backup says it has done: it is on disk, and it was checked.
func TestBackupIsSyncedAfterItsLastWrite(t *testing.T) {
	path, _ := history(t)
	r, err := OpenReader(t.Context(), path)
	require.NoError(t, err)
	defer r.Close()
	folder := scratch(t)
	storage := faultvfs.Watch(folder)
	defer storage.Close()
	_, err = r.Backup(t.Context(), filepath.Join(folder, "copy.db"), time.Now())
	require.NoError(t, err)
	written, synced := -1, -1
	for i, op := range storage.Log() {
		switch {
		case !strings.HasPrefix(op.File, ".pawl-backup-") || strings.HasSuffix(op.File, "-journal"):
		case op.Kind == faultvfs.Sync:
			synced = i
		default:
			written = i
		}
	}
	assert.GreaterOrEqual(t, written, 0)
	assert.Greater(t, synced, written)
}

// A copy takes over what makes no sense, which a check of it finds.
func TestBackupOfRowsThatAreNotAllowedIsRefused(t *testing.T) {
	path, _ := history(t)
	db := plainDB(t, path)
	db.SetMaxOpenConns(1)
	for _, query := range []string{
		"PRAGMA writable_schema = ON",
		"UPDATE sqlite_schema SET sql = replace(sql, 'NOT NULL', 'DEFAULT NULL') WHERE name = 'pawl_database'",
		"PRAGMA writable_schema = RESET",
		"UPDATE pawl_database SET created_at = NULL",
		"PRAGMA writable_schema = ON",
		"UPDATE sqlite_schema SET sql = replace(sql, 'DEFAULT NULL', 'NOT NULL') WHERE name = 'pawl_database'",
	} {
		execOn(t, db, query)
	}
	require.NoError(t, db.Close())
	r, err := OpenReader(t.Context(), path)
	require.NoError(t, err)
	defer r.Close()
	dest := filepath.Join(t.TempDir(), "copy.db")
	_, err = r.Backup(t.Context(), dest, time.Now())
	require.ErrorIs(t, err, ErrDamaged)
	assert.ErrorContains(t, err, "NULL value in pawl_database.created_at")
	assert.NoFileExists(t, dest)
}

// A backup that the disk does not take leaves nothing of what SQLite has written, and
// names the place that is full, not the database.
func TestBackupThatIsCutShortLeavesNothing(t *testing.T) {
	path, _ := history(t)
	r, err := OpenReader(t.Context(), path)
	require.NoError(t, err)
	defer r.Close()
	for _, test := range []struct {
		name string
		fail func(faultvfs.Op) faultvfs.Fault
		says string
	}{
		{"no space", func(op faultvfs.Op) faultvfs.Fault {
			if op.Kind == faultvfs.Write && op.Offset > 1<<14 {
				return faultvfs.Full
			}
			return faultvfs.None
		}, "the disk is full; free some space for "},
		{"a journal that cannot be deleted", func(op faultvfs.Op) faultvfs.Fault {
			if op.Kind == faultvfs.Delete {
				return faultvfs.EIO
			}
			return faultvfs.None
		}, "disk I/O error, or the disk is full"},
	} {
		folder := scratch(t)
		storage := faultvfs.Watch(folder)
		storage.Fail = func(_ int, op faultvfs.Op) faultvfs.Fault { return test.fail(op) }
		dest := filepath.Join(folder, "copy.db")
		_, err := r.Backup(t.Context(), dest, time.Now())
		storage.Close()
		require.ErrorContains(t, err, test.says, test.name)
		assert.ErrorContains(t, err, "for "+dest+": ", test.name)
		entries, err := os.ReadDir(folder)
		require.NoError(t, err)
		assert.Empty(t, entries, test.name)
	}
}
