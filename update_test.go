package pawl_test

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/pawl-go/pawl"
	"github.com/pawl-go/pawl/engine"
)

// ids are those of the flows that a runner shows, in order.
func ids(r *pawl.Runner) (list []string) {
	for _, info := range r.List() {
		list = append(list, info.ID)
	}
	return list
}

// Flows are added, changed and removed while others go on; runs in flight finish, and
// a flow that comes back has its history. time M4.
func TestUpdateChangesTheFlowsOfARunningScheduler(t *testing.T) {
	bubble(t, func(t *testing.T, db string) {
		d, added, changed := newDiary(), newDiary(), newDiary()
		s := quiet(db)
		require.NoError(t, s.Every("stays", time.Minute, d.job(ok)))
		require.NoError(t, s.Every("changes", time.Hour, job(func(context.Context) error { time.Sleep(90 * time.Second); return nil })))
		require.NoError(t, s.Manual("goes", job(func(context.Context) error { time.Sleep(90 * time.Second); return nil })))
		r := start(t, s)
		trigger(t, r, "goes")
		synctest.Wait()
		before := status(t, r, "stays")
		require.NoError(t, r.Update(t.Context(), func(s *pawl.Scheduler) error {
			assert.Equal(t, 3, s.Len())
			return errors.Join(s.Remove("goes"), s.Remove("changes"),
				s.Every("changes", time.Minute, changed.job(ok)), s.Every("added", time.Minute, added.job(ok)))
		}))
		assert.Equal(t, []string{"stays", "changes", "added", "goes"}, ids(r))
		assert.Equal(t, before.Version, status(t, r, "stays").Version, "an unchanged plan writes nothing")
		assert.False(t, status(t, r, "goes").Registered)
		assert.Equal(t, pawl.StatusRunning, status(t, r, "goes").Status)
		_, err := r.Trigger(t.Context(), "goes")
		require.ErrorIs(t, err, pawl.ErrFlowNotFound)
		require.ErrorIs(t, r.Forget(t.Context(), "goes"), pawl.ErrAlreadyRunning)

		time.Sleep(4*time.Minute + time.Second)
		synctest.Wait()
		assert.Equal(t, minutes(0, 1, 2, 3, 4), d.entries())
		assert.Equal(t, minutes(0, 1, 2, 3, 4), added.entries(), "new, so at once")
		assert.Equal(t, minutes(2.5, 3.5), changed.entries(), "a minute after the end of the run that was in flight")
		assert.Equal(t, pawl.RunCompleted, runOf(t, r, "goes", 1).Status)
		assert.Zero(t, status(t, r, "goes").InFlight)

		require.NoError(t, r.Update(t.Context(), func(s *pawl.Scheduler) error { return s.Manual("goes", job(ok)) }))
		assert.Equal(t, int64(2), finish(t, r, "goes").Number)
		stop(t, r, db)
	})
}

// A run in flight of a flow that is removed ends with this attempt: nobody would make
// another. time M4, time Q4.
func TestRunOfARemovedFlowIsNotTriedAgain(t *testing.T) {
	bubble(t, func(t *testing.T, db string) {
		s := quiet(db)
		require.NoError(t, s.Manual("goes", job(func(context.Context) error { time.Sleep(time.Minute); return errors.New("boom") }),
			pawl.WithRetry(3, everyMinute)))
		r := start(t, s)
		trigger(t, r, "goes")
		require.NoError(t, r.Update(t.Context(), func(s *pawl.Scheduler) error { return s.Remove("goes") }))
		info, err := r.WaitRun(t.Context(), "goes", 1)
		require.NoError(t, err)
		assert.Equal(t, pawl.RunFailed, info.Status)
		require.NoError(t, r.Forget(t.Context(), "goes"))
		stop(t, r, db)
	})
}

// An error of the change, of a registration, of a resource or of the commit leaves
// everything as it was. time M4.
func TestFailedUpdateLeavesEverythingAsItWas(t *testing.T) {
	bubble(t, func(t *testing.T, db string) {
		var log []string
		d := newDiary()
		faulty := &disk{}
		boom := errors.New("boom")
		s := quiet(db, pawl.WithStore(faulty.Wrap), pawl.WithGroupLimit("g", 1))
		require.NoError(t, s.Every("tick", time.Minute, d.job(ok), pawl.WithGroup("g")))
		require.NoError(t, s.Manual("long", job(func(context.Context) error { time.Sleep(30 * time.Second); return nil }), pawl.WithGroup("g")))
		r := start(t, s)
		synctest.Wait()
		trigger(t, r, "long") // holds the one place of the group
		before := r.List()
		for name, change := range map[string]func(*pawl.Scheduler) error{
			"change":       func(s *pawl.Scheduler) error { return errors.Join(s.Remove("tick"), boom) },
			"registration": func(s *pawl.Scheduler) error { _ = s.Cron("bad", "no such time", job(ok)); return s.Remove("tick") },
			"exists":       func(s *pawl.Scheduler) error { return s.Manual("tick", job(ok)) },
			"validator": func(s *pawl.Scheduler) error {
				return s.Manual("new", validated{err: boom, log: &log})
			},
			"resource": func(s *pawl.Scheduler) error {
				return errors.Join(s.Manual("new", job(ok), pawl.WithResources(part{name: "good", log: &log}, part{name: "bad", log: &log, setup: boom})), s.Remove("tick"))
			},
			"not there": func(s *pawl.Scheduler) error { return s.Remove("nobody") },
			"commit": func(s *pawl.Scheduler) error {
				faulty.Fail(boom)
				return errors.Join(s.Manual("new", job(ok), pawl.WithResources(part{name: "mine", log: &log})), s.Remove("tick"),
					s.Every("tick", time.Second, job(ok)))
			},
		} {
			log = nil
			require.Error(t, r.Update(t.Context(), change), name)
			faulty.Fail(nil)
			assert.Equal(t, before, r.List(), name)
			if name == "resource" {
				assert.Equal(t, []string{"+good", "+bad", "-good"}, log)
			}
			if name == "commit" {
				assert.Equal(t, []string{"+mine", "-mine"}, log)
			}
			time.Sleep(2 * time.Second) // until the store is tried again
		}
		time.Sleep(3*time.Minute - 14*time.Second + time.Second)
		synctest.Wait()
		assert.Equal(t, minutes(0, 1, 2, 3), d.entries(), "it goes on, and its place in the group is free again")
		require.NoError(t, r.Update(t.Context(), func(*pawl.Scheduler) error { return nil }))
		_, known := r.Status("new")
		assert.False(t, known)
		began := time.Now()
		stop(t, r, db)
		assert.Zero(t, time.Since(began), "nothing is in doubt")
		r = start(t, quiet(db))
		assert.Equal(t, []string{"tick", "long"}, ids(r), "nor is anything left in the file")
		stop(t, r, db)
	})
}

// After an update that failed, runs in flight hold the places that they held. time M4, time Q5.
func TestFailedUpdateKeepsThePlacesOfRunsInFlight(t *testing.T) {
	bubble(t, func(t *testing.T, db string) {
		faulty := &disk{}
		s := quiet(db, pawl.WithStore(faulty.Wrap), pawl.WithGroupLimit("g", 1))
		d := newDiary()
		nap := func(context.Context) error { time.Sleep(time.Minute); return nil }
		require.NoError(t, s.Manual("a", d.job(nap), pawl.WithGroup("g")))
		require.NoError(t, s.Manual("b", d.job(nap), pawl.WithGroup("g")))
		r := start(t, s)
		trigger(t, r, "a")
		trigger(t, r, "b")
		require.Error(t, r.Update(t.Context(), func(s *pawl.Scheduler) error {
			faulty.Fail(errors.New("no answer from the disk"))
			return errors.Join(s.Remove("a"), s.Remove("b"), s.Manual("a", job(ok)), s.Manual("b", job(ok)))
		}))
		faulty.Fail(nil)
		time.Sleep(5 * time.Minute)
		assert.Equal(t, minutes(0, 1), d.entries())
		stop(t, r, db)
	})
}

// An update whose commit takes effect although it fails is in the file; another one
// goes on from there. time M4, scheduler D7.
func TestUpdateInDoubtCanBeRepeated(t *testing.T) {
	bubble(t, func(t *testing.T, db string) {
		faulty := &disk{Durable: true}
		s := quiet(db, pawl.WithStore(faulty.Wrap))
		require.NoError(t, s.Manual("old", job(ok)))
		r := start(t, s)
		add := func(s *pawl.Scheduler) error { return s.Manual("new", job(ok)) }
		require.Error(t, r.Update(t.Context(), func(s *pawl.Scheduler) error {
			faulty.Fail(errors.New("no answer from the disk"))
			return add(s)
		}))
		faulty.Fail(nil)
		time.Sleep(5 * time.Second)
		_, err := r.Trigger(t.Context(), "new")
		require.ErrorIs(t, err, pawl.ErrFlowNotFound)
		require.NoError(t, r.Update(t.Context(), add))
		assert.Equal(t, int64(1), finish(t, r, "new").Number)
		stop(t, r, db)
	})
}

// Resources of flows that are added are set up before they run; all are torn down at
// the stop, in reverse. time M4.
func TestResourcesOfAddedFlowsAreSetUpAndTornDown(t *testing.T) {
	bubble(t, func(t *testing.T, db string) {
		var log []string
		s := quiet(db)
		require.NoError(t, s.Manual("old", job(ok), pawl.WithResources(part{name: "old", log: &log})))
		r := start(t, s)
		require.NoError(t, r.Update(t.Context(), func(s *pawl.Scheduler) error {
			s.AddResource(part{name: "shared", log: &log})
			return errors.Join(s.Remove("old"), s.Manual("new", job(ok), pawl.WithResources(part{name: "new", log: &log})))
		}))
		assert.Equal(t, pawl.RunCompleted, finish(t, r, "new").Status)
		require.NoError(t, r.Update(t.Context(), func(s *pawl.Scheduler) error { return s.Manual("third", job(ok)) }))
		stop(t, r, db)
		assert.Equal(t, []string{"+old", "+shared", "+new", "-new", "-shared", "-old"}, log)
		require.ErrorIs(t, r.Update(context.Background(), func(*pawl.Scheduler) error { return nil }), pawl.ErrStopped)
	})
}

// Forget deletes a flow that is not registered any more with all its history, and
// nothing else; under its id a new one begins. time M4.
func TestForgetDeletesAnUnregisteredFlow(t *testing.T) {
	bubble(t, func(t *testing.T, db string) {
		s := quiet(db)
		require.NoError(t, s.Manual("goes", job(failing), pawl.WithBackoff(pawl.TripAfter(1))))
		require.NoError(t, s.Manual("stays", job(ok)))
		r := start(t, s)
		finish(t, r, "goes", pawl.WithKey("k"))
		finish(t, r, "stays", pawl.WithKey("k"))
		require.ErrorIs(t, r.Forget(t.Context(), "goes"), pawl.ErrRegistered)
		require.ErrorIs(t, r.Forget(t.Context(), "nobody"), pawl.ErrFlowNotFound)
		require.NoError(t, r.Update(t.Context(), func(s *pawl.Scheduler) error { return s.Remove("goes") }))
		require.NoError(t, r.Forget(t.Context(), "goes"))
		assert.Equal(t, []string{"stays"}, ids(r))
		for _, table := range []string{"pawl_flow_plan", "pawl_flow_state", "pawl_run_log", "pawl_keys"} {
			assert.Equal(t, []int64{1}, numbers(t, db, "SELECT count(*) FROM "+table), table)
		}
		verify(t, db)
		newest := numbers(t, db, "SELECT last_seq FROM pawl_database")
		stop(t, r, db) // a start knows which keys were given away: faults I4
		s = quiet(db)
		require.NoError(t, s.Manual("stays", job(ok)))
		r = start(t, s)
		finish(t, r, "stays", pawl.WithKey("l"))
		assert.Equal(t, []int64{newest[0] + 1}, numbers(t, db, "SELECT min(seq) FROM pawl_transition_log WHERE seq > "+fmt.Sprint(newest[0])))
		require.NoError(t, r.Update(t.Context(), func(s *pawl.Scheduler) error { return s.Manual("goes", job(ok)) }))
		assert.Equal(t, int64(1), finish(t, r, "goes", pawl.WithKey("k")).Number)
		assert.Equal(t, int64(3), finish(t, r, "stays").Number)
		stop(t, r, db)
	})
}

// A rename carries state and history over, once: with the option left in, later starts
// go on as they are, also when a flow with the old id comes back. time M4.
func TestFormerIDCarriesStateOver(t *testing.T) {
	bubble(t, func(t *testing.T, db string) {
		trips := pawl.WithBackoff(pawl.TripAfter(2))
		s := quiet(db)
		require.NoError(t, s.Manual("old", job(failing), trips))
		r := start(t, s)
		finish(t, r, "old")
		finish(t, r, "old")
		require.NoError(t, r.Pause(t.Context(), "old", "on holiday"))
		before := status(t, r, "old")
		require.Equal(t, pawl.StatusTripped, before.Status)
		stop(t, r, db)
		build := func(register ...func(*pawl.Scheduler) error) *pawl.Scheduler {
			s := quiet(db)
			require.NoError(t, s.Manual("new", job(ok), trips, pawl.WithFormerID("old")))
			for _, do := range register {
				require.NoError(t, do(s))
			}
			return s
		}
		r = start(t, build())
		after := status(t, r, "new")
		assert.Equal(t, pawl.StatusTripped, after.Status)
		assert.Equal(t, before.FailureStreak, after.FailureStreak)
		assert.Equal(t, before.PauseNote, after.PauseNote)
		assert.Equal(t, before.LastError, after.LastError)
		assert.Equal(t, "boom", runOf(t, r, "new", 1).Error)
		_, known := r.Status("old")
		assert.False(t, known)
		require.NoError(t, r.Reset(t.Context(), "new"))
		assert.Equal(t, int64(3), finish(t, r, "new").Number)
		version := status(t, r, "new").Version
		stop(t, r, db)

		r = start(t, build())
		assert.Equal(t, version, status(t, r, "new").Version, "writes nothing")
		stop(t, r, db)
		r = start(t, build(func(s *pawl.Scheduler) error { return s.Manual("old", job(ok)) }))
		assert.Equal(t, int64(1), finish(t, r, "old").Number, "another flow")
		assert.Equal(t, int64(3), status(t, r, "new").LastNumber)
		stop(t, r, db)
		r = start(t, build())
		assert.Equal(t, int64(3), status(t, r, "new").LastNumber, "has a state of its own")
		assert.Equal(t, []string{"new", "old"}, ids(r))
		stop(t, r, db)
		require.ErrorIs(t, build().Manual("twin", job(ok), pawl.WithFormerID("old")), pawl.ErrInvalidFlow)
	})
}

// A flow that is renamed while the scheduler runs keeps its state too, once its runs
// under the old id are over. time M4.
func TestUpdateRenamesAFlow(t *testing.T) {
	bubble(t, func(t *testing.T, db string) {
		s := quiet(db)
		require.NoError(t, s.Manual("old", job(func(context.Context) error { time.Sleep(time.Minute); return nil })))
		r := start(t, s)
		trigger(t, r, "old")
		rename := func(s *pawl.Scheduler) error {
			return errors.Join(s.Remove("old"), s.Manual("new", job(ok), pawl.WithFormerID("old")))
		}
		require.ErrorIs(t, r.Update(t.Context(), rename), pawl.ErrAlreadyRunning)
		time.Sleep(2 * time.Minute)
		require.NoError(t, r.Update(t.Context(), rename))
		assert.Equal(t, []string{"new"}, ids(r))
		assert.Equal(t, int64(2), finish(t, r, "new").Number)
		assert.Equal(t, pawl.RunCompleted, runOf(t, r, "new", 1).Status)
		require.NoError(t, r.Update(t.Context(), func(s *pawl.Scheduler) error { return s.Manual("old", job(ok)) }))
		assert.Equal(t, int64(1), finish(t, r, "old").Number)
		stop(t, r, db)
	})
}

// lastWish is a store whose process dies right after a flow was forgotten.
type lastWish struct{ mortal }

func (l *lastWish) Forget(ctx context.Context, flow int64, answer *engine.Answer) error {
	defer l.Dead.Store(true)
	return l.Store.Forget(ctx, flow, answer)
}

// A flow that the inbox asked to forget is gone in the transaction that says so: a crash
// leaves none of both, or both. time M4, time M5.
func TestForgettingAFlowAndItsAnswerAreOneTransaction(t *testing.T) {
	bubble(t, func(t *testing.T, db string) {
		s := quiet(db)
		require.NoError(t, s.Manual("gone", job(ok)))
		r := start(t, s)
		finish(t, r, "gone")
		stop(t, r, db)
		execSQL(t, db, "INSERT INTO pawl_commands (command, flow_id) VALUES ('forget', 'gone')")
		s = quiet(db, pawl.WithInboxPoll(50*time.Millisecond), pawl.WithStore(func(real engine.Store) engine.Store {
			return &lastWish{mortal{Store: real, Dead: new(atomic.Bool)}}
		}))
		r = start(t, s)
		time.Sleep(time.Second)
		_ = r.Stop(t.Context()) // it cannot write any more
		r = start(t, quiet(db, pawl.WithInboxPoll(50*time.Millisecond)))
		time.Sleep(time.Second)
		_, known := r.Status("gone")
		assert.False(t, known)
		rows := inbox(t, db)
		assert.Equal(t, answered{"forget", "gone", "done", "-"}, rows[len(rows)-1])
		stop(t, r, db)
	})
}
