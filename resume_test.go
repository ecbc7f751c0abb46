package pawl_test

import (
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/pawl-go/pawl"
)

// seconds are instants as a model counts them.
func seconds(list ...int) (at []time.Duration) {
	for _, n := range list {
		at = append(at, time.Duration(n)*time.Second)
	}
	return at
}

// verdicts maps what became of instants, as checkLedger wants it.
func verdicts(of map[string][]int) map[time.Duration][]string {
	all := map[time.Duration][]string{}
	for verdict, list := range of {
		for _, at := range seconds(list...) {
			all[at] = []string{verdict}
		}
	}
	return all
}

// Instants that a backfill has run in a pause have their run: a resume from before
// them leaves them out, whatever the catch-up policy, also when the process dies
// between the resume and the runs. time M1, time M2: at most one run for each.
func TestResumeFromLeavesOutWhatABackfillHasRun(t *testing.T) {
	for _, test := range []struct {
		name    string
		catchUp pawl.CatchUp
		from    int // of the backfill, which has three instants
		told    []time.Duration
		ledger  map[string][]int
	}{
		{"all, the first ones", pawl.CatchUpAll(100), 10, seconds(5, 10, 15, 20, 25, 30, 35, 40), map[string][]int{"suppressed_paused": {10, 15, 20}}},
		{"all, in the middle", pawl.CatchUpAll(100), 20, seconds(5, 20, 25, 30, 10, 15, 35, 40), map[string][]int{"suppressed_paused": {20, 25, 30}}},
		{"all, at most two", pawl.CatchUpAll(2), 20, seconds(5, 20, 25, 30, 15, 35, 40), map[string][]int{"suppressed_paused": {20, 25, 30}, "missed": {10}}},
		{"the latest, the last ones", pawl.CatchUpLatest, 25, seconds(5, 25, 30, 35, 20, 40), map[string][]int{"suppressed_paused": {25, 30, 35}, "coalesced": {10, 15}}},
		{"the latest, in the middle", pawl.CatchUpLatest, 20, seconds(5, 20, 25, 30, 35, 40), map[string][]int{"suppressed_paused": {20, 25, 30}, "coalesced": {10, 15}}},
		{"the earliest, the first ones", pawl.CatchUpEarliest, 10, seconds(5, 10, 15, 20, 25, 40), map[string][]int{"suppressed_paused": {10, 15, 20}, "coalesced": {30, 35}}},
	} {
		for _, dies := range []bool{false, true} {
			play := func(t *testing.T) (late bool) {
				bubble(t, func(t *testing.T, db string) {
					began := time.Now()
					register := func(s *pawl.Scheduler) {
						require.NoError(t, s.Cron("f", "*/5 * * * * *", job(ok), pawl.WithOverlap(pawl.OverlapBuffer(100)), pawl.WithCatchUp(test.catchUp)))
					}
					p := launch(t, db, register)
					time.Sleep(6 * time.Second)
					require.NoError(t, p.Pause(t.Context(), "f", "a while"))
					time.Sleep(32 * time.Second)
					from := began.Add(time.Duration(test.from) * time.Second)
					n, err := p.Backfill(t.Context(), "f", pawl.Backfill{From: from, To: from.Add(10 * time.Second)})
					require.NoError(t, err)
					require.Equal(t, int64(3), n)
					synctest.Wait()
					require.NoError(t, p.ResumeFrom(t.Context(), "f", began))
					if dies {
						at := time.Now()
						p.kill()
						late = time.Since(at) > time.Second // it died in a commit, which it waited for
						p = launch(t, db, register)
						if late { // the next instant may have passed
							require.NoError(t, p.Stop(t.Context()))
							return
						}
					}
					time.Sleep(3 * time.Second)
					runs := told(t, p.Runner, "f")
					assert.Equal(t, test.told, runs)
					slices.Sort(runs)
					assert.Len(t, slices.Compact(runs), len(test.told), "each once")
					require.NoError(t, p.Stop(t.Context()))
					verify(t, db)
					require.NoError(t, checkLedger(db, began, 41*time.Second, verdicts(test.ledger)))
				})
				return late
			}
			t.Run(test.name, func(t *testing.T) {
				for play(t) {
				}
			})
		}
	}
}

// What a resume reconsiders one by one goes on from where it stopped when there is no
// room for all of it, and what comes meanwhile has its own turn, or is skipped. time M1, time C1.
func TestResumeFromGoesOnWhenTheBufferWasFull(t *testing.T) {
	for _, dies := range []bool{false, true} {
		bubble(t, func(t *testing.T, db string) {
			began := time.Now()
			register := func(s *pawl.Scheduler) {
				require.NoError(t, s.Cron("f", "*/5 * * * * *", job(sleeps(3*time.Second)), pawl.WithOverlap(pawl.OverlapBuffer(2)), pawl.WithCatchUp(pawl.CatchUpAll(100))))
			}
			p := launch(t, db, register)
			time.Sleep(9 * time.Second)
			require.NoError(t, p.Pause(t.Context(), "f", "a while"))
			time.Sleep(43 * time.Second)
			require.NoError(t, p.ResumeFrom(t.Context(), "f", began.Add(15*time.Second)))
			if dies {
				synctest.Wait()
				p.kill()
				p = launch(t, db, register)
			}
			time.Sleep(23 * time.Second)
			assert.Equal(t, seconds(5, 15, 20, 25, 30, 35, 40, 45), told(t, p.Runner, "f")[:8])
			time.Sleep(9 * time.Second)
			_ = p.Stop(t.Context()) // says whether a run was in flight
			verify(t, db)
		})
	}
}

// What was due before a pause and had not started, for its jitter or a limit, is held
// back too. The ledger says so, and a resume from before it runs it. time M1, time Q5, time S5, time W2.
func TestPauseHoldsBackWhatHasNotStarted(t *testing.T) {
	for _, test := range []struct {
		name string
		opts []pawl.Option
		flow []pawl.FlowOption
	}{
		{"its jitter", nil, []pawl.FlowOption{pawl.WithJitter(30 * time.Minute)}},
		{"a limit", []pawl.Option{pawl.WithMaxRunning(1)}, nil},
	} {
		for _, back := range []bool{false, true} {
			t.Run(test.name, func(t *testing.T) {
				bubble(t, func(t *testing.T, db string) {
					began := time.Now()
					s := quiet(db, test.opts...)
					require.NoError(t, s.Cron("f", "0 * * * *", job(ok), test.flow...))
					require.NoError(t, s.Manual("other", job(sleeps(90*time.Minute))))
					r := start(t, s)
					trigger(t, r, "other")
					time.Sleep(time.Hour + time.Millisecond)
					require.NoError(t, r.Pause(t.Context(), "f", "over night"))
					why := func(hour int) string {
						reason, err := r.Why(t.Context(), "f", began.Add(time.Duration(hour)*time.Hour))
						require.NoError(t, err)
						return reason.Text
					}
					assert.Equal(t, "f did not run for 2000-01-01 01:00:00 UTC: it was due and had not started when the flow was paused: over night.", why(1))
					time.Sleep(90 * time.Minute)
					assert.Equal(t, "f did not run for 2000-01-01 02:00:00 UTC: it is paused: over night.", why(2))
					if back {
						require.NoError(t, r.ResumeFrom(t.Context(), "f", began))
					} else {
						require.NoError(t, r.Resume(t.Context(), "f"))
						assert.Equal(t, "f did not run for 2000-01-01 01:00:00 UTC: the flow was paused: it was due and had not started; over night.", why(1))
						assert.Equal(t, "f did not run for 2000-01-01 02:00:00 UTC: the flow was paused: over night.", why(2))
					}
					time.Sleep(time.Minute)
					if back { // one run for both, as its catch-up policy says
						assert.Equal(t, minutes(120), told(t, r, "f"))
						assert.Equal(t, "f did not run for 2000-01-01 01:00:00 UTC: run 1 caught up on it.", why(1))
					} else {
						assert.Empty(t, told(t, r, "f"))
					}
					stop(t, r, db)
				})
			})
		}
	}
}

// An instant that is backfilled in its own millisecond, in which the pause ends, has one
// run too. time M1, time M2.
func TestResumeInTheMillisecondOfABackfillRunsTheInstantOnce(t *testing.T) {
	bubble(t, func(t *testing.T, db string) {
		began := time.Now()
		s := quiet(db)
		require.NoError(t, s.Cron("f", "*/5 * * * * *", job(ok)))
		r := start(t, s)
		time.Sleep(6 * time.Second)
		require.NoError(t, r.Pause(t.Context(), "f", ""))
		time.Sleep(4 * time.Second)
		_, err := r.Backfill(t.Context(), "f", pawl.Backfill{From: time.Now(), To: time.Now()})
		require.NoError(t, err)
		synctest.Wait()
		require.NoError(t, r.ResumeFrom(t.Context(), "f", began))
		time.Sleep(6 * time.Second)
		assert.Equal(t, seconds(5, 10, 15), told(t, r, "f"))
		stop(t, r, db)
	})
}
