package store

import (
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/pawl-go/pawl/internal/faultvfs"
)

// A process that is killed while it brings a file of an older version up to date, or whose
// power fails, leaves one that the next start brings up to date, with all rows. PAWL_SEED
// repeats a failure. "migrate" of harness 3; faults I1, faults I7.
func TestUpgradeThatIsCutShortIsMadeUpFor(t *testing.T) {
	t.Parallel()
	seed := setting(t, "PAWL_SEED", time.Now().UnixNano())
	for _, name := range []string{"before_time.sqlite", "before_workflow.sqlite", "before_pause.sqlite", "before_found.sqlite", "before_house.sqlite", "before_facts.sqlite"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			file, err := os.ReadFile(filepath.Join("testdata", name))
			require.NoError(t, err)
			u := newUpgrade(t, file)
			chance := rand.New(rand.NewPCG(uint64(seed), 7))
			disk := onDisk(file)
			for at, op := range u.log {
				disk.Do(op)
				u.requireDone(t, disk.Killed(), "PAWL_SEED=%d, killed after operation %d of %d", seed, at+1, len(u.log))
				for range sized(1, 30) {
					u.requireDone(t, disk.Cut(chance), "PAWL_SEED=%d, power cut after operation %d of %d", seed, at+1, len(u.log))
				}
			}
		})
	}
}

// upgrade is what bringing a file up to date does to the disk, and what comes of it.
type upgrade struct {
	log    []faultvfs.Op
	folder string // where a state is laid out
	schema []string
	rows   []string
}

func newUpgrade(t *testing.T, file []byte) *upgrade {
	folder := scratch(t)
	require.NoError(t, os.WriteFile(filepath.Join(folder, "jobs.db"), file, 0o600))
	storage := faultvfs.Watch(folder)
	defer storage.Close()
	s := openStore(t, filepath.Join(folder, "jobs.db"), Options{})
	u := &upgrade{folder: filepath.Join(scratch(t), "state"), schema: outline(t, s.Reader.db.DB), rows: content(t, s.Reader.db.DB)}
	require.NoError(t, s.Close())
	u.log = storage.Log()
	require.Greater(t, len(u.log), 20)
	require.NotEmpty(t, u.rows)
	return u
}

// onDisk is a disk that holds a file.
func onDisk(file []byte) *faultvfs.Disk {
	d := new(faultvfs.Disk)
	d.Do(faultvfs.Op{Kind: faultvfs.Write, File: "jobs.db", Data: file})
	d.Do(faultvfs.Op{Kind: faultvfs.Sync, File: "jobs.db", Folder: true})
	return d
}

// requireDone opens what is left.
func (u *upgrade) requireDone(t *testing.T, files map[string][]byte, what string, args ...any) {
	t.Helper()
	require.NoError(t, faultvfs.Put(u.folder, files))
	s, err := Open(t.Context(), filepath.Join(u.folder, "jobs.db"), Options{Owner: Self(epoch)})
	require.NoErrorf(t, err, what, args...)
	defer s.Close()
	require.Equalf(t, u.schema, outline(t, s.Reader.db.DB), what, args...)
	require.Equalf(t, u.rows, content(t, s.Reader.db.DB), what, args...)
	found, err := s.Verify(t.Context())
	require.NoErrorf(t, err, what, args...)
	require.Emptyf(t, found, what, args...)
}
