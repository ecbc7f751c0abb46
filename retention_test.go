package pawl_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
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

// runTimes triggers a flow n times, each run after the end of the one before.
func runTimes(t *testing.T, r *pawl.Runner, id string, n int) {
	t.Helper()
	for range n {
		run, err := r.Trigger(t.Context(), id)
		require.NoError(t, err)
		_, err = r.WaitRun(t.Context(), id, run)
		require.NoError(t, err)
	}
}

// query reads one value from the file.
func query[T any](t *testing.T, db, text string, args ...any) (v T) {
	t.Helper()
	require.NoError(t, open(t, db).QueryRow(text, args...).Scan(&v), text)
	return v
}

// open opens the file as another program would.
func open(t *testing.T, db string) *sql.DB {
	t.Helper()
	other, err := sql.Open("sqlite", db)
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, other.Close()) })
	return other
}

// time K1: the newest runs are kept, with the transitions about them; the views say so.
func TestRunsBeyondTheNewestAreDeleted(t *testing.T) {
	bubble(t, func(t *testing.T, db string) {
		s := quiet(db)
		require.NoError(t, s.Manual("import", job(ok), pawl.WithRetention(5, 0)))
		require.NoError(t, s.Manual("all", job(ok), pawl.WithRetention(0, 0)))
		r := start(t, s)
		runTimes(t, r, "all", 300)
		runTimes(t, r, "import", 300)
		time.Sleep(3 * time.Minute)
		assert.Equal(t, upTo(296, 300), kept(t, r, "import"))
		assert.Equal(t, upTo(1, 300), kept(t, r, "all"))
		assert.Equal(t, 10, query[int](t, db, `SELECT count(*) FROM pawl_transitions WHERE flow_id = 'import'`))
		assert.Equal(t, "5 runs; 1000 failures, 90 days, since run 296", query[string](t, db, `SELECT keeps FROM pawl_status WHERE flow = 'import'`))
		assert.Equal(t, "all", query[string](t, db, `SELECT keeps FROM pawl_status WHERE flow = 'all'`))
		assert.EqualValues(t, 300, status(t, r, "import").RunCount)
		stop(t, r, db)

		r = start(t, again(t, db))
		runTimes(t, r, "import", 1)
		time.Sleep(3 * time.Minute)
		assert.Equal(t, upTo(297, 301), kept(t, r, "import"), "it goes on after a restart")
		stop(t, r, db)
	})
}

func again(t *testing.T, db string) *pawl.Scheduler {
	s := quiet(db)
	require.NoError(t, s.Manual("import", job(ok), pawl.WithRetention(5, 0)))
	return s
}

// time K1: a busy flow is not waited for; what is too much goes while it runs.
func TestHistoryIsDeletedWhileTheFlowIsBusy(t *testing.T) {
	bubble(t, func(t *testing.T, db string) {
		s := quiet(db)
		require.NoError(t, s.Manual("import", job(ok), pawl.WithRetention(5, 0)))
		r := start(t, s)
		runTimes(t, r, "import", 2500) // takes no time at all
		assert.Less(t, len(kept(t, r, "import")), 1300)
		stop(t, r, db)
	})
}

// time K1: runs that ended too long ago are deleted, also of a flow that has stopped
// running, within the hour and a minute.
func TestRunsThatEndedLongAgoAreDeleted(t *testing.T) {
	bubble(t, func(t *testing.T, db string) {
		s := quiet(db)
		require.NoError(t, s.Every("sync", time.Hour, job(ok), pawl.WithRetention(0, 24*time.Hour)))
		require.NoError(t, s.Manual("rare", job(ok), pawl.WithRetention(0, 24*time.Hour)))
		r := start(t, s)
		runTimes(t, r, "rare", 10)
		time.Sleep(5*24*time.Hour + 30*time.Minute)
		runs, err := r.Runs(t.Context(), pawl.RunsQuery{Flow: "sync"})
		require.NoError(t, err)
		assert.InDelta(t, 25, len(runs), 1)
		for _, run := range runs {
			assert.Less(t, time.Since(run.FinishedAt), 25*time.Hour+2*time.Minute)
		}
		assert.Equal(t, upTo(10, 10), kept(t, r, "rare"), "the newest stays")
		stop(t, r, db)
	})
}

// time K1: the failures in a row, and the evidence of a trip, stay whatever their age;
// what is between them does not. After a reset they go.
func TestFailuresInARowAreKeptUntilTheirStreakEnds(t *testing.T) {
	bubble(t, func(t *testing.T, db string) {
		do := ok
		s := quiet(db)
		require.NoError(t, s.Manual("import", job(func(ctx context.Context) error { return do(ctx) }),
			pawl.WithRetention(2, 24*time.Hour), pawl.WithFailureRetention(0, 0), pawl.WithBackoff(pawl.BackoffPolicy{Initial: time.Second, StreakLimit: 3})))
		r := start(t, s)
		runTimes(t, r, "import", 10) // up to 10
		do = failing
		runTimes(t, r, "import", 2) // 11, 12
		do = func(context.Context) error { return pawl.Skipped("nothing to do") }
		runTimes(t, r, "import", 200) // up to 212
		time.Sleep(30 * 24 * time.Hour)
		assert.Equal(t, []int64{11, 12, 212}, kept(t, r, "import"))
		assert.Equal(t, 2, status(t, r, "import").FailureStreak)
		stop(t, r, db)

		s = quiet(db)
		require.NoError(t, s.Manual("import", job(func(ctx context.Context) error { return do(ctx) }),
			pawl.WithRetention(2, 24*time.Hour), pawl.WithFailureRetention(0, 0), pawl.WithBackoff(pawl.BackoffPolicy{Initial: time.Second, StreakLimit: 3})))
		r = start(t, s)
		do = failing
		runTimes(t, r, "import", 1) // 213
		time.Sleep(30 * 24 * time.Hour)
		assert.Equal(t, pawl.StatusTripped, status(t, r, "import").Status)
		assert.Equal(t, []int64{11, 12, 213}, kept(t, r, "import"))
		require.NoError(t, r.Reset(t.Context(), "import"))
		time.Sleep(2 * time.Hour)
		assert.Equal(t, []int64{213}, kept(t, r, "import"))
		stop(t, r, db)
	})
}

// time K1: the run that the flow's last error is from stays, also without a policy.
func TestRunOfTheLastErrorIsKept(t *testing.T) {
	bubble(t, func(t *testing.T, db string) {
		do := failing
		s := quiet(db)
		require.NoError(t, s.Manual("import", job(func(ctx context.Context) error { return do(ctx) }), pawl.WithRetention(1, 0), pawl.WithFailureRetention(0, 0)))
		r := start(t, s)
		runTimes(t, r, "import", 1)
		do = func(context.Context) error { return pawl.Skipped("nothing to do") }
		runTimes(t, r, "import", 200)
		time.Sleep(3 * time.Minute)
		assert.Equal(t, []int64{1, 201}, kept(t, r, "import"))
		assert.Equal(t, "boom", query[string](t, db, `SELECT last_error FROM pawl_flows`))
		do = ok
		runTimes(t, r, "import", 1)
		time.Sleep(2 * time.Hour)
		assert.Equal(t, []int64{202}, kept(t, r, "import"))
		stop(t, r, db)
	})
}

// time K1: runs that wait or are in flight stay while those around them go, are found
// after a crash, and go when they are over.
func TestRunsThatAreNotOverAreKept(t *testing.T) {
	bubble(t, func(t *testing.T, db string) {
		long := make(chan error)
		build := func() *pawl.Scheduler {
			s := quiet(db, pawl.WithStopTimeout(0))
			require.NoError(t, s.Manual("import", job(func(ctx context.Context) error {
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
		r := start(t, build())
		later, err := r.Trigger(t.Context(), "import", pawl.WithStartAt(time.Now().Add(30*24*time.Hour)))
		require.NoError(t, err)
		runTimes(t, r, "import", 1)
		_, err = r.Trigger(t.Context(), "import")
		require.NoError(t, err)
		runTimes(t, r, "import", 99)
		_, err = r.Trigger(t.Context(), "import")
		require.NoError(t, err)
		runTimes(t, r, "import", 90)
		time.Sleep(3 * time.Minute)
		assert.Equal(t, []int64{later, 3, 103, 192, 193}, kept(t, r, "import"))
		verify(t, db)
		copied := db + ".copy" // what a kill would leave
		_, err = open(t, db).Exec(`VACUUM INTO ?`, copied)
		require.NoError(t, err)

		long <- nil
		long <- nil
		time.Sleep(2 * time.Hour)
		assert.Equal(t, []int64{later, 192, 193}, kept(t, r, "import"))
		time.Sleep(31 * 24 * time.Hour)
		assert.Equal(t, []int64{192, 193}, kept(t, r, "import"))
		stop(t, r, db)

		db = copied
		r = start(t, build())
		runs, err := r.Runs(t.Context(), pawl.RunsQuery{Status: pawl.RunInterrupted})
		require.NoError(t, err)
		assert.Len(t, runs, 2)
		time.Sleep(2 * time.Hour)
		assert.Equal(t, []int64{192, 193}, kept(t, r, "import"))
		stop(t, r, db)
	})
}

// Failures have a bound of their own: what went wrong, with its input, is there when
// successes have long gone. Of them the newest are kept, until they are too old; the
// transitions about them go with those of the runs around them.
//
// found Q5 and found B10.
func TestFailuresAreKeptLongerThanOtherRuns(t *testing.T) {
	bubble(t, func(t *testing.T, db string) {
		build := func() *pawl.Scheduler {
			s := quiet(db)
			require.NoError(t, s.Manual("import", job(func(ctx context.Context) error {
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
		r := start(t, build())
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
		assert.Zero(t, query[int](t, db, `SELECT count(*) FROM pawl_transitions WHERE run_number = 907`))
		for _, number := range upTo(996, 1000) {
			assert.Equal(t, 2, query[int](t, db, `SELECT count(*) FROM pawl_transitions WHERE run_number = ?`, number))
		}
		assert.Equal(t, "5 runs; 6 failures, 30 days", status(t, r, "import").Retention)
		verify(t, db)
		stop(t, r, db)

		r = start(t, build())
		time.Sleep(2 * time.Hour)
		assert.Equal(t, want, kept(t, r, "import"), "a restart knows of them")
		time.Sleep(31 * 24 * time.Hour)
		assert.Equal(t, upTo(996, 1000), kept(t, r, "import"))
		verify(t, db)
		stop(t, r, db)
	})
}

// The input of a committed trigger goes from the inbox to the run, and is deleted with it.
//
// found Q5.
func TestInputsInTheInboxGoWithTheirRuns(t *testing.T) {
	bubble(t, func(t *testing.T, db string) {
		s := quiet(db)
		require.NoError(t, s.Manual("import", job(ok), pawl.WithRetention(5, 0), pawl.WithOverlap(pawl.OverlapBuffer(1000))))
		r := start(t, s)
		app := open(t, db+"?_pragma=busy_timeout(5000)&_txlock=immediate")
		large := pawl.JSON(`"` + strings.Repeat("x", 2000) + `"`)
		for range 300 {
			tx, err := app.Begin()
			require.NoError(t, err)
			_, err = r.TriggerTx(t.Context(), tx, "import", pawl.WithInput(large), pawl.WithKey(fmt.Sprint("key ", query[int](t, db, `SELECT count(*) FROM pawl_commands`))))
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
		assert.Equal(t, string(large), query[string](t, db, `SELECT input FROM pawl_runs WHERE number = 300`))
		assert.Less(t, query[int](t, db, `SELECT sum(length(args)) FROM pawl_commands WHERE error IS NULL`), 300*30)
		assert.Equal(t, `{"key":"key 7"}`, query[string](t, db, `SELECT args FROM pawl_commands WHERE result = '8'`))
		assert.Zero(t, query[int](t, db, `SELECT count(*) FROM pawl_commands WHERE handled_at IS NULL`))
		assert.Equal(t, 300, query[int](t, db, `SELECT count(*) FROM pawl_commands
			WHERE id <= 300 AND created_at LIKE '2000-%' AND command = 'trigger' AND flow_id = 'import' AND requested_by = 'TriggerTx' AND reason IS NULL AND handled_at LIKE '2000-%'`))
		assert.Less(t, query[int](t, db, `PRAGMA page_count`)-query[int](t, db, `PRAGMA freelist_count`), 100, "the pages are free, too")
		verify(t, db)
		stop(t, r, db)
	})
}

// A flow that always fails has as many runs as its bounds say, and what is deleted costs
// no more for it.
//
// found Q5.
func TestFailuresDoNotPileUp(t *testing.T) {
	bubble(t, func(t *testing.T, db string) {
		s := quiet(db)
		require.NoError(t, s.Manual("import", job(failing), pawl.WithRetention(5, 0), pawl.WithFailureRetention(20, 0)))
		r := start(t, s)
		runTimes(t, r, "import", 2500)
		assert.Less(t, len(kept(t, r, "import")), 1500, "also while it is busy")
		time.Sleep(2 * time.Hour)
		assert.Equal(t, upTo(2476, 2500), kept(t, r, "import"))
		stop(t, r, db)
	})
}

// time K1: an idle scheduler that has nothing to delete reads now and then, and writes
// nothing.
func TestIdleSchedulerWritesNothingToDelete(t *testing.T) {
	bubble(t, func(t *testing.T, db string) {
		s := quiet(db)
		for i := range 20 {
			require.NoError(t, s.Manual(fmt.Sprint("flow ", i), job(ok), pawl.WithRetention(5, 100*24*time.Hour)))
		}
		r := start(t, s)
		for i := range 20 {
			runTimes(t, r, fmt.Sprint("flow ", i), i)
		}
		time.Sleep(2 * time.Hour)
		assert.Equal(t, upTo(15, 19), kept(t, r, "flow 19"))
		before := written(t, db)
		time.Sleep(50 * 24 * time.Hour)
		assert.Equal(t, before, written(t, db))
		stop(t, r, db)
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
	bubble(t, func(t *testing.T, db string) {
		s := quiet(db)
		require.NoError(t, s.Every("sync", time.Second, job(ok), pawl.WithRetention(100, 0)))
		require.NoError(t, s.Every("rare", 50*time.Second, job(failing), pawl.WithRetention(20, 10*time.Minute)))
		r := start(t, s)
		size := func(d time.Duration) int64 {
			time.Sleep(d)
			return query[int64](t, db, `SELECT page_count * page_size FROM pragma_page_count, pragma_page_size`)
		}
		early := size(500 * time.Second)
		late := size(5000 * time.Second)
		assert.Less(t, float64(late), 1.3*float64(early))
		stop(t, r, db)
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
			s := quiet(db)
			const flows = 100
			for i := range flows {
				require.NoError(b, s.Manual(fmt.Sprint("flow ", i), job(ok), pawl.WithRetention(keep, 0)))
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
			bubble(t, func(t *testing.T, db string) {
				var wall wallClock
				begin := func() *pawl.Runner {
					s := quiet(db, pawl.WithNow(wall.now), pawl.WithClockTrusted())
					require.NoError(t, s.Manual("aged", job(ok), pawl.WithRetention(0, 24*time.Hour), pawl.WithKeyWindow(24*time.Hour)))
					require.NoError(t, s.Manual("counted", job(ok), pawl.WithRetention(5, 24*time.Hour)))
					return start(t, s)
				}
				set := func(r *pawl.Runner, to time.Duration) *pawl.Runner {
					if restarts {
						stop(t, r, db)
					}
					wall.set(to)
					if restarts {
						r = begin()
					}
					time.Sleep(2 * time.Minute)
					return r
				}
				r := begin()
				runTimes(t, r, "aged", 10)
				first := accepted(t, r, "aged", pawl.WithKey("k"))
				synctest.Wait()
				r = set(r, ahead)
				time.Sleep(50 * time.Minute)
				runTimes(t, r, "counted", 200)
				time.Sleep(5 * time.Minute)
				assert.Len(t, kept(t, r, "aged"), 11)
				assert.Less(t, len(kept(t, r, "counted")), 100)
				r = set(r, 0)
				time.Sleep(59 * time.Minute)
				assert.Len(t, kept(t, r, "aged"), 11, "it is not too old by the right clock")
				if !restarts {
					assert.Equal(t, first, accepted(t, r, "aged", pawl.WithKey("k")), "its key is kept too")
				}
				time.Sleep(26 * time.Hour)
				assert.Len(t, kept(t, r, "aged"), 1, "now it is, and the newest stays")
				stop(t, r, db)
			})
		})
	}
}

// A clock that is ahead stays doubted when the process starts again, though the newest
// transition is then of that clock too: processes have to run for an hour in all. found A6.
func TestClockThatIsAheadIsDoubtedByTheNextStartsToo(t *testing.T) {
	for name, first := range map[string]bool{"a step, and a start": false, "two starts": true} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T, db string) {
				var wall wallClock
				begin := func() *pawl.Runner {
					s := quiet(db, pawl.WithNow(wall.now))
					require.NoError(t, s.Manual("aged", job(ok), pawl.WithRetention(0, 24*time.Hour)))
					require.NoError(t, s.Every("often", time.Minute, job(ok)))
					return start(t, s)
				}
				again := func(r *pawl.Runner) *pawl.Runner {
					stop(t, r, db)
					time.Sleep(2 * time.Hour) // nobody runs
					return begin()
				}
				r := begin()
				runTimes(t, r, "aged", 11)
				synctest.Wait()
				if first {
					stop(t, r, db)
				}
				wall.set(200 * 24 * time.Hour)
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
				runTimes(t, r, "aged", 5)
				time.Sleep(26 * time.Hour)
				assert.Len(t, kept(t, r, "aged"), 1, "nothing waits any more")
				stop(t, r, db)
			})
		})
	}
}
