package store

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// history makes a closed database with runs and transitions over many pages.
func history(t *testing.T) (path string, content []byte) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "jobs.db")
	startOnce(t, path, false)
	db := plainDB(t, path)
	execOn(t, db, `WITH RECURSIVE c (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM c WHERE i < 1000)
INSERT INTO pawl_run_log (key, prev, flow, number, trigger, status, attempt, scheduled_at, started_at, finished_at, error) SELECT i, nullif(i - 1, 0), 1, i, 0, 1, 1, i, i, i, 'boom ' || i FROM c`)
	require.NoError(t, db.Close())
	content, err := os.ReadFile(path)
	require.NoError(t, err)
	return path, content
}

// Matrix, corrupt pages and truncated file: whatever is wrong with a file, it is
// opened or refused, without a panic, and what is refused is not touched.
func TestDamagedFilesAreRefusedUntouched(t *testing.T) {
	path, whole := history(t)
	seed := uint64(time.Now().UnixNano())
	random := rand.New(rand.NewPCG(seed, 0))
	damages := map[string]func([]byte) []byte{
		"a byte": func(b []byte) []byte { b[random.IntN(len(b))] ^= byte(1 + random.IntN(255)); return b },
		"a page": func(b []byte) []byte {
			page := random.IntN(len(b) / 4096)
			for i := range 4096 {
				b[page*4096+i] = byte(random.Uint32())
			}
			return b
		},
		"a page of zeros": func(b []byte) []byte { clear(b[random.IntN(len(b)/4096)*4096:][:4096]); return b },
		"two pages swapped": func(b []byte) []byte {
			one, other := b[random.IntN(len(b)/4096)*4096:][:4096], b[random.IntN(len(b)/4096)*4096:][:4096]
			for i := range one {
				one[i], other[i] = other[i], one[i]
			}
			return b
		},
		"cut off": func(b []byte) []byte { return b[:1+random.IntN(len(b)-1)] },
	}
	refused := 0
	for name, damage := range damages {
		for i := range 20 {
			broken := damage(append([]byte(nil), whole...))
			what := fmt.Sprintf("%s, %d of seed %d", name, i, seed)
			require.NoError(t, os.WriteFile(path, broken, 0o600))
			s, err := Open(t.Context(), path, Options{Owner: Self(time.Now())})
			if err == nil {
				_, _ = s.Load(t.Context())
				_, _ = s.Verify(t.Context())
				_ = s.Close()
				continue
			}
			refused++
			after, readErr := os.ReadFile(path)
			require.NoError(t, readErr)
			counters := 100 // in the header, of a transaction without effect: of those whose pages are sound but say nonsense
			for _, known := range []error{ErrDamaged, ErrForeign, ErrSchemaTooNew} {
				if errors.Is(err, known) {
					counters = 0
				}
			}
			counters = min(counters, len(broken), len(after))
			require.True(t, bytes.Equal(broken[counters:], after[counters:]), "%s was touched, and refused: %v", what, err)
			assert.NoFileExists(t, path+"-wal", what)
		}
	}
	assert.Greater(t, refused, 40, "seed %d", seed)
}

// Matrix, corrupt pages: SQLite would go on writing to a file of which one table
// is damaged; a start does not, and says what helps.
func TestDamagedPageIsNamedWithWhatHelps(t *testing.T) {
	path, whole := history(t)
	db := plainDB(t, path)
	var page int64
	require.NoError(t, db.QueryRow(`SELECT rootpage FROM sqlite_schema WHERE name = 'pawl_commands'`).Scan(&page))
	require.NoError(t, db.Close())
	copy(whole[(page-1)*4096:], make([]byte, 4096))
	require.NoError(t, os.WriteFile(path, whole, 0o600))
	_, err := Open(t.Context(), path, Options{})
	require.ErrorIs(t, err, ErrDamaged)
	assert.ErrorContains(t, err, "it was not touched. Restore a backup, or rescue what can be read with: sqlite3 "+path+" .recover")
}

// A schema of ours without its version is not made anew over what is there.
func TestFileThatLostItsVersionIsRefused(t *testing.T) {
	path, _ := history(t)
	db := plainDB(t, path)
	execOn(t, db, "ALTER TABLE pawl_migrations RENAME TO pawl_migrathions")
	require.NoError(t, db.Close())
	before, err := os.ReadFile(path)
	require.NoError(t, err)
	_, err = Open(t.Context(), path, Options{})
	require.ErrorIs(t, err, ErrDamaged)
	assert.ErrorContains(t, err, `but not pawl_migrations`)
	after, err := os.ReadFile(path)
	require.NoError(t, err)
	assert.True(t, bytes.Equal(before, after))
}

// Matrix, a copied or restored database: a backup in the place of a database whose
// process was killed, beside its log, is refused before SQLite makes one of the two. That
// the log fits its pages, as after a backup that was started once, makes no difference.
func TestBackupBesideTheLogOfAnotherIsRefusedUntouched(t *testing.T) {
	for _, fits := range []bool{false, true} {
		t.Run(fmt.Sprintf("it fits: %t", fits), func(t *testing.T) { refuseBackupBesideLog(t, fits) })
	}
}

func refuseBackupBesideLog(t *testing.T, fits bool) {
	path, _ := history(t)
	reader, err := OpenReader(t.Context(), path)
	require.NoError(t, err)
	backup := filepath.Join(t.TempDir(), "backup.db")
	_, err = reader.Backup(t.Context(), backup, time.Now())
	require.NoError(t, err)
	require.NoError(t, reader.Close())
	if fits {
		copyFile(t, backup, path)
	}
	db := plainDB(t, path)
	execOn(t, db, "PRAGMA journal_mode = WAL")
	execOn(t, db, "UPDATE pawl_run_log SET error = 'later'")
	log, err := os.ReadFile(path + "-wal") // as a kill leaves it
	require.NoError(t, err)
	require.NoError(t, db.Close())
	copyFile(t, backup, path)
	require.NoError(t, os.WriteFile(path+"-wal", log, 0o600))

	_, err = Open(t.Context(), path, Options{Owner: Self(time.Now())})
	require.ErrorIs(t, err, ErrDamaged)
	assert.ErrorContains(t, err, "Move "+path+"-wal and "+path+"-shm away")
	before, err := os.ReadFile(backup)
	require.NoError(t, err)
	after, err := os.ReadFile(path)
	require.NoError(t, err)
	assert.True(t, bytes.Equal(before, after))
	require.NoError(t, os.Remove(path+"-wal"))
	require.NoError(t, os.Remove(path+"-shm"))
	openStore(t, path, Options{})
}
