package store

import (
	"context"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/pawl-go/pawl/internal/faultvfs"
)

// An operation on the disk that fails, any of them, once or until somebody sees to
// it: the step says so or is durable, nothing is lost, doubled or invented, and
// all goes on when it is over. PAWL_TORTURE=1 fails each operation in every way,
// PAWL_SEED repeats the ways of a failure.
//
// "disk full, EIO, short write, failing fsync": faults I1, faults I2, faults I4, faults I7.
func TestFailingDiskLosesNothing(t *testing.T) {
	t.Parallel()
	seed := setting(t, "PAWL_SEED", time.Now().UnixNano())
	chance := rand.New(rand.NewPCG(uint64(seed), 4))
	t.Logf("PAWL_SEED=%d", seed)
	w := newWorkload(t, uint64(seed), 6, 6)
	log := slices.DeleteFunc(w.record(t, false, nil), func(op faultvfs.Op) bool { return op.Kind == faultvfs.Mark })
	for n, op := range log {
		if chance.IntN(10) >= sized(10, 10) {
			continue
		}
		for _, fault := range ways(chance, op) {
			for _, spell := range spells(chance) {
				name := fmt.Sprintf("%s %d of %d, of %s, fault %d for %d", op.Kind, n+1, len(log), op.File, fault, spell)
				t.Run(name, func(t *testing.T) {
					o := ordeal{workload: w, first: n + 1, spell: spell, fault: fault}
					synctest.Test(t, func(t *testing.T) { o.run(t, chance) }) // a first start waits and tries again
				})
			}
		}
	}
}

// forever lasts until somebody sees to it.
const forever = 1 << 30

// spells are how many operations fail.
func spells(chance *rand.Rand) []int {
	some := 2 + chance.IntN(40)
	if torture() {
		return []int{1, some, forever}
	}
	return []int{[]int{1, some}[chance.IntN(2)], forever}
}

// ways are those in which an operation can fail.
func ways(chance *rand.Rand, op faultvfs.Op) []faultvfs.Fault {
	if op.Kind != faultvfs.Write {
		return []faultvfs.Fault{faultvfs.EIO}
	}
	all := []faultvfs.Fault{faultvfs.EIO, faultvfs.Full, faultvfs.Short}
	if torture() {
		return all
	}
	n := chance.IntN(len(all))
	return all[n : n+1]
}

// ordeal is a workload on a disk that fails from one operation on.
type ordeal struct {
	*workload
	first, spell int
	fault        faultvfs.Fault
	storage      *faultvfs.Storage
	over         bool // somebody has seen to it
}

func (o *ordeal) run(t *testing.T, chance *rand.Rand) {
	folder := scratch(t)
	o.storage = faultvfs.Watch(folder)
	defer o.storage.Close()
	o.storage.Fail = o.fail
	s := o.open(t, filepath.Join(folder, "jobs.db"))
	for n := range o.steps {
		o.step(t, s, n)
	}
	_ = s.Close() // the log is moved into the file by the next one, if not by this
	o.over = true
	require.NoError(t, o.check(t.Context(), folder, len(o.steps)), "in the end")
	o.crash(t, chance, len(o.steps))
}

func (o *ordeal) fail(n int, op faultvfs.Op) faultvfs.Fault {
	if n >= o.first && n < o.first+o.spell && !o.over {
		return o.fault
	}
	return withoutSync(n, op)
}

// open tries twice, as somebody who reads the error would.
func (o *ordeal) open(t *testing.T, path string) *Store {
	s, err := Open(t.Context(), path, Options{Owner: Self(epoch)})
	if err != nil {
		o.over = true
		s, err = Open(t.Context(), path, Options{Owner: Self(epoch)})
	}
	require.NoError(t, err)
	t.Cleanup(func() { _ = s.Close() })
	return s
}

// step carries a step out, again and again until it is durable. What fails is not
// visible.
func (o *ordeal) step(t *testing.T, s *Store, n int) {
	step := o.steps[n]
	for attempt := 1; ; attempt++ {
		err := step.do(context.Background(), s)
		if err == nil {
			return
		}
		require.LessOrEqual(t, attempt, 50, "%s: %v", step.name, err)
		if attempt == 3 && o.spell == forever {
			o.over = true
		}
		text, err := dump(t.Context(), s.Reader)
		require.NoError(t, err)
		if text == o.after[n+1] {
			return
		}
		require.Equal(t, o.after[n], text, "%s failed", step.name)
	}
}

// crash looks at what the power cut leaves after all this.
func (o *ordeal) crash(t *testing.T, chance *rand.Rand, acknowledged int) {
	var disk faultvfs.Disk
	for _, op := range o.storage.Log() {
		disk.Do(op)
	}
	folder := filepath.Join(scratch(t), "state")
	for range 2 {
		require.NoError(t, faultvfs.Put(folder, disk.Cut(chance)))
		require.NoError(t, o.glance(t.Context(), folder, acknowledged), "after a power cut")
	}
}
