package pawl_test

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/pawl-go/pawl"
	"github.com/pawl-go/pawl/engine"
	"github.com/pawl-go/pawl/internal/harness"
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
	harness.Bubble(t, func(t *testing.T, db string) {
		d, added, changed := harness.NewDiary(), harness.NewDiary(), harness.NewDiary()
		s := harness.Quiet(db)
		require.NoError(t, s.Every("stays", time.Minute, d.Job(harness.OK)))
		require.NoError(t, s.Every("changes", time.Hour, harness.Job(func(context.Context) error { time.Sleep(90 * time.Second); return nil })))
		require.NoError(t, s.Manual("goes", harness.Job(func(context.Context) error { time.Sleep(90 * time.Second); return nil })))
		r := harness.Start(t, s)
		harness.Trigger(t, r, "goes")
		synctest.Wait()
		before := harness.Status(t, r, "stays")
		require.NoError(t, r.Update(t.Context(), func(s *pawl.Scheduler) error {
			assert.Equal(t, 3, s.Len())
			return errors.Join(s.Remove("goes"), s.Remove("changes"),
				s.Every("changes", time.Minute, changed.Job(harness.OK)), s.Every("added", time.Minute, added.Job(harness.OK)))
		}))
		assert.Equal(t, []string{"stays", "changes", "added", "goes"}, ids(r))
		assert.Equal(t, before.Version, harness.Status(t, r, "stays").Version, "an unchanged plan writes nothing")
		assert.False(t, harness.Status(t, r, "goes").Registered)
		assert.Equal(t, pawl.StatusRunning, harness.Status(t, r, "goes").Status)
		_, err := r.Trigger(t.Context(), "goes")
		require.ErrorIs(t, err, pawl.ErrFlowNotFound)
		require.ErrorIs(t, r.Forget(t.Context(), "goes"), pawl.ErrAlreadyRunning)

		time.Sleep(4*time.Minute + time.Second)
		synctest.Wait()
		assert.Equal(t, minutes(0, 1, 2, 3, 4), d.Entries())
		assert.Equal(t, minutes(0, 1, 2, 3, 4), added.Entries(), "new, so at once")
		assert.Equal(t, minutes(2.5, 3.5), changed.Entries(), "a minute after the end of the run that was in flight")
		assert.Equal(t, pawl.RunCompleted, harness.RunOf(t, r, "goes", 1).Status)
		assert.Zero(t, harness.Status(t, r, "goes").InFlight)

		require.NoError(t, r.Update(t.Context(), func(s *pawl.Scheduler) error { return s.Manual("goes", harness.Job(harness.OK)) }))
		assert.Equal(t, int64(2), harness.Finish(t, r, "goes").Number)
		harness.Stop(t, r, db)
	})
}

// A run in flight of a flow that is removed ends with this attempt: nobody would make
// another. time M4, time Q4.
func TestRunOfARemovedFlowIsNotTriedAgain(t *testing.T) {
	harness.Bubble(t, func(t *testing.T, db string) {
		s := harness.Quiet(db)
		require.NoError(t, s.Manual("goes", harness.Job(func(context.Context) error { time.Sleep(time.Minute); return errors.New("boom") }),
			pawl.WithRetry(3, harness.EveryMinute)))
		r := harness.Start(t, s)
		harness.Trigger(t, r, "goes")
		require.NoError(t, r.Update(t.Context(), func(s *pawl.Scheduler) error { return s.Remove("goes") }))
		info, err := r.WaitRun(t.Context(), "goes", 1)
		require.NoError(t, err)
		assert.Equal(t, pawl.RunFailed, info.Status)
		require.NoError(t, r.Forget(t.Context(), "goes"))
		harness.Stop(t, r, db)
	})
}

// An error of the change, of a registration, of a resource or of the commit leaves
// everything as it was. time M4.
func TestFailedUpdateLeavesEverythingAsItWas(t *testing.T) {
	harness.Bubble(t, func(t *testing.T, db string) {
		var log []string
		d := harness.NewDiary()
		faulty := &harness.Disk{}
		boom := errors.New("boom")
		s := harness.Quiet(db, pawl.WithStore(faulty.Wrap), pawl.WithGroupLimit("g", 1))
		require.NoError(t, s.Every("tick", time.Minute, d.Job(harness.OK), pawl.WithGroup("g")))
		require.NoError(t, s.Manual("long", harness.Job(func(context.Context) error { time.Sleep(30 * time.Second); return nil }), pawl.WithGroup("g")))
		r := harness.Start(t, s)
		synctest.Wait()
		harness.Trigger(t, r, "long") // holds the one place of the group
		before := r.List()
		for name, change := range map[string]func(*pawl.Scheduler) error{
			"change": func(s *pawl.Scheduler) error { return errors.Join(s.Remove("tick"), boom) },
			"registration": func(s *pawl.Scheduler) error {
				_ = s.Cron("bad", "no such time", harness.Job(harness.OK))
				return s.Remove("tick")
			},
			"exists": func(s *pawl.Scheduler) error { return s.Manual("tick", harness.Job(harness.OK)) },
			"validator": func(s *pawl.Scheduler) error {
				return s.Manual("new", validated{err: boom, log: &log})
			},
			"resource": func(s *pawl.Scheduler) error {
				return errors.Join(s.Manual("new", harness.Job(harness.OK), pawl.WithResources(part{name: "good", log: &log}, part{name: "bad", log: &log, setup: boom})), s.Remove("tick"))
			},
			"not there": func(s *pawl.Scheduler) error { return s.Remove("nobody") },
			"commit": func(s *pawl.Scheduler) error {
				faulty.Fail(boom)
				return errors.Join(s.Manual("new", harness.Job(harness.OK), pawl.WithResources(part{name: "mine", log: &log})), s.Remove("tick"),
					s.Every("tick", time.Second, harness.Job(harness.OK)))
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
		assert.Equal(t, minutes(0, 1, 2, 3), d.Entries(), "it goes on, and its place in the group is free again")
		require.NoError(t, r.Update(t.Context(), func(*pawl.Scheduler) error { return nil }))
		_, known := r.Status("new")
		assert.False(t, known)
		began := time.Now()
		harness.Stop(t, r, db)
		assert.Zero(t, time.Since(began), "nothing is in doubt")
		r = harness.Start(t, harness.Quiet(db))
		assert.Equal(t, []string{"tick", "long"}, ids(r), "nor is anything left in the file")
		harness.Stop(t, r, db)
	})
}

// After an update that failed, runs in flight hold the places that they held. time M4, time Q5.
func TestFailedUpdateKeepsThePlacesOfRunsInFlight(t *testing.T) {
	harness.Bubble(t, func(t *testing.T, db string) {
		faulty := &harness.Disk{}
		s := harness.Quiet(db, pawl.WithStore(faulty.Wrap), pawl.WithGroupLimit("g", 1))
		d := harness.NewDiary()
		nap := func(context.Context) error { time.Sleep(time.Minute); return nil }
		require.NoError(t, s.Manual("a", d.Job(nap), pawl.WithGroup("g")))
		require.NoError(t, s.Manual("b", d.Job(nap), pawl.WithGroup("g")))
		r := harness.Start(t, s)
		harness.Trigger(t, r, "a")
		harness.Trigger(t, r, "b")
		require.Error(t, r.Update(t.Context(), func(s *pawl.Scheduler) error {
			faulty.Fail(errors.New("no answer from the disk"))
			return errors.Join(s.Remove("a"), s.Remove("b"), s.Manual("a", harness.Job(harness.OK)), s.Manual("b", harness.Job(harness.OK)))
		}))
		faulty.Fail(nil)
		time.Sleep(5 * time.Minute)
		assert.Equal(t, minutes(0, 1), d.Entries())
		harness.Stop(t, r, db)
	})
}

// An update whose commit takes effect although it fails is in the file; another one
// goes on from there. time M4, scheduler D7.
func TestUpdateInDoubtCanBeRepeated(t *testing.T) {
	harness.Bubble(t, func(t *testing.T, db string) {
		faulty := &harness.Disk{Durable: true}
		s := harness.Quiet(db, pawl.WithStore(faulty.Wrap))
		require.NoError(t, s.Manual("old", harness.Job(harness.OK)))
		r := harness.Start(t, s)
		add := func(s *pawl.Scheduler) error { return s.Manual("new", harness.Job(harness.OK)) }
		require.Error(t, r.Update(t.Context(), func(s *pawl.Scheduler) error {
			faulty.Fail(errors.New("no answer from the disk"))
			return add(s)
		}))
		faulty.Fail(nil)
		time.Sleep(5 * time.Second)
		_, err := r.Trigger(t.Context(), "new")
		require.ErrorIs(t, err, pawl.ErrFlowNotFound)
		require.NoError(t, r.Update(t.Context(), add))
		assert.Equal(t, int64(1), harness.Finish(t, r, "new").Number)
		harness.Stop(t, r, db)
	})
}

// Resources of flows that are added are set up before they run; all are torn down at
// the stop, in reverse. time M4.
func TestResourcesOfAddedFlowsAreSetUpAndTornDown(t *testing.T) {
	harness.Bubble(t, func(t *testing.T, db string) {
		var log []string
		s := harness.Quiet(db)
		require.NoError(t, s.Manual("old", harness.Job(harness.OK), pawl.WithResources(part{name: "old", log: &log})))
		r := harness.Start(t, s)
		require.NoError(t, r.Update(t.Context(), func(s *pawl.Scheduler) error {
			s.AddResource(part{name: "shared", log: &log})
			return errors.Join(s.Remove("old"), s.Manual("new", harness.Job(harness.OK), pawl.WithResources(part{name: "new", log: &log})))
		}))
		assert.Equal(t, pawl.RunCompleted, harness.Finish(t, r, "new").Status)
		require.NoError(t, r.Update(t.Context(), func(s *pawl.Scheduler) error { return s.Manual("third", harness.Job(harness.OK)) }))
		harness.Stop(t, r, db)
		assert.Equal(t, []string{"+old", "+shared", "+new", "-new", "-shared", "-old"}, log)
		require.ErrorIs(t, r.Update(context.Background(), func(*pawl.Scheduler) error { return nil }), pawl.ErrStopped)
	})
}

// Forget deletes a flow that is not registered any more with all its history, and
// nothing else; under its id a new one begins. time M4.
func TestForgetDeletesAnUnregisteredFlow(t *testing.T) {
	harness.Bubble(t, func(t *testing.T, db string) {
		s := harness.Quiet(db)
		require.NoError(t, s.Manual("goes", harness.Job(harness.Failing), pawl.WithBackoff(pawl.TripAfter(1))))
		require.NoError(t, s.Manual("stays", harness.Job(harness.OK)))
		r := harness.Start(t, s)
		harness.Finish(t, r, "goes", pawl.WithKey("k"))
		harness.Finish(t, r, "stays", pawl.WithKey("k"))
		require.ErrorIs(t, r.Forget(t.Context(), "goes"), pawl.ErrRegistered)
		require.ErrorIs(t, r.Forget(t.Context(), "nobody"), pawl.ErrFlowNotFound)
		require.NoError(t, r.Update(t.Context(), func(s *pawl.Scheduler) error { return s.Remove("goes") }))
		require.NoError(t, r.Forget(t.Context(), "goes"))
		assert.Equal(t, []string{"stays"}, ids(r))
		for _, table := range []string{"pawl_flow_plan", "pawl_flow_state", "pawl_run_log", "pawl_keys"} {
			assert.Equal(t, []int64{1}, harness.Numbers(t, db, "SELECT count(*) FROM "+table), table)
		}
		harness.Verify(t, db)
		newest := harness.Numbers(t, db, "SELECT last_seq FROM pawl_database")
		harness.Stop(t, r, db) // a start knows which keys were given away: faults I4
		s = harness.Quiet(db)
		require.NoError(t, s.Manual("stays", harness.Job(harness.OK)))
		r = harness.Start(t, s)
		harness.Finish(t, r, "stays", pawl.WithKey("l"))
		assert.Equal(t, []int64{newest[0] + 1}, harness.Numbers(t, db, "SELECT min(seq) FROM pawl_transition_log WHERE seq > "+fmt.Sprint(newest[0])))
		require.NoError(t, r.Update(t.Context(), func(s *pawl.Scheduler) error { return s.Manual("goes", harness.Job(harness.OK)) }))
		assert.Equal(t, int64(1), harness.Finish(t, r, "goes", pawl.WithKey("k")).Number)
		assert.Equal(t, int64(3), harness.Finish(t, r, "stays").Number)
		harness.Stop(t, r, db)
	})
}

// A rename carries state and history over, once: with the option left in, later starts
// go on as they are, also when a flow with the old id comes back. time M4.
func TestFormerIDCarriesStateOver(t *testing.T) {
	harness.Bubble(t, func(t *testing.T, db string) {
		trips := pawl.WithBackoff(pawl.TripAfter(2))
		s := harness.Quiet(db)
		require.NoError(t, s.Manual("old", harness.Job(harness.Failing), trips))
		r := harness.Start(t, s)
		harness.Finish(t, r, "old")
		harness.Finish(t, r, "old")
		require.NoError(t, r.Pause(t.Context(), "old", "on holiday"))
		before := harness.Status(t, r, "old")
		require.Equal(t, pawl.StatusTripped, before.Status)
		harness.Stop(t, r, db)
		build := func(register ...func(*pawl.Scheduler) error) *pawl.Scheduler {
			s := harness.Quiet(db)
			require.NoError(t, s.Manual("new", harness.Job(harness.OK), trips, pawl.WithFormerID("old")))
			for _, do := range register {
				require.NoError(t, do(s))
			}
			return s
		}
		r = harness.Start(t, build())
		after := harness.Status(t, r, "new")
		assert.Equal(t, pawl.StatusTripped, after.Status)
		assert.Equal(t, before.FailureStreak, after.FailureStreak)
		assert.Equal(t, before.PauseNote, after.PauseNote)
		assert.Equal(t, before.LastError, after.LastError)
		assert.Equal(t, "boom", harness.RunOf(t, r, "new", 1).Error)
		_, known := r.Status("old")
		assert.False(t, known)
		require.NoError(t, r.Reset(t.Context(), "new"))
		assert.Equal(t, int64(3), harness.Finish(t, r, "new").Number)
		version := harness.Status(t, r, "new").Version
		harness.Stop(t, r, db)

		r = harness.Start(t, build())
		assert.Equal(t, version, harness.Status(t, r, "new").Version, "writes nothing")
		harness.Stop(t, r, db)
		r = harness.Start(t, build(func(s *pawl.Scheduler) error { return s.Manual("old", harness.Job(harness.OK)) }))
		assert.Equal(t, int64(1), harness.Finish(t, r, "old").Number, "another flow")
		assert.Equal(t, int64(3), harness.Status(t, r, "new").LastNumber)
		harness.Stop(t, r, db)
		r = harness.Start(t, build())
		assert.Equal(t, int64(3), harness.Status(t, r, "new").LastNumber, "has a state of its own")
		assert.Equal(t, []string{"new", "old"}, ids(r))
		harness.Stop(t, r, db)
		require.ErrorIs(t, build().Manual("twin", harness.Job(harness.OK), pawl.WithFormerID("old")), pawl.ErrInvalidFlow)
	})
}

// A flow that is renamed while the scheduler runs keeps its state too, once its runs
// under the old id are over. time M4.
func TestUpdateRenamesAFlow(t *testing.T) {
	harness.Bubble(t, func(t *testing.T, db string) {
		s := harness.Quiet(db)
		require.NoError(t, s.Manual("old", harness.Job(func(context.Context) error { time.Sleep(time.Minute); return nil })))
		r := harness.Start(t, s)
		harness.Trigger(t, r, "old")
		rename := func(s *pawl.Scheduler) error {
			return errors.Join(s.Remove("old"), s.Manual("new", harness.Job(harness.OK), pawl.WithFormerID("old")))
		}
		require.ErrorIs(t, r.Update(t.Context(), rename), pawl.ErrAlreadyRunning)
		time.Sleep(2 * time.Minute)
		require.NoError(t, r.Update(t.Context(), rename))
		assert.Equal(t, []string{"new"}, ids(r))
		assert.Equal(t, int64(2), harness.Finish(t, r, "new").Number)
		assert.Equal(t, pawl.RunCompleted, harness.RunOf(t, r, "new", 1).Status)
		require.NoError(t, r.Update(t.Context(), func(s *pawl.Scheduler) error { return s.Manual("old", harness.Job(harness.OK)) }))
		assert.Equal(t, int64(1), harness.Finish(t, r, "old").Number)
		harness.Stop(t, r, db)
	})
}

// lastWish is a store whose process dies right after a flow was forgotten.
type lastWish struct{ harness.Mortal }

func (l *lastWish) Forget(ctx context.Context, flow int64, answer *engine.Answer) error {
	defer l.Dead.Store(true)
	return l.Store.Forget(ctx, flow, answer)
}

// A flow that the inbox asked to forget is gone in the transaction that says so: a crash
// leaves none of both, or both. time M4, time M5.
func TestForgettingAFlowAndItsAnswerAreOneTransaction(t *testing.T) {
	harness.Bubble(t, func(t *testing.T, db string) {
		s := harness.Quiet(db)
		require.NoError(t, s.Manual("gone", harness.Job(harness.OK)))
		r := harness.Start(t, s)
		harness.Finish(t, r, "gone")
		harness.Stop(t, r, db)
		harness.ExecSQL(t, db, "INSERT INTO pawl_commands (command, flow_id) VALUES ('forget', 'gone')")
		s = harness.Quiet(db, pawl.WithInboxPoll(50*time.Millisecond), pawl.WithStore(func(real engine.Store) engine.Store {
			return &lastWish{harness.Mortal{Store: real, Dead: new(atomic.Bool)}}
		}))
		r = harness.Start(t, s)
		time.Sleep(time.Second)
		_ = r.Stop(t.Context()) // it cannot write any more
		r = harness.Start(t, harness.Quiet(db, pawl.WithInboxPoll(50*time.Millisecond)))
		time.Sleep(time.Second)
		_, known := r.Status("gone")
		assert.False(t, known)
		rows := harness.Inbox(t, db)
		assert.Equal(t, harness.Answered{"forget", "gone", "done", "-"}, rows[len(rows)-1])
		harness.Stop(t, r, db)
	})
}

// found B5: a flow that is changed keeps its place, now and after a restart, and Order
// moves flows without touching what they have.
func TestChangedFlowKeepsItsPlace(t *testing.T) {
	path := filepath.Join(t.TempDir(), "jobs.db")
	idle := pawl.JobFunc(func(context.Context) error { return nil })
	s := pawl.NewScheduler(path)
	for _, id := range []string{"a", "b", "c", "d"} {
		require.NoError(t, s.Manual(id, idle))
	}
	require.ErrorIs(t, s.Order("a", "none"), pawl.ErrFlowNotFound)
	r, err := s.Start(t.Context())
	require.NoError(t, err)
	require.ErrorIs(t, s.Order("a"), pawl.ErrStarted)

	require.NoError(t, r.Update(t.Context(), func(s *pawl.Scheduler) error {
		require.NoError(t, s.Remove("b"))
		require.NoError(t, s.Once("b", time.Date(2100, 1, 1, 0, 0, 0, 0, time.UTC), idle))
		require.NoError(t, s.Manual("e", idle))
		assert.Equal(t, 5, s.Len())
		return nil
	}))
	assert.Equal(t, []string{"a", "b", "c", "d", "e"}, ids(r))

	info, _ := r.Status("b")
	require.NoError(t, r.Update(t.Context(), func(s *pawl.Scheduler) error {
		require.NoError(t, s.Remove("c"))
		return s.Order("e", "b", "e")
	}))
	assert.Equal(t, []string{"e", "b", "a", "d", "c"}, ids(r), "what is gone comes last")
	moved, _ := r.Status("b")
	assert.Equal(t, info.NextRun, moved.NextRun)
	require.NoError(t, r.Stop(t.Context()))
	c, err := pawl.Open(path)
	require.NoError(t, err)
	defer c.Close()
	flows, err := c.List(t.Context())
	require.NoError(t, err)
	for i, id := range []string{"e", "b", "a", "d", "c"} {
		assert.Equal(t, id, flows[i].ID)
	}
}

// Two flows cannot both continue the state of the same one, also not after a removal.
func TestFormerIDIsFreeAgainWithItsFlow(t *testing.T) {
	s := pawl.NewScheduler(filepath.Join(t.TempDir(), "jobs.db"))
	idle := pawl.JobFunc(func(context.Context) error { return nil })
	require.NoError(t, s.Manual("a", idle, pawl.WithFormerID("old")))
	require.NoError(t, s.Remove("a"))
	require.NoError(t, s.Manual("b", idle, pawl.WithFormerID("old")))
	require.ErrorIs(t, s.Manual("c", idle, pawl.WithFormerID("old")), pawl.ErrInvalidFlow)
}

// The order is the order of the config, whatever was registered first.
func ExampleScheduler_Order() {
	s := pawl.NewScheduler("jobs.db")
	s.Manual("report", pawl.JobFunc(idle))
	s.Manual("import", pawl.JobFunc(idle))
	fmt.Println(s.Order("import", "report"), s.Order("imp0rt"))
	// Output: <nil> order flow "imp0rt": no such flow
}
