package peer

import (
	"context"
	"errors"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pawl-go/pawl/cmd/bench/meter"
)

var returns = map[string][]string{
	OneByOne:   {"rate", "cpu", "written", "inserters"},
	Batch:      {"insert", "work", "cpu", "written"},
	Light:      {"p50", "p99"},
	Idle:       {"resident", "start"},
	Firing:     {"p50", "p99", "fired", "cpu"},
	Firing100k: {"p50", "p99", "fired", "cpu"},
}

func TestEachMeasureReturnsWhatItsNamePromises(t *testing.T) {
	for _, p := range append(All(), PawlQueue()) {
		for _, name := range slices.Sorted(maps.Keys(p.Measures)) {
			t.Run(p.Name+" "+name, func(t *testing.T) {
				if testing.Short() && name == Firing100k {
					t.Skip("takes gigabytes")
				}
				values := measureShortly(t, p.Measures[name])
				for _, want := range returns[name] {
					if values[want] > 0 || want == "written" && !writingTells(t) {
						continue
					}
					t.Errorf("%s is %v", want, values[want])
				}
				t.Log(values)
			})
		}
	}
}

func TestSQLitePeersCommitDurably(t *testing.T) {
	ignore := func(int64) {}
	files := map[string]func(dir string) (library, *file, error){
		"backlite": func(dir string) (library, *file, error) {
			l, err := openBacklite(t.Context(), dir, ignore)
			return l, l.file, err
		},
		"goqite": func(dir string) (library, *file, error) {
			l, err := openGoqite(t.Context(), dir, ignore)
			return l, l.file, err
		},
		"DBOS": func(dir string) (library, *file, error) {
			l, err := openDBOS(t.Context(), dir, ignore)
			return l, l.file, err
		},
		"River": func(dir string) (library, *file, error) {
			l, err := openRiverSQLite(riverSettings{time.Second, time.Second, 1})(t.Context(), dir, ignore)
			return l, l.riverDatabase.(riverFile).file, err
		},
	}
	for name, open := range files {
		t.Run(name, func(t *testing.T) {
			l, f, err := open(directory(t))
			if err != nil {
				t.Fatal(err)
			}
			defer l.close()
			if err := l.work(); err != nil {
				t.Fatal(err)
			}
			var journal, synchronous string
			const query = `SELECT journal_mode, synchronous FROM pragma_journal_mode, pragma_synchronous`
			if err := f.db.QueryRowContext(t.Context(), query).Scan(&journal, &synchronous); err != nil {
				t.Fatal(err)
			}
			if journal != "wal" || synchronous != "2" {
				t.Errorf("journal_mode %s, synchronous %s", journal, synchronous)
			}
		})
	}
}

func TestMeasureThatHangsIsGivenUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{}) // closed at the end, for the one that hangs
		defer close(release)
		hangs := bounded(func(context.Context, string, time.Duration) (map[string]float64, error) {
			<-release
			return nil, nil
		})
		began := time.Now()
		if _, err := hangs(t.Context(), "", time.Second); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("error is %v", err)
		}
		if took := time.Since(began); took != 24*time.Second {
			t.Errorf("gave up after %s", took)
		}
	})
}

func measureShortly(t *testing.T, m Measure) map[string]float64 {
	t.Helper()
	values, err := m(t.Context(), directory(t), 300*time.Millisecond)
	if errors.Is(err, ErrNotHere) {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	return values
}

// directory is one with a short path, since that of a socket may not be long.
func directory(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "peer-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}

// writingTells is false where the system does not say what was written, and
// where temporary files are not on a disk.
func writingTells(t *testing.T) bool {
	t.Helper()
	use := meter.Now()
	if err := os.WriteFile(filepath.Join(directory(t), "file"), make([]byte, 1<<20), 0o600); err != nil {
		t.Fatal(err)
	}
	return meter.Since(use).Written > 0
}
