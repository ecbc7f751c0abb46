//go:build unix

package torture_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/pawl-go/pawl"
	"github.com/pawl-go/pawl/engine"
	"github.com/pawl-go/pawl/internal/harness"
)

// The tests of this file kill real processes with SIGKILL. The test binary runs
// itself as the child that is killed; the child says on its standard output what
// it was told, after it was told; the parent then holds the file against it.

// TestMain runs a child if it is told to be one.
func TestMain(m *testing.M) {
	if spec, ok := os.LookupEnv(childEnv); ok {
		os.Exit(childMain(spec, func(d time.Duration) { time.AfterFunc(d, die) }))
	}
	os.Exit(harness.WithTestZones(m.Run))
}

// A storm of flows of every kind, of triggers, resets and commands in the inbox,
// killed at a random moment: while the file is made or the last crash is recovered
// from, within a commit, or up to 40 ms later. Each file sees many kills.
// PAWL_KILLS is how many there are (500, with the race detector 50, with
// PAWL_TORTURE=1 10,000), PAWL_SEED repeats the moments.
//
// scheduler D1, scheduler D2, scheduler D4, scheduler T7; faults I1 to faults I4 and faults I7.
func TestKilledAtAnyMomentLosesNothingThatWasReported(t *testing.T) {
	t.Parallel()
	const perFile = 25
	kills, seed := howMany(t), setting(t, "PAWL_SEED", time.Now().UnixNano())
	for first := int64(0); first < kills; first += perFile {
		t.Run(fmt.Sprintf("file %d", first/perFile+1), func(t *testing.T) {
			t.Parallel()
			t.Logf("PAWL_SEED=%d", seed)
			moments := rand.New(rand.NewPCG(uint64(seed), uint64(first)))
			c := newCampaign(t, stormFlows)
			for range min(perFile, kills-first) {
				delay := time.Duration(moments.Int64N(int64(40 * time.Millisecond)))
				switch moments.IntN(5) {
				case 0:
					require.True(t, c.child(child{Script: "storm"}, func(<-chan struct{}) { <-time.After(delay) }))
				case 1, 2:
					within := fmt.Sprintf("during %d %s", 1+moments.IntN(12), delay/20)
					require.True(t, c.child(child{Script: "storm", Kill: within}, nil))
				default:
					require.True(t, c.child(child{Script: "storm"}, func(ready <-chan struct{}) { <-ready; <-time.After(delay) }))
				}
				if moments.IntN(8) == 0 {
					c.owner()
				}
			}
			c.log()
		})
	}
}

// A start that is killed while it makes the file is made up for by the next one.
// scheduler D2, scheduler D4, scheduler D5.
func TestKilledWhileTheFileIsMadeStartsAgain(t *testing.T) {
	t.Parallel()
	kills, seed := howMany(t)/5, setting(t, "PAWL_SEED", time.Now().UnixNano())
	t.Logf("PAWL_SEED=%d", seed)
	moments := rand.New(rand.NewPCG(uint64(seed), 1<<63))
	for range kills {
		c := newCampaign(t, []crashFlow{{ID: "work"}})
		delay := time.Duration(moments.Int64N(int64(30 * time.Millisecond)))
		require.True(t, c.child(child{Script: "deaf"}, func(<-chan struct{}) { <-time.After(delay) }))
		c.owner(func(w *world) { require.NoError(t, w.run("work")) })
	}
}

// What such a kill may leave is a file whose first transaction is half written,
// with the journal that undoes it.
func TestHalfMadeFileIsMadeAnew(t *testing.T) {
	c := newCampaign(t, []crashFlow{{ID: "work"}})
	alive := filepath.Join(t.TempDir(), "alive.db")
	db, err := sql.Open("sqlite", alive)
	require.NoError(t, err)
	db.SetMaxOpenConns(1)
	for _, query := range []string{
		`PRAGMA cache_size = 1`, // so that pages are written before the commit
		`BEGIN`, `CREATE TABLE pawl_half (n INTEGER)`,
		`WITH RECURSIVE n (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n LIMIT 10000) INSERT INTO pawl_half SELECT n FROM n`,
	} {
		_, err := db.ExecContext(t.Context(), query)
		require.NoError(t, err)
	}
	harness.CopyDatabase(t, alive, c.path)
	require.FileExists(t, c.path+"-journal")
	require.NoError(t, db.Close())
	c.owner(func(w *world) { require.NoError(t, w.run("work")) })
}

// A tour through all that is ever committed, killed right before and right after
// each of its commits: scheduler D1, scheduler D2 and "none may be split over two".
func TestKilledAtAnyCommitLeavesAllOfItOrNothing(t *testing.T) {
	t.Parallel()
	c := newCampaign(t, tourFlows)
	for n, more := 1, true; more; n++ { // until the tour ends before it comes to that commit
		more = c.tour(fmt.Sprint("before ", n))
		c.tour(fmt.Sprint("after ", n))
	}
	c.log()
}

// The same at a commit of each kind, and at random moments within it.
func TestKilledAtACommitOfAnyKindLeavesAllOfItOrNothing(t *testing.T) {
	t.Parallel()
	kills, seed := howMany(t), setting(t, "PAWL_SEED", time.Now().UnixNano())
	t.Logf("PAWL_SEED=%d", seed)
	moments := rand.New(rand.NewPCG(uint64(seed), 1<<62))
	c := newCampaign(t, tourFlows)
	require.True(t, c.tour("before adopt"))
	require.True(t, c.tour("after adopt"))
	for _, kind := range []string{"start", "interrupt", "answer", "reserve", "outcome", "reset", "stopping", "cancel", "stopped"} {
		require.True(t, c.tour("after reserve")) // leaves a run in flight
		require.True(t, c.tour("before "+kind))
		for range kills / 40 { // the last ones may come too late
			c.tour(fmt.Sprintf("during %s %s", kind, time.Duration(moments.Int64N(int64(2*time.Millisecond)))))
		}
		require.True(t, c.tour("after reserve"))
		require.True(t, c.tour("after "+kind))
	}
	c.log()
}

// A job that kills its process at every start is one failure each time, until it
// trips; then the process stays up: within limit+1 starts. scheduler T7.
func TestFlowThatKillsItsProcessTripsAtItsLimit(t *testing.T) {
	t.Parallel()
	const limit = 3
	for _, bomb := range []crashFlow{
		{ID: "bomb", Every: time.Millisecond},
		{ID: "bomb", Cron: "* * * * * *"},
		{ID: "bomb"},
	} {
		t.Run(bomb.kind(), func(t *testing.T) {
			t.Parallel()
			bomb.Backoff = &pawl.BackoffPolicy{Initial: time.Millisecond, StreakLimit: limit} // each start waits for its end
			bomb.Job = "kills"
			innocent := crashFlow{ID: "innocent", Backoff: backoff(0), Job: "fails"}
			c := newCampaign(t, []crashFlow{innocent})
			c.owner(func(w *world) { require.NoError(t, w.run("innocent")) })
			before := c.file.states["innocent"]
			require.Equal(t, 1, before.FailureStreak)

			c.flows = append(c.flows, bomb)
			for i := range limit {
				require.True(t, c.child(child{Script: "bomb"}, nil), "start %d", i+1)
				s := c.file.states["bomb"]
				require.Equal(t, i, s.FailureStreak, "each crash is one failure")
				require.Equal(t, int64(i+1), s.RunCount)
				require.Equal(t, pawl.StatusRunning, s.Status)
			}
			require.False(t, c.child(child{Script: "bomb"}, nil), "start %d stays up", limit+1)
			s := c.file.states["bomb"]
			require.Equal(t, pawl.StatusTripped, s.Status)
			require.Equal(t, limit, s.FailureStreak)
			require.Equal(t, int64(limit), s.RunCount)
			require.True(t, strings.HasPrefix(s.LastError, "interrupted: "), s.LastError)
			require.Equal(t, before, c.file.states["innocent"])
		})
	}
}

// A kill is the job's failure until the process began to drain, and spares the
// streak from then on. scheduler T7.
func TestKilledWhileDrainingSparesTheStreak(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		kill   string
		streak int
	}{
		{"before stopping", 2},
		{"after stopping", 1},
	} {
		t.Run(test.kill, func(t *testing.T) {
			t.Parallel()
			c := newCampaign(t, []crashFlow{{ID: "long", Backoff: &pawl.BackoffPolicy{Initial: time.Minute}, Job: "hangs"}})
			require.True(t, c.child(child{Script: "drain", Kill: "after reserve"}, nil))
			require.True(t, c.child(child{Script: "drain", Kill: test.kill}, nil))
			before := c.file.states["long"]
			require.Equal(t, pawl.StatusRunning, before.Status)
			require.Equal(t, 1, before.FailureStreak, "of the first kill")

			c.owner()
			after := c.file.states["long"]
			require.Equal(t, test.streak, after.FailureStreak)
			require.Equal(t, pawl.RunInterrupted, c.file.runs["long/2"].Status)
			require.Equal(t, pawl.StatusBackoff, after.Status)
			require.Equal(t, test.streak == before.FailureStreak, before.NextEligible.Equal(after.NextEligible))
		})
	}
}

// Commands that waited in the inbox of a process that was killed are carried out
// by the next start, once, in its first transaction: with a kill before that they
// wait on, with one after it they are done.
func TestCommandsOfAKilledProcessAreCarriedOutAtTheNextStart(t *testing.T) {
	t.Parallel()
	c := newCampaign(t, []crashFlow{{ID: "tripped", Backoff: backoff(1), Job: "fails"}, {ID: "work"}})
	c.owner(func(w *world) { require.NoError(t, w.run("tripped")) })
	require.Equal(t, pawl.StatusTripped, c.file.states["tripped"].Status)
	ids := map[string]int64{}
	killed := c.child(child{Script: "deaf"}, func(ready <-chan struct{}) {
		<-ready
		client := harness.OpenClient(t, c.path)
		for _, id := range []string{"work", "nonsense"} {
			ids[id] = harness.Post(t, client, "trigger", id)
		}
		ids["tripped"] = harness.Post(t, client, "reset", "tripped")
		ids["again"] = harness.Post(t, client, "trigger", "work")
		require.NoError(t, client.Close())
	})
	require.True(t, killed)
	require.Len(t, c.file.Waiting, 4)

	require.True(t, c.child(child{Script: "deaf", Kill: "before start"}, nil))
	require.Len(t, c.file.Waiting, 4)
	require.Zero(t, c.file.states["work"].RunCount)

	require.True(t, c.child(child{Script: "deaf", Kill: "after start"}, nil))
	require.Empty(t, c.file.Waiting)
	require.Equal(t, "1", c.file.commands[ids["work"]].result)
	require.Contains(t, c.file.commands[ids["again"]].err, pawl.ErrAlreadyRunning.Error())
	require.Contains(t, c.file.commands[ids["nonsense"]].err, pawl.ErrFlowNotFound.Error())
	require.Equal(t, "done", c.file.commands[ids["tripped"]].result)
	require.Equal(t, pawl.StatusIdle, c.file.states["tripped"].Status)

	c.owner()
	require.Equal(t, int64(1), c.file.states["work"].RunCount, "not carried out twice")
	require.Equal(t, pawl.RunInterrupted, c.file.runs["work/1"].Status)
}

// A flow that the next program does not register is settled, kept, and goes on at
// its interval when a later one registers it again. scheduler D3, scheduler T7.
func TestFlowInterruptedWhileUnregisteredGoesOnWhenItIsBack(t *testing.T) {
	t.Parallel()
	long := crashFlow{ID: "long", Every: time.Millisecond, Job: "hangs"}
	c := newCampaign(t, []crashFlow{long})
	require.True(t, c.child(child{Script: "deaf", Kill: "after reserve"}, nil))
	require.Equal(t, pawl.StatusRunning, c.file.states["long"].Status)

	c.flows = nil
	c.owner()
	require.Equal(t, pawl.StatusFailed, c.file.states["long"].Status)

	c.flows = []crashFlow{long}
	c.owner()
	require.False(t, c.file.states["long"].NextRun.IsZero(), "it will never run again: %+v", c.file.states["long"])
}

// A commit that failed is tried again. That must not carry a command out twice,
// nor overwrite the answer that it has: neither if the inbox is read again
// meanwhile, nor if the commit had taken effect all the same. scheduler D1, scheduler D7.
func TestCommandIsAnsweredOnceThoughTheStoreFails(t *testing.T) {
	t.Parallel()
	for _, durable := range []bool{false, true} {
		t.Run(fmt.Sprintf("durable %t", durable), func(t *testing.T) {
			db := filepath.Join(t.TempDir(), "jobs.db")
			faulty := &failsOnce{durable: durable, meanwhile: func() error {
				client, err := pawl.Open(db)
				if err != nil {
					return err
				}
				_, err = client.Post(context.Background(), "reset", "other")
				return errors.Join(err, client.Close())
			}}
			s := pawl.NewScheduler(db, pawl.WithInboxPoll(time.Millisecond), pawl.WithStopTimeout(0),
				pawl.WithLogger(slog.New(slog.DiscardHandler)),
				harness.WithStore(func(s engine.Store) engine.Store { faulty.Store = s; return faulty }))
			require.NoError(t, s.Manual("work", pawl.JobFunc(func(ctx context.Context) error {
				<-ctx.Done()
				return ctx.Err()
			})))
			require.NoError(t, s.Manual("other", pawl.JobFunc(func(context.Context) error { return nil })))
			r, err := s.Start(t.Context())
			require.NoError(t, err)
			client := harness.OpenClient(t, db)
			harness.Post(t, client, "trigger", "work")
			require.NoError(t, client.Reset(t.Context(), "other")) // is answered after those before it
			require.NoError(t, client.Close())
			stopped := r.Stop(t.Context())

			var f file
			f.readLogs(t, db)
			for id, c := range f.commands {
				if c.handled == "" && id > 2 {
					continue // the one of meanwhile, which may come too late for this owner
				}
				require.Empty(t, c.err, "command %d: %s %s", id, c.verb, c.flow)
				require.NotEmpty(t, c.result)
			}
			require.Equal(t, "interrupt", f.steps["work/3"].event, "run 1 was reserved, so it has to be run")
			require.ErrorIs(t, stopped, pawl.ErrStopTimeout)
		})
	}
}

// failsOnce fails the first commit that answers a command, before or after it
// takes effect.
type failsOnce struct {
	engine.Store
	durable   bool
	meanwhile func() error
	failed    bool
}

func (f *failsOnce) Commit(ctx context.Context, b engine.Batch) error {
	if f.failed || len(b.Answers) == 0 {
		return f.Store.Commit(ctx, b)
	}
	f.failed = true
	if f.durable {
		if err := f.Store.Commit(ctx, b); err != nil {
			return err
		}
	}
	return errors.Join(errors.New("no answer from the disk"), f.meanwhile())
}
