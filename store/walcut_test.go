package store

import (
	"math/rand/v2"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/pawl-go/pawl/internal/faultvfs"
)

const walFile = "jobs.db-wal"

// A log that ends anywhere, in nothing, in zeros or in noise, holds every step that
// it holds whole. PAWL_TORTURE=1 cuts it at each of its bytes in place of 500,
// PAWL_SEED repeats the cuts of a failure.
//
// "kill -9 anywhere" and "short write": faults I1, faults I2, faults I7; WAL cut at every byte.
func TestLogThatIsCutLosesNothingBeforeTheCut(t *testing.T) {
	t.Parallel()
	seed := setting(t, "PAWL_SEED", time.Now().UnixNano())
	chance := rand.New(rand.NewPCG(uint64(seed), 3))
	w := newWorkload(t, uint64(seed), 10, 5)
	files, ends := atWork(w.record(t, false, nil))
	log := files[walFile]
	folder := filepath.Join(scratch(t), "state")
	storage := faultvfs.Watch(folder)
	defer storage.Close()
	storage.Fail = withoutSync
	sizes := cuts(chance, ends, min(len(log), ends[len(ends)-1]+100))
	t.Logf("%d cuts of a log of %d bytes", len(sizes), len(log))
	for _, size := range sizes {
		storage.Forget()
		files[walFile] = append(slices.Clone(log[:size]), rest(chance)...)
		require.NoError(t, faultvfs.Put(folder, files))
		whole, _ := slices.BinarySearch(ends, size+1) // steps that end before the cut
		require.NoError(t, w.glance(t.Context(), folder, whole), "PAWL_SEED=%d, cut at byte %d of %d", seed, size, len(log))
	}
}

// atWork is what is on the disk when all steps are done but the files are still
// open, and where the log ended after each step; 0: the file has it.
func atWork(log []faultvfs.Op) (files map[string][]byte, ends []int) {
	var disk faultvfs.Disk
	end := 0
	for _, op := range log {
		disk.Do(op)
		switch {
		case op.Kind == faultvfs.Write && op.File == walFile && op.Offset == 0: // begun anew
			clear(ends)
			end = len(op.Data)
		case op.Kind == faultvfs.Write && op.File == walFile:
			end = int(op.Offset) + len(op.Data)
		case op.Kind == faultvfs.Mark:
			ends = append(ends, end)
			files = disk.Killed()
		}
	}
	return files, ends
}

// cuts are the first and the last byte of every step, and others by chance; or all.
func cuts(chance *rand.Rand, ends []int, size int) (sizes []int) {
	if torture() {
		for n := range size + 1 {
			sizes = append(sizes, n)
		}
		return sizes
	}
	for _, end := range ends {
		sizes = append(sizes, max(0, end-1), end)
	}
	for len(sizes) < 500 {
		sizes = append(sizes, chance.IntN(size+1))
	}
	chance.Shuffle(len(sizes), func(i, j int) { sizes[i], sizes[j] = sizes[j], sizes[i] })
	return sizes[:sized(len(sizes), 0)]
}

// rest is what stands behind the cut.
func rest(chance *rand.Rand) []byte {
	rest := make([]byte, chance.IntN(6000))
	switch chance.IntN(3) {
	case 0:
		return nil
	case 1:
		for i := range rest {
			rest[i] = byte(chance.Uint32())
		}
	}
	return rest
}
