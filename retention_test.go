package pawl_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/pawl-go/pawl"
	"github.com/pawl-go/pawl/internal/harness"
)

// kept lists the numbers of the runs of a flow that are kept, oldest first.
func kept(t *testing.T, r *pawl.Runner, id string) (numbers []int64) {
	t.Helper()
	runs, err := r.Runs(t.Context(), pawl.RunsQuery{Flow: id, Limit: 100_000})
	require.NoError(t, err)
	for _, run := range runs {
		numbers = append([]int64{run.Number}, numbers...)
	}
	return numbers
}

// upTo is the numbers first..last.
func upTo(first, last int64) (numbers []int64) {
	for n := first; n <= last; n++ {
		numbers = append(numbers, n)
	}
	return numbers
}

// time K1: the newest runs are kept, with the transitions about them; the views say so.
func TestRunsBeyondTheNewestAreDeleted(t *testing.T) {
	harness.Bubble(t, func(t *testing.T, db string) {
		s := harness.Quiet(db)
		require.NoError(t, s.Manual("import", harness.Job(harness.OK), pawl.WithRetention(5, 0)))
		require.NoError(t, s.Manual("all", harness.Job(harness.OK), pawl.WithRetention(0, 0)))
		r := harness.Start(t, s)
		harness.RunTimes(t, r, "all", 300)
		harness.RunTimes(t, r, "import", 300)
		time.Sleep(3 * time.Minute)
		assert.Equal(t, upTo(296, 300), kept(t, r, "import"))
		assert.Equal(t, upTo(1, 300), kept(t, r, "all"))
		assert.Equal(t, 10, harness.Query[int](t, db, `SELECT count(*) FROM pawl_transitions WHERE flow_id = 'import'`))
		assert.Equal(t, "5 runs; 1000 failures, 90 days, since run 296", harness.Query[string](t, db, `SELECT keeps FROM pawl_status WHERE flow = 'import'`))
		assert.Equal(t, "all", harness.Query[string](t, db, `SELECT keeps FROM pawl_status WHERE flow = 'all'`))
		assert.EqualValues(t, 300, harness.Status(t, r, "import").RunCount)
		harness.Stop(t, r, db)

		r = harness.Start(t, again(t, db))
		harness.RunTimes(t, r, "import", 1)
		time.Sleep(3 * time.Minute)
		assert.Equal(t, upTo(297, 301), kept(t, r, "import"), "it goes on after a restart")
		harness.Stop(t, r, db)
	})
}

func again(t *testing.T, db string) *pawl.Scheduler {
	s := harness.Quiet(db)
	require.NoError(t, s.Manual("import", harness.Job(harness.OK), pawl.WithRetention(5, 0)))
	return s
}

// time K1: a busy flow is not waited for; what is too much goes while it runs.
func TestHistoryIsDeletedWhileTheFlowIsBusy(t *testing.T) {
	harness.Bubble(t, func(t *testing.T, db string) {
		s := harness.Quiet(db)
		require.NoError(t, s.Manual("import", harness.Job(harness.OK), pawl.WithRetention(5, 0)))
		r := harness.Start(t, s)
		harness.RunTimes(t, r, "import", 2500) // takes no time at all
		assert.Less(t, len(kept(t, r, "import")), 1300)
		harness.Stop(t, r, db)
	})
}

// time K1: runs that ended too long ago are deleted, also of a flow that has stopped
// running, within the hour and a minute.
func TestRunsThatEndedLongAgoAreDeleted(t *testing.T) {
	harness.Bubble(t, func(t *testing.T, db string) {
		s := harness.Quiet(db)
		require.NoError(t, s.Every("sync", time.Hour, harness.Job(harness.OK), pawl.WithRetention(0, 24*time.Hour)))
		require.NoError(t, s.Manual("rare", harness.Job(harness.OK), pawl.WithRetention(0, 24*time.Hour)))
		r := harness.Start(t, s)
		harness.RunTimes(t, r, "rare", 10)
		time.Sleep(5*24*time.Hour + 30*time.Minute)
		runs, err := r.Runs(t.Context(), pawl.RunsQuery{Flow: "sync"})
		require.NoError(t, err)
		assert.InDelta(t, 25, len(runs), 1)
		for _, run := range runs {
			assert.Less(t, time.Since(run.FinishedAt), 25*time.Hour+2*time.Minute)
		}
		assert.Equal(t, upTo(10, 10), kept(t, r, "rare"), "the newest stays")
		harness.Stop(t, r, db)
	})
}

// time K1: the failures in a row, and the evidence of a trip, stay whatever their age;
// what is between them does not. After a reset they go.
func TestFailuresInARowAreKeptUntilTheirStreakEnds(t *testing.T) {
	harness.Bubble(t, func(t *testing.T, db string) {
		do := harness.OK
		s := harness.Quiet(db)
		require.NoError(t, s.Manual("import", harness.Job(func(ctx context.Context) error { return do(ctx) }),
			pawl.WithRetention(2, 24*time.Hour), pawl.WithFailureRetention(0, 0), pawl.WithBackoff(pawl.BackoffPolicy{Initial: time.Second, StreakLimit: 3})))
		r := harness.Start(t, s)
		harness.RunTimes(t, r, "import", 10) // up to 10
		do = harness.Failing
		harness.RunTimes(t, r, "import", 2) // 11, 12
		do = func(context.Context) error { return pawl.Skipped("nothing to do") }
		harness.RunTimes(t, r, "import", 200) // up to 212
		time.Sleep(30 * 24 * time.Hour)
		assert.Equal(t, []int64{11, 12, 212}, kept(t, r, "import"))
		assert.Equal(t, 2, harness.Status(t, r, "import").FailureStreak)
		harness.Stop(t, r, db)

		s = harness.Quiet(db)
		require.NoError(t, s.Manual("import", harness.Job(func(ctx context.Context) error { return do(ctx) }),
			pawl.WithRetention(2, 24*time.Hour), pawl.WithFailureRetention(0, 0), pawl.WithBackoff(pawl.BackoffPolicy{Initial: time.Second, StreakLimit: 3})))
		r = harness.Start(t, s)
		do = harness.Failing
		harness.RunTimes(t, r, "import", 1) // 213
		time.Sleep(30 * 24 * time.Hour)
		assert.Equal(t, pawl.StatusTripped, harness.Status(t, r, "import").Status)
		assert.Equal(t, []int64{11, 12, 213}, kept(t, r, "import"))
		require.NoError(t, r.Reset(t.Context(), "import"))
		time.Sleep(2 * time.Hour)
		assert.Equal(t, []int64{213}, kept(t, r, "import"))
		harness.Stop(t, r, db)
	})
}

// time K1: the run that the flow's last error is from stays, also without a policy.
func TestRunOfTheLastErrorIsKept(t *testing.T) {
	harness.Bubble(t, func(t *testing.T, db string) {
		do := harness.Failing
		s := harness.Quiet(db)
		require.NoError(t, s.Manual("import", harness.Job(func(ctx context.Context) error { return do(ctx) }), pawl.WithRetention(1, 0), pawl.WithFailureRetention(0, 0)))
		r := harness.Start(t, s)
		harness.RunTimes(t, r, "import", 1)
		do = func(context.Context) error { return pawl.Skipped("nothing to do") }
		harness.RunTimes(t, r, "import", 200)
		time.Sleep(3 * time.Minute)
		assert.Equal(t, []int64{1, 201}, kept(t, r, "import"))
		assert.Equal(t, "boom", harness.Query[string](t, db, `SELECT last_error FROM pawl_flows`))
		do = harness.OK
		harness.RunTimes(t, r, "import", 1)
		time.Sleep(2 * time.Hour)
		assert.Equal(t, []int64{202}, kept(t, r, "import"))
		harness.Stop(t, r, db)
	})
}

// time K1: runs that wait or are in flight stay while those around them go, are found
// after a crash, and go when they are over.
func TestRunsThatAreNotOverAreKept(t *testing.T) {
	harness.Bubble(t, func(t *testing.T, db string) {
		long := make(chan error)
		build := func() *pawl.Scheduler {
			s := harness.Quiet(db, pawl.WithStopTimeout(0))
			require.NoError(t, s.Manual("import", harness.Job(func(ctx context.Context) error {
				if run, _ := pawl.RunFrom(ctx); run.Number%100 != 3 {
					return nil
				}
				select {
				case err := <-long:
					return err
				case <-ctx.Done():
					return ctx.Err()
				}
			}), pawl.WithRetention(2, 0), pawl.WithFailureRetention(0, 0), pawl.WithOverlap(pawl.OverlapAllow(3, 10))))
			return s
		}
		r := harness.Start(t, build())
		later, err := r.Trigger(t.Context(), "import", pawl.WithStartAt(time.Now().Add(30*24*time.Hour)))
		require.NoError(t, err)
		harness.RunTimes(t, r, "import", 1)
		_, err = r.Trigger(t.Context(), "import")
		require.NoError(t, err)
		harness.RunTimes(t, r, "import", 99)
		_, err = r.Trigger(t.Context(), "import")
		require.NoError(t, err)
		harness.RunTimes(t, r, "import", 90)
		time.Sleep(3 * time.Minute)
		assert.Equal(t, []int64{later, 3, 103, 192, 193}, kept(t, r, "import"))
		harness.Verify(t, db)
		copied := db + ".copy" // what a kill would leave
		_, err = harness.Open(t, db).Exec(`VACUUM INTO ?`, copied)
		require.NoError(t, err)

		long <- nil
		long <- nil
		time.Sleep(2 * time.Hour)
		assert.Equal(t, []int64{later, 192, 193}, kept(t, r, "import"))
		time.Sleep(31 * 24 * time.Hour)
		assert.Equal(t, []int64{192, 193}, kept(t, r, "import"))
		harness.Stop(t, r, db)

		db = copied
		r = harness.Start(t, build())
		runs, err := r.Runs(t.Context(), pawl.RunsQuery{Status: pawl.RunInterrupted})
		require.NoError(t, err)
		assert.Len(t, runs, 2)
		time.Sleep(2 * time.Hour)
		assert.Equal(t, []int64{192, 193}, kept(t, r, "import"))
		harness.Stop(t, r, db)
	})
}

// Failures have a bound of their own: what went wrong, with its input, is there when
// successes have long gone. Of them the newest are kept, until they are too old; the
// transitions about them go with those of the runs around them.
//
// found Q5 and found B10.
func TestFailuresAreKeptLongerThanOtherRuns(t *testing.T) {
	harness.Bubble(t, func(t *testing.T, db string) {
		build := func() *pawl.Scheduler {
			s := harness.Quiet(db)
			require.NoError(t, s.Manual("import", harness.Job(func(ctx context.Context) error {
				run, _ := pawl.RunFrom(ctx)
				switch {
				case run.Number%100 == 7:
					return errors.New("boom")
				case run.Number%100 == 8:
					<-ctx.Done()
					return ctx.Err()
				}
				return nil
			}), pawl.WithRetention(5, 0), pawl.WithFailureRetention(6, 30*24*time.Hour), pawl.WithTimeout(time.Second)))
			return s
		}
		r := harness.Start(t, build())
		for range 1000 {
			run, err := r.Trigger(t.Context(), "import", pawl.WithInput(pawl.JSON(`"what was asked for"`)))
			require.NoError(t, err)
			_, err = r.WaitRun(t.Context(), "import", run)
			require.NoError(t, err)
		}
		time.Sleep(2 * time.Hour)
		want := append([]int64{707, 708, 807, 808, 907, 908}, upTo(996, 1000)...)
		assert.Equal(t, want, kept(t, r, "import"))
		run, err := r.WaitRun(t.Context(), "import", 907)
		require.NoError(t, err)
		assert.Equal(t, pawl.JSON(`"what was asked for"`), run.Input)
		assert.Equal(t, "boom", run.Error)
		assert.Zero(t, harness.Query[int](t, db, `SELECT count(*) FROM pawl_transitions WHERE run_number = 907`))
		for _, number := range upTo(996, 1000) {
			assert.Equal(t, 2, harness.Query[int](t, db, `SELECT count(*) FROM pawl_transitions WHERE run_number = ?`, number))
		}
		assert.Equal(t, "5 runs; 6 failures, 30 days", harness.Status(t, r, "import").Retention)
		harness.Verify(t, db)
		harness.Stop(t, r, db)

		r = harness.Start(t, build())
		time.Sleep(2 * time.Hour)
		assert.Equal(t, want, kept(t, r, "import"), "a restart knows of them")
		time.Sleep(31 * 24 * time.Hour)
		assert.Equal(t, upTo(996, 1000), kept(t, r, "import"))
		harness.Verify(t, db)
		harness.Stop(t, r, db)
	})
}

// The input of a committed trigger goes from the inbox to the run, and is deleted with it.
//
// found Q5.
func TestInputsInTheInboxGoWithTheirRuns(t *testing.T) {
	harness.Bubble(t, func(t *testing.T, db string) {
		s := harness.Quiet(db)
		require.NoError(t, s.Manual("import", harness.Job(harness.OK), pawl.WithRetention(5, 0), pawl.WithOverlap(pawl.OverlapBuffer(1000))))
		r := harness.Start(t, s)
		app := harness.Open(t, db+"?_pragma=busy_timeout(5000)&_txlock=immediate")
		large := pawl.JSON(`"` + strings.Repeat("x", 2000) + `"`)
		for range 300 {
			tx, err := app.Begin()
			require.NoError(t, err)
			_, err = r.TriggerTx(t.Context(), tx, "import", pawl.WithInput(large), pawl.WithKey(fmt.Sprint("key ", harness.Query[int](t, db, `SELECT count(*) FROM pawl_commands`))))
			require.NoError(t, err)
			require.NoError(t, tx.Commit())
		}
		tx, err := app.Begin()
		require.NoError(t, err)
		_, err = r.TriggerTx(t.Context(), tx, "no such flow", pawl.WithInput(large))
		if err == nil { // else it was refused at once
			require.NoError(t, tx.Commit())
		} else {
			require.NoError(t, tx.Rollback())
		}
		time.Sleep(time.Hour)
		assert.Equal(t, upTo(296, 300), kept(t, r, "import"))
		assert.Equal(t, string(large), harness.Query[string](t, db, `SELECT input FROM pawl_runs WHERE number = 300`))
		assert.Less(t, harness.Query[int](t, db, `SELECT sum(length(args)) FROM pawl_commands WHERE error IS NULL`), 300*30)
		assert.Equal(t, `{"key":"key 7"}`, harness.Query[string](t, db, `SELECT args FROM pawl_commands WHERE result = '8'`))
		assert.Zero(t, harness.Query[int](t, db, `SELECT count(*) FROM pawl_commands WHERE handled_at IS NULL`))
		assert.Equal(t, 300, harness.Query[int](t, db, `SELECT count(*) FROM pawl_commands
			WHERE id <= 300 AND created_at LIKE '2000-%' AND command = 'trigger' AND flow_id = 'import' AND requested_by = 'TriggerTx' AND reason IS NULL AND handled_at LIKE '2000-%'`))
		assert.Less(t, harness.Query[int](t, db, `PRAGMA page_count`)-harness.Query[int](t, db, `PRAGMA freelist_count`), 100, "the pages are free, too")
		harness.Verify(t, db)
		harness.Stop(t, r, db)
	})
}

// A flow that always fails has as many runs as its bounds say, and what is deleted costs
// no more for it.
//
// found Q5.
func TestFailuresDoNotPileUp(t *testing.T) {
	harness.Bubble(t, func(t *testing.T, db string) {
		s := harness.Quiet(db)
		require.NoError(t, s.Manual("import", harness.Job(harness.Failing), pawl.WithRetention(5, 0), pawl.WithFailureRetention(20, 0)))
		r := harness.Start(t, s)
		harness.RunTimes(t, r, "import", 2500)
		assert.Less(t, len(kept(t, r, "import")), 1500, "also while it is busy")
		time.Sleep(2 * time.Hour)
		assert.Equal(t, upTo(2476, 2500), kept(t, r, "import"))
		harness.Stop(t, r, db)
	})
}

// time K1: an idle scheduler that has nothing to delete reads now and then, and writes
// nothing.
func TestIdleSchedulerWritesNothingToDelete(t *testing.T) {
	harness.Bubble(t, func(t *testing.T, db string) {
		s := harness.Quiet(db)
		for i := range 20 {
			require.NoError(t, s.Manual(fmt.Sprint("flow ", i), harness.Job(harness.OK), pawl.WithRetention(5, 100*24*time.Hour)))
		}
		r := harness.Start(t, s)
		for i := range 20 {
			harness.RunTimes(t, r, fmt.Sprint("flow ", i), i)
		}
		time.Sleep(2 * time.Hour)
		assert.Equal(t, upTo(15, 19), kept(t, r, "flow 19"))
		before := written(t, db)
		time.Sleep(50 * 24 * time.Hour)
		assert.Equal(t, before, written(t, db))
		harness.Stop(t, r, db)
	})
}

// written is when a database and its log were last written, and how large they are.
// It does not open them: that would drop the locks of this process.
func written(t *testing.T, db string) (facts []string) {
	t.Helper()
	for _, name := range []string{db, db + "-wal"} {
		info, err := os.Stat(name)
		require.NoError(t, err)
		facts = append(facts, fmt.Sprint(info.ModTime(), info.Size()))
	}
	return facts
}

// time K1: however many runs there were, the file is as large as what is kept.
func TestFileStaysAsLargeAsWhatIsKept(t *testing.T) {
	harness.Bubble(t, func(t *testing.T, db string) {
		s := harness.Quiet(db)
		require.NoError(t, s.Every("sync", time.Second, harness.Job(harness.OK), pawl.WithRetention(100, 0)))
		require.NoError(t, s.Every("rare", 50*time.Second, harness.Job(harness.Failing), pawl.WithRetention(20, 10*time.Minute)))
		r := harness.Start(t, s)
		size := func(d time.Duration) int64 {
			time.Sleep(d)
			return harness.Query[int64](t, db, `SELECT page_count * page_size FROM pragma_page_count, pragma_page_size`)
		}
		early := size(500 * time.Second)
		late := size(5000 * time.Second)
		assert.Less(t, float64(late), 1.3*float64(early))
		harness.Stop(t, r, db)
		info, err := os.Stat(db)
		require.NoError(t, err)
		assert.Less(t, info.Size(), 2*early)
	})
}

// How many runs per second a hundred flows make that ask for the next one at once,
// and what deletion takes of that.
func BenchmarkRunsWhileHistoryIsDeleted(b *testing.B) {
	for _, keep := range []int{0, 100} {
		b.Run(fmt.Sprint("keep ", keep), func(b *testing.B) {
			db := filepath.Join(b.TempDir(), "jobs.db")
			s := harness.Quiet(db)
			const flows = 100
			for i := range flows {
				require.NoError(b, s.Manual(fmt.Sprint("flow ", i), harness.Job(harness.OK), pawl.WithRetention(keep, 0)))
			}
			r, err := s.Start(b.Context())
			require.NoError(b, err)
			var left atomic.Int64
			left.Store(int64(b.N))
			var all sync.WaitGroup
			b.ResetTimer()
			for i := range flows {
				all.Go(func() {
					id := fmt.Sprint("flow ", i)
					for left.Add(-1) >= 0 {
						run, err := r.Trigger(b.Context(), id)
						assert.NoError(b, err)
						_, err = r.WaitRun(b.Context(), id, run)
						assert.NoError(b, err)
					}
				})
			}
			all.Wait()
			b.StopTimer()
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "runs/s")
			rows, err := r.Runs(b.Context(), pawl.RunsQuery{Limit: 10_000_000})
			require.NoError(b, err)
			b.ReportMetric(float64(len(rows)), "rows")
			require.NoError(b, r.Stop(context.Background()))
		})
	}
}

// A clock that is ahead deletes nothing for its age, in a process or over a start; what is
// more than the number that is kept goes. After an hour without a step age counts. found A6.
func TestClockThatIsAheadDeletesNothingForItsAge(t *testing.T) {
	const ahead = 200 * 24 * time.Hour
	for name, restarts := range map[string]bool{"a step": false, "a start": true} {
		t.Run(name, func(t *testing.T) {
			harness.Bubble(t, func(t *testing.T, db string) {
				var wall harness.WallClock
				begin := func() *pawl.Runner {
					s := harness.Quiet(db, pawl.WithNow(wall.Now), pawl.WithClockTrusted())
					require.NoError(t, s.Manual("aged", harness.Job(harness.OK), pawl.WithRetention(0, 24*time.Hour), pawl.WithKeyWindow(24*time.Hour)))
					require.NoError(t, s.Manual("counted", harness.Job(harness.OK), pawl.WithRetention(5, 24*time.Hour)))
					return harness.Start(t, s)
				}
				set := func(r *pawl.Runner, to time.Duration) *pawl.Runner {
					if restarts {
						harness.Stop(t, r, db)
					}
					wall.Set(to)
					if restarts {
						r = begin()
					}
					time.Sleep(2 * time.Minute)
					return r
				}
				r := begin()
				harness.RunTimes(t, r, "aged", 10)
				first := harness.Accepted(t, r, "aged", pawl.WithKey("k"))
				synctest.Wait()
				r = set(r, ahead)
				time.Sleep(50 * time.Minute)
				harness.RunTimes(t, r, "counted", 200)
				time.Sleep(5 * time.Minute)
				assert.Len(t, kept(t, r, "aged"), 11)
				assert.Less(t, len(kept(t, r, "counted")), 100)
				r = set(r, 0)
				time.Sleep(59 * time.Minute)
				assert.Len(t, kept(t, r, "aged"), 11, "it is not too old by the right clock")
				if !restarts {
					assert.Equal(t, first, harness.Accepted(t, r, "aged", pawl.WithKey("k")), "its key is kept too")
				}
				time.Sleep(26 * time.Hour)
				assert.Len(t, kept(t, r, "aged"), 1, "now it is, and the newest stays")
				harness.Stop(t, r, db)
			})
		})
	}
}

// A clock that is ahead stays doubted when the process starts again, though the newest
// transition is then of that clock too: processes have to run for an hour in all. found A6.
func TestClockThatIsAheadIsDoubtedByTheNextStartsToo(t *testing.T) {
	for name, first := range map[string]bool{"a step, and a start": false, "two starts": true} {
		t.Run(name, func(t *testing.T) {
			harness.Bubble(t, func(t *testing.T, db string) {
				var wall harness.WallClock
				begin := func() *pawl.Runner {
					s := harness.Quiet(db, pawl.WithNow(wall.Now))
					require.NoError(t, s.Manual("aged", harness.Job(harness.OK), pawl.WithRetention(0, 24*time.Hour)))
					require.NoError(t, s.Every("often", time.Minute, harness.Job(harness.OK)))
					return harness.Start(t, s)
				}
				again := func(r *pawl.Runner) *pawl.Runner {
					harness.Stop(t, r, db)
					time.Sleep(2 * time.Hour) // nobody runs
					return begin()
				}
				r := begin()
				harness.RunTimes(t, r, "aged", 11)
				synctest.Wait()
				if first {
					harness.Stop(t, r, db)
				}
				wall.Set(200 * 24 * time.Hour)
				if first {
					r = begin()
				}
				for range 3 {
					time.Sleep(18 * time.Minute)
					r = again(r)
				}
				time.Sleep(2 * time.Minute)
				assert.Len(t, kept(t, r, "aged"), 11, "56 minutes")
				time.Sleep(time.Hour + 10*time.Minute)
				assert.Len(t, kept(t, r, "aged"), 1, "the clock seems to be right")
				r = again(r)
				harness.RunTimes(t, r, "aged", 5)
				time.Sleep(26 * time.Hour)
				assert.Len(t, kept(t, r, "aged"), 1, "nothing waits any more")
				harness.Stop(t, r, db)
			})
		})
	}
}

// time K1: history can be deleted while nobody runs, and the database is as sound as before;
// what a state rests on stays.
func TestHistoryIsPrunedWhileNobodyRuns(t *testing.T) {
	harness.Bubble(t, func(t *testing.T, db string) {
		s := harness.Quiet(db)
		require.NoError(t, s.Manual("a", harness.Job(harness.OK), pawl.WithRetention(0, 0)))
		require.NoError(t, s.Manual("b", harness.Job(harness.OK), pawl.WithRetention(0, 0)))
		require.NoError(t, s.Manual("fails", harness.Job(func(context.Context) error { return assert.AnError }), pawl.WithBackoff(pawl.TripAfter(100))))
		r := harness.Start(t, s)
		harness.RunTimes(t, r, "a", 900)
		harness.RunTimes(t, r, "b", 10)
		harness.RunTimes(t, r, "fails", 10)
		_, err := pawl.PruneHistory(t.Context(), db, pawl.Prune{Runs: 5})
		assert.ErrorIs(t, err, pawl.ErrDatabaseOwned)
		harness.Stop(t, r, db)

		before, err := os.Stat(db)
		require.NoError(t, err)
		told := 0
		rows, err := pawl.PruneHistory(t.Context(), db, pawl.Prune{Runs: 5, Flows: []string{"a"}, Told: func(n int) { told = n }})
		require.NoError(t, err)
		assert.GreaterOrEqual(t, rows, 3*895)
		assert.Greater(t, told, 0)
		harness.Verify(t, db)
		after, err := os.Stat(db)
		require.NoError(t, err)
		assert.Less(t, after.Size(), before.Size()/2, "a small file gives its space back, too")
		assert.Zero(t, harness.Query[int](t, db, `PRAGMA freelist_count`))
		c, err := pawl.Open(db)
		require.NoError(t, err)
		count := func(id string) int {
			runs, err := c.Runs(t.Context(), pawl.RunsQuery{Flow: id, Limit: 10_000})
			require.NoError(t, err)
			return len(runs)
		}
		assert.Equal(t, 5, count("a"))
		assert.Equal(t, 10, count("b"))
		require.NoError(t, c.Close())

		time.Sleep(time.Hour)
		_, err = pawl.PruneHistory(t.Context(), db, pawl.Prune{Age: time.Minute})
		require.NoError(t, err)
		harness.Verify(t, db)
		c, err = pawl.Open(db)
		require.NoError(t, err)
		assert.Equal(t, 1, count("b"), "the newest stays")
		assert.Equal(t, 10, count("fails"), "as do failures in a row")
		doubt, err := c.Doubt(t.Context())
		require.NoError(t, err)
		assert.Empty(t, doubt)
		require.NoError(t, c.Close())

		r = harness.Start(t, again(t, db))
		harness.Stop(t, r, db)
	})
}

func TestUpkeepRefusesWhatItCannotMean(t *testing.T) {
	missing := filepath.Join(t.TempDir(), "missing.db")
	assert.ErrorIs(t, pawl.Migrate(t.Context(), missing), fs.ErrNotExist)
	_, err := pawl.PruneHistory(t.Context(), missing, pawl.Prune{})
	assert.ErrorIs(t, err, fs.ErrNotExist)
	assert.NoFileExists(t, missing)
	harness.Bubble(t, func(t *testing.T, db string) {
		harness.Stop(t, harness.Start(t, harness.Quiet(db)), db)
		_, err := pawl.PruneHistory(t.Context(), db, pawl.Prune{Runs: -1})
		assert.ErrorContains(t, err, "-1 runs")
		assert.NoError(t, pawl.Migrate(t.Context(), db), "there is nothing to do")
		harness.Verify(t, db)
	})
}

const mebi = 1 << 20

// readForLong opens a transaction that reads a database, as another program would.
func readForLong(t *testing.T, db string) (end func()) {
	t.Helper()
	tx, err := harness.Open(t, db).BeginTx(t.Context(), &sql.TxOptions{ReadOnly: true})
	require.NoError(t, err)
	var n int
	require.NoError(t, tx.QueryRow(`SELECT count(*) FROM pawl_run_log`).Scan(&n))
	return func() { require.NoError(t, tx.Rollback()) }
}

func logSize(t *testing.T, db string) int64 {
	t.Helper()
	info, err := os.Stat(db + "-wal")
	require.NoError(t, err)
	return info.Size()
}

// A log that grew while somebody read for long is truncated within a minute after that,
// whether the scheduler is idle or commits now and then; meanwhile the log of the
// scheduler, a metric and the doctor name it.
//
// found Q4 and found A7.
func TestLogIsTruncatedAfterALongReader(t *testing.T) {
	for _, busy := range []bool{false, true} {
		t.Run(fmt.Sprintf("busy=%t", busy), func(t *testing.T) {
			harness.Bubble(t, func(t *testing.T, db string) {
				log := &harness.Logbook{}
				s := harness.Quiet(db, pawl.WithLogger(slog.New(log)))
				require.NoError(t, s.Manual("a", harness.Job(func(context.Context) error { return nil })))
				r := harness.Start(t, s)
				harness.RunTimes(t, r, "a", 1)
				end := readForLong(t, db)
				large := `"` + strings.Repeat("x", mebi-2) + `"`
				for range 70 {
					_, err := r.Trigger(t.Context(), "a", pawl.WithInput(pawl.JSON(large)))
					require.NoError(t, err)
					time.Sleep(time.Second)
				}
				time.Sleep(time.Minute)
				long := logSize(t, db)
				require.Greater(t, long, int64(70*mebi))
				assert.Equal(t, long, r.LogSize())
				assert.NotEmpty(t, log.Lines("the write-ahead log grows"))
				c, err := pawl.Open(db)
				require.NoError(t, err)
				defer func() { assert.NoError(t, c.Close()) }()
				check := doctorOf(t, c, "log")
				require.Len(t, check.Found, 1)
				assert.Contains(t, check.Found[0], "the write-ahead log has 14")
				if filepath.Separator == '/' && exists("/proc/locks") {
					assert.Contains(t, check.Found[0], fmt.Sprintf("process %d", os.Getpid()))
				}

				end()
				for range 60 {
					if busy {
						harness.RunTimes(t, r, "a", 1)
					}
					time.Sleep(time.Second)
				}
				if busy {
					assert.LessOrEqual(t, logSize(t, db), int64(32*mebi), "what commits that follow each other use anyway")
				} else {
					assert.Zero(t, logSize(t, db))
				}
				assert.NotEmpty(t, log.Lines("the write-ahead log is short again"))
				assert.Len(t, log.Lines("the write-ahead log grows"), 1)
				assert.Empty(t, doctorOf(t, c, "log").Found)
				harness.Stop(t, r, db)
			})
		})
	}
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

func doctorOf(t *testing.T, c *pawl.Client, name string) pawl.Check {
	t.Helper()
	checks, err := c.Doctor(t.Context())
	require.NoError(t, err)
	for _, check := range checks {
		if check.Name == name {
			return check
		}
	}
	require.Fail(t, "no check "+name)
	return pawl.Check{}
}

// A client of a database whose log was deleted says so, and what helps.
//
// found A11.
func TestDeletedLogIsNamed(t *testing.T) {
	harness.Bubble(t, func(t *testing.T, db string) {
		s := harness.Quiet(db)
		require.NoError(t, s.Manual("a", harness.Job(harness.OK)))
		r := harness.Start(t, s)
		harness.RunTimes(t, r, "a", 20)
		require.NoError(t, os.Rename(db+"-wal", db+"-away"))
		_, err := pawl.Open(db)
		require.ErrorIs(t, err, pawl.ErrLogGone)
		assert.ErrorContains(t, err, db+"-wal. Put it back.")
		require.NoError(t, os.Remove(db+"-wal"), "which the look has made")
		require.NoError(t, os.Rename(db+"-away", db+"-wal"))
		c, err := pawl.Open(db)
		require.NoError(t, err)
		runs, err := c.Runs(t.Context(), pawl.RunsQuery{})
		require.NoError(t, err)
		assert.Len(t, runs, 20)
		require.NoError(t, c.Close())
		harness.Stop(t, r, db)
	})
}
