package audit

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"math"
	"slices"

	"github.com/pawl-go/pawl/engine/core"
	"github.com/pawl-go/pawl/internal/instant"
	"github.com/pawl-go/pawl/store/internal/codes"
)

// account has all about one flow: what its row says, and what its runs and transitions say.
type account struct {
	*verifier
	row             core.State // Waiting has all runs that are not over and not in flight
	policies        core.Policies
	parked, blocked int64  // as the row has it
	suspects        int64  // runs that are suspects, as the row has it
	strayEnds       int    // rows of pawl_run_ends for runs that do not exist
	pruned          int64  // runs up to this one may have been deleted
	newest          newest // as the row has it

	runs    []runFacts // that are kept, oldest first
	missing bool       // a run that must be there is missing, which was reported

	replay  core.State // the flow as the transitions so far leave it
	known   known      // which facts of replay the transitions so far tell
	ofRuns  newest     // what the transitions so far and their runs tell
	event   string     // of the last transition
	begun   bool       // a transition is kept
	since   int64      // of the oldest that is kept, if there were others before; 0: all are kept
	fired   runFacts   // the newest run of the schedule
	refired []string   // second runs for one occurrence, since the plan was adopted
	early   []early
}

// newest is what the row of a flow says of its newest runs.
type newest struct {
	key, attempt, scheduled, errorKey, suspect, succeeded, failedFirst int64
}

// unknown stands for what came from a transition that is not kept.
const unknown = math.MinInt64

// known says which facts the transitions tell that are kept.
type known struct{ number, end, pause bool }

// runFacts is a run in few bytes. Times are in milliseconds, 0 for none.
type runFacts struct {
	key, number, scheduled, started, finished int64
	order                                     int64 // of its first start; 0: not known
	attempt                                   int32
	trigger, status                           int8
	failed                                    bool // it has an error
	met                                       bool // the transition of its start was replayed
	suspect                                   bool
	listed                                    int8 // 1 and the status by which pawl_run_ends lists it; 0: it does not
}

func (r runFacts) is() core.RunStatus { return codes.RunStatuses.Word(int64(r.status)) }

func (r runFacts) of(trigger string) bool { return codes.Triggers.Word(int64(r.trigger)) == trigger }

func (a *account) report(format string, args ...any) {
	a.found = append(a.found, fmt.Sprintf("flow %q: ", a.row.ID)+fmt.Sprintf(format, args...))
}

// readFlows begins an account for every flow.
func (v *verifier) readFlows(ctx context.Context) error {
	const query = `SELECT COALESCE(p.key, s.key), p.key IS NOT NULL, s.key IS NOT NULL, COALESCE(p.id, ''), COALESCE(p.kind, ''),
    COALESCE(p.backoff, ''), COALESCE(p.registered, 0) <> 0, COALESCE(s.status, 0), COALESCE(s.run_count, 0), COALESCE(s.in_flight, 0),
    COALESCE(s.failure_streak, 0), COALESCE(s.last_run, 0), COALESCE(s.next_eligible, 0), COALESCE(s.next_run, 0),
    COALESCE(s.version, 0), COALESCE(s.updated_at, 0), COALESCE(s.last_number, 0), COALESCE(s.last_key, 0), COALESCE(s.attempt, 0),
    COALESCE(s.last_scheduled, 0), COALESCE(s.last_end, 0), COALESCE(s.error_key, 0), COALESCE(s.suspect & 1, 0), COALESCE(s.suspect >> 1, 0),
    COALESCE(s.waiting + s.backfill + COALESCE(s.parked, 0) + COALESCE(s.blocked, 0), 0), COALESCE(s.parked, 0), COALESCE(s.blocked, 0), COALESCE(s.held, 0), COALESCE(p.policies, ''), COALESCE(p.schedule, ''),
    COALESCE(p.pruned, 0), COALESCE(s.last_seq, 0), COALESCE(p.paused_at, 0), COALESCE(p.paused_until, 0), COALESCE(p.pause_note, ''),
    COALESCE(p.time_zone, ''), COALESCE(s.succeeded_order, 0), COALESCE(s.failed_order, 0)
FROM pawl_flow_plan p FULL JOIN pawl_flow_state s ON s.key = p.key ORDER BY 1`
	return v.each(ctx, query, func(scan func(...any) error) error {
		var key, status int64
		var plan, state bool
		var policies string
		var at, lastRun, nextEligible, nextRun, end, held, pausedAt, pausedUntil int64
		a := &account{verifier: v, known: known{true, true, true}}
		a.replay = core.NewState("", 0)
		d, p := &core.Definition{}, &core.Paused{}
		s, n := &a.row, &a.newest
		s.Definition, s.Paused = d, p
		if err := scan(&key, &plan, &state, &s.ID, &d.Kind, &d.Backoff, &s.Registered,
			&status, &s.RunCount, &s.InFlight, &s.FailureStreak, &lastRun, &nextEligible, &nextRun, &s.Version, &at,
			&s.LastNumber, &n.key, &n.attempt, &n.scheduled, &end, &n.errorKey, &n.suspect, &a.suspects,
			&s.Waiting, &a.parked, &a.blocked, &held, &policies, &d.Schedule, &a.pruned, &s.LastSeq,
			&pausedAt, &pausedUntil, &p.PauseNote, &d.TimeZone, &n.succeeded, &n.failedFirst); err != nil {
			return err
		}
		s.Status, s.UpdatedAt, s.LastRun, s.LastEnd = codes.Statuses.Word(status), instant.OfMillis(at), instant.OfMillis(lastRun), instant.OfMillis(end)
		s.NextEligible, s.NextRun, s.Held = instant.OfMillis(nextEligible), instant.OfMillis(nextRun), instant.OfMillis(held)
		p.PausedAt, p.PausedUntil = instant.OfMillis(pausedAt), instant.OfMillis(pausedUntil)
		v.accounts[key] = a
		if policies != "" {
			if err := json.Unmarshal([]byte(policies), &a.policies); err != nil {
				a.report("its policies cannot be read: %s", err)
			}
		}
		switch {
		case !plan:
			v.found = append(v.found, fmt.Sprintf("flow key %d has a state but no plan", key))
		case !state:
			a.report("it has a plan but no state")
		default:
			v.ordered = append(v.ordered, a)
		}
		return nil
	})
}

// account of a flow; one that does not exist is reported once.
func (v *verifier) account(flow int64, what string, key int64) *account {
	if v.accounts[flow] == nil {
		v.found = append(v.found, fmt.Sprintf("%s %d is of flow key %d, which does not exist", what, key, flow))
		v.accounts[flow] = silentAccount()
	}
	return v.accounts[flow]
}

// silentAccount reports to nobody.
func silentAccount() *account {
	a := &account{verifier: &verifier{}, row: core.NewState("", 0), replay: core.NewState("", 0)}
	return a
}

// readRuns collects the runs and follows the chain that links them.
func (v *verifier) readRuns(ctx context.Context) error {
	const query = `SELECT flow, key, COALESCE(prev, 0), number, trigger, status, attempt, scheduled_at, COALESCE(started_at, 0),
    COALESCE(finished_at, 0), error IS NOT NULL, COALESCE(start_order, 0), suspect IS NOT NULL
FROM pawl_run_log ORDER BY key`
	var flow, prev, trigger, status, attempt int64
	var r runFacts
	return v.each(ctx, query, func(scan func(...any) error) error {
		if err := scan(&flow, &r.key, &prev, &r.number, &trigger, &status, &attempt, &r.scheduled, &r.started,
			&r.finished, &r.failed, &r.order, &r.suspect); err != nil {
			return err
		}
		// What an edited row has too much of is cut, and names itself all the same.
		r.trigger, r.status = int8(clamp(trigger, math.MaxInt8)), int8(clamp(status, math.MaxInt8))
		r.attempt = int32(clamp(attempt, math.MaxInt32))
		v.account(flow, "run key", r.key).add(r, prev)
		return nil
	})
}

// readEnds collects what pawl_run_ends lists.
func (v *verifier) readEnds(ctx context.Context) error {
	const query = `SELECT flow, run, status FROM pawl_run_ends ORDER BY run`
	var flow, run, status int64
	return v.each(ctx, query, func(scan func(...any) error) error {
		if err := scan(&flow, &run, &status); err != nil {
			return err
		}
		a := v.account(flow, "a row of pawl_run_ends for run key", run)
		i, ok := slices.BinarySearchFunc(a.runs, run, func(r runFacts, key int64) int { return cmp.Compare(r.key, key) })
		switch {
		case !ok:
			a.strayEnds++
		case ok && a.runs[i].listed != 0:
			a.report("pawl_run_ends has run %d twice", a.runs[i].number)
		case ok:
			a.runs[i].listed = int8(1 + clamp(status, math.MaxInt8-1))
		}
		return nil
	})
}

func clamp(n, limit int64) int64 { return max(min(n, limit), -limit) }

// add takes the next run of the flow. Runs before the oldest kept one may have been deleted; each
// kept run points at the kept one before it.
func (a *account) add(r runFacts, prev int64) {
	before := runFacts{key: prev}
	if len(a.runs) > 0 {
		before = a.runs[len(a.runs)-1]
	}
	first := max(before.number, a.pruned) + 1 // that is not missing
	switch {
	case len(a.runs) > 0 && r.number <= before.number:
		a.report("run %d comes after run %d", r.number, before.number)
		return
	case r.number > first:
		a.miss(first, r.number-1)
	case prev != before.key:
		a.report("run %d points at key %d as the run before, which has key %d", r.number, prev, before.key)
	case prev >= r.key || (prev == 0) != (r.number == 1):
		a.report("run %d with key %d points at key %d as the run before", r.number, r.key, prev)
	}
	a.runs = append(a.runs, r)
}

func (a *account) miss(first, last int64) {
	a.missing = true
	if first == last {
		a.report("run %d is missing", first)
	} else {
		a.report("runs %d to %d are missing", first, last)
	}
}

// find returns nil for a run that is not kept.
func (a *account) find(number int64) *runFacts {
	i, ok := slices.BinarySearchFunc(a.runs, number, func(r runFacts, n int64) int { return cmp.Compare(r.number, n) })
	if !ok {
		return nil
	}
	return &a.runs[i]
}

// readCheckpoints finds those of runs that are not there, and gaps in those of others.
func (v *verifier) readCheckpoints(ctx context.Context) error {
	const query = `SELECT c.run, COALESCE(p.id, ''), COALESCE(r.number, 0), count(*), max(c.seq), COALESCE(sum(NOT json_valid(c.payload)), 0)
FROM pawl_checkpoint_log c
LEFT JOIN pawl_run_log r ON r.key = c.run LEFT JOIN pawl_flow_plan p ON p.key = r.flow
GROUP BY c.run HAVING r.key IS NULL OR count(*) <> max(c.seq) OR min(c.seq) <> 1 OR sum(NOT json_valid(c.payload)) > 0`
	var run, number, count, last, broken int64
	var flow string
	return v.each(ctx, query, func(scan func(...any) error) error {
		if err := scan(&run, &flow, &number, &count, &last, &broken); err != nil {
			return err
		}
		text := fmt.Sprintf("flow %q: run %d has %d checkpoints, the last is %d", flow, number, count, last)
		switch {
		case number == 0:
			text = fmt.Sprintf("%d checkpoints are of a run that is not there (key %d)", count, run)
		case broken > 0:
			text = fmt.Sprintf("flow %q: %d checkpoints of run %d have a payload that is no JSON", flow, broken, number)
		}
		v.found = append(v.found, text)
		return nil
	})
}

// readAttempts finds attempts of runs that are not there, and those that do not fit their
// runs: the last that failed is the one before the run's, or the run's own if that was over
// before another started.
func (v *verifier) readAttempts(ctx context.Context) error {
	const query = `SELECT a.run, COALESCE(p.id, ''), COALESCE(r.number, 0), COALESCE(r.attempt, 0), COALESCE(r.status, 0), count(*), min(a.attempt), max(a.attempt),
    COALESCE(sum(a.next_at IS NULL), 0)
FROM pawl_attempt_log a
LEFT JOIN pawl_run_log r ON r.key = a.run LEFT JOIN pawl_flow_plan p ON p.key = r.flow
GROUP BY a.run`
	var run, number, attempt, status, count, first, last, unknown int64
	var flow string
	return v.each(ctx, query, func(scan func(...any) error) error {
		if err := scan(&run, &flow, &number, &attempt, &status, &count, &first, &last, &unknown); err != nil {
			return err
		}
		before := last == attempt-1 || last == attempt && codes.RunStatuses.Word(status) == core.RunTimedOut
		switch {
		case number == 0:
			v.found = append(v.found, fmt.Sprintf("%d failed attempts are of a run that is not there (key %d)", count, run))
		case first < 1 || count != last-first+1:
			v.found = append(v.found, fmt.Sprintf("flow %q: %d failed attempts of run %d are kept, from %d to %d", flow, count, number, first, last))
		case !before:
			v.found = append(v.found, fmt.Sprintf("flow %q: run %d is at attempt %d, and its last failed attempt is %d", flow, number, attempt, last))
		case unknown > 1:
			v.found = append(v.found, fmt.Sprintf("flow %q: run %d has %d failed attempts that no other followed", flow, number, unknown))
		}
		return nil
	})
}
