// Package pawltest helps to test the flows of a program: to run one now, to let time
// pass that nobody waits for, to say what must have run, and to kill the scheduler
// wherever it can be killed.
//
//	func TestReportIsSentEveryMorning(t *testing.T) {
//		synctest.Test(t, func(t *testing.T) {
//			s := pawltest.NewScheduler(t)
//			s.Cron("report", "0 9 * * *", pawl.JobFunc(report))
//			r := pawltest.Start(t, s)
//			pawltest.Advance(48 * time.Hour)
//			nine := time.Date(2000, 1, 1, 9, 0, 0, 0, time.UTC)
//			pawltest.Ran(t, r, "report",
//				pawltest.Run{At: nine, Status: pawl.RunCompleted},
//				pawltest.Run{At: nine.AddDate(0, 0, 1), Status: pawl.RunCompleted})
//		})
//	}
//
// Time is that of [testing/synctest]: within its bubble a clock begins at 2000-01-01
// 00:00 UTC and jumps ahead when everybody in the bubble waits. All here works outside
// of a bubble too, in real time, but for [Advance]. What a bubble asks for: the
// scheduler is started and stopped within it, as [Start] does; what a job waits for was
// made within it (channels, timers), and a wait for the network or for a child
// process holds its clock up. A variable of both the test and a job needs a lock, or the
// race detector speaks up, as anywhere.
package pawltest

import (
	"context"
	"log/slog"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pawl-go/pawl"
)

// NewScheduler returns a scheduler with a database in t.TempDir(), which logs to
// t.Output() and does not look at its inbox: most of what happens in an idle hour of
// virtual time would be that. Options go over these.
func NewScheduler(t testing.TB, opts ...pawl.Option) *pawl.Scheduler {
	t.Helper()
	ours := []pawl.Option{pawl.WithLogger(slog.New(slog.NewTextHandler(t.Output(), nil))), pawl.WithInboxPoll(0)}
	return pawl.NewScheduler(filepath.Join(t.TempDir(), "jobs.db"), append(ours, opts...)...)
}

// Start starts a scheduler and stops it when the test ends, within the bubble if the
// test runs in one. An error of either fails the test; one of the stop tells of runs
// that outlasted the stop window, see [pawl.Runner.Stop].
func Start(t testing.TB, s *pawl.Scheduler) *pawl.Runner {
	t.Helper()
	r, err := s.Start(context.WithoutCancel(t.Context()))
	if err != nil {
		t.Fatalf("pawltest: %v", err)
	}
	t.Cleanup(func() {
		if err := r.Stop(context.Background()); err != nil {
			t.Errorf("pawltest: stop: %v", err)
		}
	})
	return r
}

// RunNow triggers a run of a flow and returns it when it is over, however it ended: look
// at its Status. A flow that refuses fails the test. It blocks until the job has
// returned; in a bubble the clock goes on meanwhile.
func RunNow(t testing.TB, r *pawl.Runner, id string, opts ...pawl.TriggerOption) pawl.RunInfo {
	t.Helper()
	run, err := r.Trigger(t.Context(), id, opts...)
	if err != nil {
		t.Fatalf("pawltest: %v", err)
	}
	info, err := r.WaitRun(t.Context(), id, run)
	if err != nil {
		t.Fatalf("pawltest: run %d of flow %q: %v", run, id, err)
	}
	return info
}

// Advance lets a span of virtual time pass, with all that happens in it, and returns
// when everybody in the bubble waits for something later, or for ever. It panics
// outside of a bubble.
func Advance(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}
