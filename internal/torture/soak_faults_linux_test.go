package torture_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/pawl-go/pawl"
	"github.com/pawl-go/pawl/engine"
	"github.com/pawl-go/pawl/internal/harness"
)

// fault is a time in which something was wrong.
type fault struct {
	kind     int           // see faultNames
	from, to time.Duration // since the beginning
}

// faultNames are in the order of their colours.
var faultNames = []string{"locked", "I/O errors", "moved away", "others killed", "stopped", "died"}

// Those that end a life.
const faultStop, faultDeath = 4, 5

// fault makes one thing go wrong for a while, and then none for another.
func (s *soak) fault(end time.Time) {
	kind, from := s.chance.IntN(faultStop), time.Since(s.began)
	length := time.Duration(s.chance.Int64N(int64(2 * time.Second))) // chosen in any case, so that a seed repeats them
	s.ill.Add(1)
	[]func(time.Duration){s.lock, s.fail, s.move, s.kill}[kind](min(length, time.Until(end)/2))
	s.faults = append(s.faults, fault{kind, from, time.Since(s.began)})
	s.recover()
	s.ill.Add(-1)
	s.rest(min(2*time.Second, time.Until(end)))
}

// rest lets time pass.
func (s *soak) rest(d time.Duration) { <-time.After(d) }

// recover waits until the scheduler has noticed that the fault is over: flows run again.
// faults I5.
func (s *soak) recover() {
	often := func() int64 {
		info, _ := s.runner.Status("often")
		return info.RunCount
	}
	runs, patience := often(), time.After(time.Minute)
	for s.runner.Degraded() != nil || often() == runs {
		select {
		case <-patience:
			require.Fail(s.t, "nothing runs after a fault", s.runner.Degraded())
		case <-time.After(10 * time.Millisecond):
		}
	}
}

func (s *soak) lock(d time.Duration) {
	other, err := sql.Open("sqlite", s.db)
	require.NoError(s.t, err)
	defer other.Close()
	other.SetMaxOpenConns(1)
	_, err = other.Exec("PRAGMA busy_timeout = 10000")
	require.NoError(s.t, err)
	_, err = other.Exec("BEGIN EXCLUSIVE")
	require.NoError(s.t, err)
	s.rest(3 * d) // at times longer than the scheduler waits
	_, err = other.Exec("ROLLBACK")
	require.NoError(s.t, err)
}

func (s *soak) fail(d time.Duration) {
	s.disk.Fail(syscall.EIO)
	s.rest(d)
	s.disk.Fail(nil)
}

func (s *soak) move(d time.Duration) {
	require.NoError(s.t, os.Rename(s.db, s.db+".away"))
	s.rest(d)
	require.NoError(s.t, os.Rename(s.db+".away", s.db))
}

// kill lets children on a file of their own be killed and holds that against what
// they said and did.
func (s *soak) kill(time.Duration) {
	delay := time.Duration(s.chance.Int64N(int64(40 * time.Millisecond)))
	commit := 1 + s.chance.IntN(12)
	kinds := []func(*testing.T){
		func(t *testing.T) {
			c := newCampaign(t, stormFlows)
			require.True(t, c.child(child{Script: "storm"}, func(ready <-chan struct{}) { <-ready; <-time.After(delay) }))
		},
		func(t *testing.T) {
			c := newEffects(t)
			c.child(child{Script: "effects", Kill: fmt.Sprint("in ", commit)}, nil)
			c.checkEffects()
		},
		func(t *testing.T) { newMachine(t).life(fmt.Sprintf("during %d %s", 4+commit, delay/20)) },
		func(t *testing.T) {
			newCampaign(t, operateFlows).child(child{Script: "operate", Kill: fmt.Sprint("after ", commit)}, nil)
		},
	}
	s.t.Run("kill", kinds[s.chance.IntN(len(kinds))])
}

// store stands between the engine and the file: it fails, and it dies.
func (s *soak) store(real engine.Store) engine.Store {
	return &harness.Mortal{Store: s.disk.Wrap(real), Dead: s.dead}
}

// leave ends the scheduler. A job that heeds nothing is left behind, no other.
func (s *soak) leave() {
	err := s.runner.Stop(context.Background())
	switch {
	case s.dead.Load():
	case errors.Is(err, pawl.ErrStopTimeout):
		assert.ErrorContains(s.t, err, "deaf")
	default:
		assert.NoError(s.t, err)
	}
	harness.Verify(s.t, s.db)
}
