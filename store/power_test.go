package store

import (
	"context"
	"fmt"
	"hash/maphash"
	"maps"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"zombiezen.com/go/sqlite/sqlitex"

	"github.com/pawl-go/pawl/internal/faultvfs"
)

// Whatever moment the power fails at, while the file is made or while it is worked
// on, all that was acknowledged is there, and nothing by halves. PAWL_TORTURE=1
// takes 100,000 states in place of 3,000, PAWL_SEED repeats those of a failure.
//
// "kill -9 anywhere, at every storage operation" and "machine restart, power cut":
// faults I1, faults I2, faults I4, faults I7.
func TestPowerCutLosesNothingThatWasAcknowledged(t *testing.T) {
	t.Parallel()
	p := newPower(t)
	for _, failure := range p.cut(t, p.record(t, false, nil), sized(3000, 100_000)) {
		t.Error(failure)
	}
}

// The same search finds what is lost without the sync of every commit: it is not
// blind.
func TestPowerCutWithoutSyncLosesWhatWasAcknowledged(t *testing.T) {
	t.Parallel()
	p := newPower(t)
	log := p.record(t, false, func(s *Store) {
		require.NoError(t, sqlitex.ExecuteTransient(s.writer.conn, "PRAGMA synchronous = NORMAL", nil))
	})
	failures := p.cut(t, log, sized(1000, 1000))
	require.NotEmpty(t, failures)
	assert.Contains(t, failures[0], "lost is")
}

// Nor is it blind to an acknowledgement before the commit.
func TestPowerCutLosesWhatWasAcknowledgedTooEarly(t *testing.T) {
	t.Parallel()
	p := newPower(t)
	failures := p.cut(t, p.record(t, true, nil), sized(1000, 1000))
	require.NotEmpty(t, failures)
	assert.Contains(t, failures[0], "lost is")
}

// power cuts the power of a workload.
type power struct {
	*workload
	seed int64
}

func newPower(t *testing.T) power {
	seed := setting(t, "PAWL_SEED", time.Now().UnixNano())
	return power{newWorkload(t, uint64(seed), 20, 20), seed}
}

// cut looks at so many different states, about the same number at every moment of
// the log, and says what is wrong with some of them.
func (p power) cut(t *testing.T, log []faultvfs.Op, states int) []string {
	folder := filepath.Join(scratch(t), "state")
	storage := faultvfs.Watch(folder)
	defer storage.Close()
	storage.Fail = withoutSync
	s := search{power: p, log: log, folder: folder, chance: rand.New(rand.NewPCG(uint64(p.seed), 2)), seen: map[uint64]bool{}}
	for round := 0; len(s.seen) < states && len(s.failures) < enough; round++ {
		s.round(round)
		storage.Forget()
	}
	t.Logf("%d states of %d operations", len(s.seen), len(log))
	return s.failures
}

// enough failures show what is wrong.
const enough = 10

// search is one for states that must not be.
type search struct {
	power
	log      []faultvfs.Op
	folder   string // where a state is laid out
	chance   *rand.Rand
	seen     map[uint64]bool
	failures []string
}

// round looks at a state of every moment. In the first round that is what a kill
// leaves: all that was done. In every fourth an owner starts on it; in the others
// there is nothing to see as long as the file is not made.
func (s *search) round(round int) {
	var disk faultvfs.Disk
	acknowledged := 0
	for at, op := range s.log {
		disk.Do(op)
		if op.Kind == faultvfs.Mark {
			acknowledged = int(op.Note)
		}
		if s.chance.IntN(10) >= sized(10, 10) || len(s.failures) == enough {
			continue
		}
		var err error
		switch {
		case round == 0:
			err = s.visit(disk.Killed(), acknowledged, s.check)
		case round%4 == 0:
			err = s.visit(disk.Cut(s.chance), acknowledged, s.check)
		case acknowledged > 0:
			err = s.visit(disk.Cut(s.chance), acknowledged, s.glance)
		}
		if err != nil {
			s.failures = append(s.failures, fmt.Sprintf("PAWL_SEED=%d, round %d, operation %d of %d: %v", s.seed, round, at+1, len(s.log), err))
		}
	}
}

// visit looks at a state, if it is a new one.
func (s *search) visit(files map[string][]byte, acknowledged int, look func(context.Context, string, int) error) error {
	id := fingerprint(acknowledged, files)
	if s.seen[id] {
		return nil
	}
	s.seen[id] = true
	if err := faultvfs.Put(s.folder, files); err != nil {
		return err
	}
	return look(context.Background(), s.folder, acknowledged)
}

var fingerprints = maphash.MakeSeed()

// fingerprint tells states apart.
func fingerprint(acknowledged int, files map[string][]byte) uint64 {
	var h maphash.Hash
	h.SetSeed(fingerprints)
	for _, name := range slices.Sorted(maps.Keys(files)) {
		fmt.Fprint(&h, acknowledged, name, len(files[name]))
		_, _ = h.Write(files[name])
	}
	return h.Sum64()
}

// withoutSync makes looking at a state faster: it is not the state that a second
// power cut would have to leave whole.
func withoutSync(_ int, op faultvfs.Op) faultvfs.Fault {
	if op.Kind == faultvfs.Sync {
		return faultvfs.Skip
	}
	return faultvfs.None
}
