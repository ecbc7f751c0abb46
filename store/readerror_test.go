package store

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"zombiezen.com/go/sqlite"

	"github.com/pawl-go/pawl/internal/faultvfs"
)

// strain is a disk that fails what changes nothing, from one operation on: reads of
// either file, and what shares the index of the log (-shm).
type strain struct {
	*faultvfs.Storage
	first, spell int
	over         atomic.Bool // somebody has seen to it
}

func strained(folder string, first, spell int) *strain {
	s := &strain{Storage: faultvfs.Watch(folder), first: first, spell: spell}
	s.Fail = withoutSync
	s.FailRead = func(n int, _ faultvfs.Op) faultvfs.Fault {
		if n >= s.first && n < s.first+s.spell && !s.over.Load() {
			return faultvfs.EIO
		}
		return faultvfs.None
	}
	return s
}

// calm lets somebody look who is not troubled.
func (s *strain) calm(look func()) {
	before := s.over.Swap(true)
	look()
	s.over.Store(before)
}

// requireTold holds an error of a disk that cannot be read against what it must say.
func requireTold(t *testing.T, err error) {
	t.Helper()
	require.Contains(t, []sqlite.ResultCode{sqlite.ResultIOErr, sqlite.ResultCantOpen}, code(err), "%v", err)
	require.ErrorContains(t, err, "jobs.db")
}

// A read of an owner that fails, of the file, its log or the log's index, any of them,
// once or until somebody sees to it: the call says so, and has done all of its work or
// nothing; nothing is lost, and all goes on when it is over. PAWL_TORTURE=1 fails each
// read, PAWL_SEED repeats those of a failure.
//
// "EIO": faults I1, faults I2, faults I4, faults I6, faults I7.
func TestDiskThatCannotBeReadLosesNothing(t *testing.T) {
	t.Parallel()
	seed := setting(t, "PAWL_SEED", time.Now().UnixNano())
	chance := rand.New(rand.NewPCG(uint64(seed), 7))
	t.Logf("PAWL_SEED=%d", seed)
	w := newWorkload(t, uint64(seed), 6, 6)
	reads := w.bear(t, 1, 0)
	t.Logf("%d reads", reads)
	for first := 1; first <= reads; first += 1 + chance.IntN(2*reads/sized(50, 2*reads)) {
		for _, spell := range spells(chance) {
			t.Run(fmt.Sprintf("read %d of %d for %d", first, reads, spell), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) { w.bear(t, first, spell) })
			})
		}
	}
}

// bear carries the workload out on a disk that cannot be read from one operation on,
// and returns how many such operations there were.
func (w *workload) bear(t *testing.T, first, spell int) int {
	folder := scratch(t)
	path := filepath.Join(folder, "jobs.db")
	disk := strained(folder, first, spell)
	defer disk.Close()
	s, err := Open(t.Context(), path, Options{Owner: Self(epoch)})
	if err != nil {
		requireTold(t, err)
		disk.over.Store(true)
		s, err = Open(t.Context(), path, Options{Owner: Self(epoch)})
	}
	require.NoError(t, err)
	for n := range w.steps {
		w.persist(t, disk, s, n)
	}
	_ = s.Close() // the log is moved into the file by the next one, if not by this
	reads := disk.Reads()
	disk.over.Store(true)
	require.NoError(t, w.check(t.Context(), folder, len(w.steps)))
	return reads
}

// persist carries a step out, again and again until it is durable.
func (w *workload) persist(t *testing.T, disk *strain, s *Store, n int) {
	for attempt := 1; ; attempt++ {
		err := w.steps[n].do(context.Background(), s)
		if err == nil {
			return
		}
		requireTold(t, err)
		require.LessOrEqual(t, attempt, 50, "%s: %v", w.steps[n].name, err)
		if attempt == 3 && disk.spell == forever {
			disk.over.Store(true)
		}
		var text string
		disk.calm(func() { text, err = dump(t.Context(), s.Reader) })
		require.NoError(t, err)
		if text == w.after[n+1] {
			return
		}
		require.Equal(t, w.after[n], text, "%s failed", w.steps[n].name)
	}
}

// A start that meets such a read is refused with what is wrong, which is not that the
// database is damaged; the next one finds all that there was.
//
// "EIO": faults I1, faults I2, faults I6, faults I7.
func TestStartOnADiskThatCannotBeReadIsRefused(t *testing.T) {
	t.Parallel()
	original := killedOwner(t)
	path := filepath.Join(scratch(t), "jobs.db")
	disk := strained(filepath.Dir(path), 1, 0)
	defer disk.Close()
	var want string
	for first, more := 1, true; more; first++ {
		for _, side := range []string{"", "-wal", ".lock"} {
			copyFile(t, original+side, path+side)
		}
		disk.first, disk.spell = disk.Reads()+first, forever
		err := loadOnce(t, path)
		more = err != nil
		if more {
			requireTold(t, err)
			require.NotErrorIs(t, err, ErrDamaged)
		}
		disk.spell = 0
		r, err := OpenReader(t.Context(), path)
		require.NoError(t, err)
		text, err := dump(t.Context(), r)
		require.NoError(t, err)
		require.NoError(t, r.Close())
		if want == "" {
			want = text
		}
		require.Equal(t, want, text, "read %d", first)
	}
}

func loadOnce(t *testing.T, path string) error {
	s, err := Open(t.Context(), path, Options{Owner: Self(epoch)})
	if err != nil {
		return err
	}
	_, err = s.Load(t.Context())
	return errors.Join(err, s.Close())
}

// A reader that meets such a read says so or tells the truth, changes nothing though
// the owner was killed, and tells the truth again when it is over.
//
// "EIO": faults I6, faults I7.
func TestReaderOfADiskThatCannotBeReadSaysSo(t *testing.T) {
	t.Parallel()
	path := killedOwner(t)
	disk := strained(filepath.Dir(path), 1, 0)
	defer disk.Close()
	before, truth := contentOf(t, path), tell(t, path)
	require.Empty(t, truth.failed)
	reads := disk.Reads()
	t.Logf("%d reads", reads)
	chance := rand.New(rand.NewPCG(uint64(setting(t, "PAWL_SEED", time.Now().UnixNano())), 8))
	for first := 1; first <= reads; first += 1 + chance.IntN(2*reads/sized(100, 2*reads)) {
		for _, spell := range spells(chance) {
			disk.first, disk.spell = disk.Reads()+first, spell
			told := tell(t, path)
			for what, answer := range told.answers {
				if what != "verify" || !strings.Contains(answer, "integrity_check: ") { // which names what it cannot read
					require.Equal(t, truth.answers[what], answer, "read %d for %d: %s", first, spell, what)
				}
			}
			for what, err := range told.failed {
				require.Contains(t, []sqlite.ResultCode{sqlite.ResultIOErr, sqlite.ResultCantOpen}, code(err), "%s: %v", what, err)
			}
			disk.spell = 0
			require.True(t, before == contentOf(t, path), "read %d for %d: it was changed", first, spell)
		}
	}
	assert.Equal(t, truth, tell(t, path))
}

// told is what a reader answers, by the question.
type told struct {
	answers map[string]string
	failed  map[string]error
}

func tell(t *testing.T, path string) told {
	all := told{map[string]string{}, map[string]error{}}
	note := func(what string, answer any, err error) {
		if err != nil {
			all.failed[what] = err
			return
		}
		all.answers[what] = fmt.Sprint(answer)
	}
	r, err := OpenReader(t.Context(), path)
	note("open", "", err)
	if err != nil {
		return all
	}
	flows, err := r.Flows(t.Context())
	note("flows", flows, err)
	runs, err := r.Runs(t.Context(), RunsQuery{})
	note("runs", runs, err)
	found, err := r.Verify(t.Context())
	note("verify", found, err)
	at, err := r.At(t.Context(), epoch)
	note("at", at, err)
	doubt, err := r.SuspectedCopy(t.Context())
	note("doubt", doubt, err)
	size, err := r.Backup(t.Context(), filepath.Join(t.TempDir(), "copy.db"), epoch)
	note("backup", size, err)
	note("close", "", r.Close())
	return all
}
