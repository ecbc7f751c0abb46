package audit

import (
	"time"

	"github.com/pawl-go/pawl/engine/core"
	"github.com/pawl-go/pawl/engine/schedule"
	"github.com/pawl-go/pawl/internal/instant"
	"github.com/pawl-go/pawl/store/internal/codes"
)

// compareRow compares the row of the flow with the replay.
func (a *account) compareRow() {
	row, replay := a.row, a.replay
	if !a.begun {
		a.report("its row has version %d, but no transition is kept", row.Version)
		return
	}
	a.compare("status", true, row.Status, replay.Status)
	a.compare("run_count", true, row.RunCount, replay.RunCount)
	a.compare("in_flight", true, row.InFlight, replay.InFlight)
	a.compare("failure_streak", true, row.FailureStreak, replay.FailureStreak)
	a.compare("last_run", true, row.LastRun, replay.LastRun)
	a.compare("next_eligible", true, row.NextEligible, replay.NextEligible)
	a.compare("next_run", true, row.NextRun, replay.NextRun)
	a.compare("version", true, row.Version, replay.Version)
	a.compare("updated_at", true, row.UpdatedAt, replay.UpdatedAt)
	a.compare("waiting, backfill, parked and blocked", true, row.Waiting, replay.Waiting)
	a.compare("last_number", a.known.number, row.LastNumber, replay.LastNumber)
	a.compare("last_scheduled", a.ofRuns.scheduled != unknown, instant.OfMillis(a.newest.scheduled), instant.OfMillis(a.ofRuns.scheduled))
	a.compare("last_end", a.known.end, row.LastEnd, replay.LastEnd)
	a.compare("error_key", a.ofRuns.errorKey != unknown, a.newest.errorKey, a.ofRuns.errorKey)
	a.compare("suspect", a.ofRuns.suspect != unknown, a.newest.suspect, a.ofRuns.suspect)
	a.compare("paused_at", a.known.pause, row.PausedAt, replay.PausedAt)
	a.compare("succeeded_order", a.ofRuns.succeeded != unknown, a.newest.succeeded, a.ofRuns.succeeded)
	a.compare("failed_order", a.ofRuns.failedFirst != unknown, a.newest.failedFirst, a.ofRuns.failedFirst)
	a.compare("last_seq", true, row.LastSeq, replay.LastSeq)
	a.comparePause()
}

// compare reports a column of the row that differs from the replay, if the replay knows it.
func (a *account) compare(column string, known bool, row, replay any) {
	if !known || row == replay {
		return
	}
	if t, ok := row.(time.Time); ok {
		row, replay = when(t), when(replay.(time.Time))
	}
	a.report("its row has %s %v, the replay of its transitions gives %v", column, row, replay)
}

// comparePause compares the row's end of a pause and its note with the transitions.
func (a *account) comparePause() {
	row, replay := a.row, a.replay
	note, until := row.PauseNote, row.PausedUntil
	switch {
	case row.PausedAt.IsZero() && (note != "" || !until.IsZero()):
		a.report("its row is not paused, but has an end or a note of a pause: %q", core.PauseText(note, until))
	case a.known.pause && !replay.PausedAt.IsZero() && (note != replay.PauseNote || until != replay.PausedUntil):
		a.report("its row is paused %q, its transition %q", core.PauseText(note, until), core.PauseText(replay.PauseNote, replay.PausedUntil))
	}
}

// compareRuns compares the row of the flow with the runs that are kept.
func (a *account) compareRuns() {
	for _, text := range a.refired {
		a.report("%s", text)
	}
	last := a.row.LastNumber
	if len(a.runs) == 0 && !a.missing && last > 0 {
		a.miss(min(a.pruned+1, last), last) // the newest run is never deleted
	}
	if len(a.runs) == 0 || !a.begun {
		return
	}
	if a.known.number {
		last = a.replay.LastNumber
	}
	r := a.runs[len(a.runs)-1]
	switch {
	case r.number < last:
		a.miss(r.number+1, last)
		return
	case r.number > last:
		a.report("its newest run is %d, but only %d were reserved", r.number, last)
	case a.newest.key != r.key:
		a.report("its row has last_key %d, its newest run has key %d", a.newest.key, r.key)
	case r.of(core.TriggerSchedule) && r.scheduled == a.newest.scheduled && a.newest.attempt != int64(r.attempt) && a.policies.Retries == 0:
		a.report("its row has attempt %d, its newest run has %d", a.newest.attempt, r.attempt)
	}
	a.countRuns()
}

// countRuns compares the row's counts with the runs that are kept.
func (a *account) countRuns() {
	var open, waiting, parked, blocked, started, suspects int64
	for _, r := range a.runs {
		if r.suspect && !r.is().Over() {
			suspects++
		}
		switch r.is() {
		case core.RunRunning:
			open++
		case core.RunWaiting:
			waiting++
		case core.RunParked:
			parked++
		case core.RunBlocked:
			blocked++
		}
		if r.started != 0 {
			started++
		}
	}
	for _, c := range []struct {
		what      string
		runs, row int64
	}{
		{"wait", waiting, int64(a.row.Waiting) - a.parked - a.blocked},
		{"are parked", parked, a.parked}, {"are blocked", blocked, a.blocked}, {"are suspects", suspects, a.suspects},
	} {
		if c.runs != c.row {
			a.report("%d of its runs %s, but its row says %d", c.runs, c.what, c.row)
		}
	}
	if open != int64(a.replay.InFlight) {
		a.report("%d of its runs are running, but %d in flight", open, a.replay.InFlight)
	}
	whole := a.pruned == 0 && !a.missing
	if started > a.replay.RunCount || whole && started != a.replay.RunCount {
		a.report("its run_count is %d, but it has %d runs", a.replay.RunCount, started)
	}
}

// compareEnds compares what pawl_run_ends lists with the runs.
func (a *account) compareEnds() {
	if a.strayEnds > 0 && !a.missing { // else that was reported
		a.report("pawl_run_ends has %d of its runs that do not exist", a.strayEnds)
	}
	for _, r := range a.runs {
		lists := codes.InRunEnds(r.is())
		switch listed := int8(1 + r.status); {
		case lists && r.listed == 0:
			a.report("run %d is %s, but pawl_run_ends does not have it", r.number, r.is())
		case !lists && r.listed != 0, lists && r.listed != listed:
			a.report("run %d is %s, but pawl_run_ends has it as %s", r.number, r.is(), codes.RunStatuses.Word(int64(r.listed-1)))
		}
	}
}

// checkRest checks the state of a flow against its plan.
func (a *account) checkRest() {
	s := a.replay
	if a.row.Backoff == "" && s.FailureStreak != 0 && s.Status != core.StatusTripped {
		a.report("it has a streak of %d, but no backoff policy", s.FailureStreak)
	}
	if a.row.Kind == schedule.KindEvery && a.row.Registered && !a.ends() && s.InFlight == 0 && s.Waiting == 0 && s.Status != core.StatusTripped &&
		s.NextRun.IsZero() && a.row.Held.IsZero() && a.begun {
		a.report("it is %s, but has no next run", s.Status)
	}
}

// ends reports whether the schedule has a last occurrence.
func (a *account) ends() bool {
	s, err := a.schedule()
	return a.policies.Limit > 0 || err == nil && !schedule.IdentityOf(s).End.IsZero()
}

func (a *account) schedule() (schedule.Schedule, error) {
	return schedule.Parse(a.row.ID, a.row.Kind, a.row.Schedule, a.row.TimeZone)
}

// when is a time for people.
func when(t time.Time) string {
	if t.IsZero() {
		return "never"
	}
	return instant.Format(t)
}

// whenMillis is a time of runFacts for people.
func whenMillis(n int64) string { return when(instant.OfMillis(n)) }

// millis is a time as runFacts have it.
func millis(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMilli()
}
