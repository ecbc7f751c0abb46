package store

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"math"
	"slices"

	"github.com/jmoiron/sqlx"
	"zombiezen.com/go/sqlite"

	"github.com/pawl-go/pawl/engine/core"
	"github.com/pawl-go/pawl/engine/schedule"
)

// Verify checks the whole file and returns a sentence for each violation; none:
// all is well. SQLite looks at its pages; then each flow's transitions are
// replayed from the oldest kept one and compared with the runs they are about,
// and what they lead to with the flow's row.
//
// It only reads, and one snapshot, so an owner may be at work. Runs may have been
// pruned up to the one that the flow's plan tells of, if the transitions about them
// went before. It keeps 48 bytes per run in memory.
func (r *Reader) Verify(ctx context.Context) ([]string, error) {
	tx, err := r.db.BeginTxx(ctx, nil)
	if err != nil {
		return nil, fmt.Errorf("verify %s: %w", r.path, err)
	}
	defer func() { _ = tx.Rollback() }() // nothing was written
	v := &verifier{tx: tx, accounts: map[int64]*account{}}
	if err := v.verify(ctx); err != nil {
		return v.found, fmt.Errorf("verify %s: %w", r.path, err)
	}
	return v.found, nil
}

// verifier reads a file and collects what is wrong with it.
type verifier struct {
	tx       *sqlx.Tx
	accounts map[int64]*account // by key of the flow
	ordered  []*account
	found    []string
}

func (v *verifier) verify(ctx context.Context) error {
	if err := v.checkPages(ctx); err != nil || len(v.found) > 0 {
		return err // what damaged pages say means nothing
	}
	for _, read := range []func(context.Context) error{v.readFlows, v.readRuns, v.readEnds, v.readTransitions, v.readCheckpoints, v.readAttempts} {
		if err := read(ctx); err != nil {
			return err
		}
	}
	for _, a := range v.ordered {
		a.compareStarts()
		a.compareRow()
		a.compareRuns()
		a.compareEnds()
		a.checkRest()
	}
	return nil
}

func (v *verifier) checkPages(ctx context.Context) error {
	var lines []string
	if err := v.tx.SelectContext(ctx, &lines, `PRAGMA integrity_check`); err != nil {
		return err
	}
	for _, line := range lines {
		if line != "ok" {
			v.found = append(v.found, "integrity_check: "+line)
		}
	}
	if len(v.found) == 0 {
		return nil
	}
	// SQLite finds pages that the disk does not give as it finds those that are wrong.
	if err := v.tx.GetContext(ctx, new(int), `SELECT count(data) FROM sqlite_dbpage`); code(err) == sqlite.ResultIOErr {
		v.found = nil
		return err
	}
	return nil
}

// account is all about one flow: what its row says, and what its runs and
// transitions say.
type account struct {
	*verifier
	id, kind, backoff string
	schedule          string
	policies          core.Policies
	zone              string
	held              int64
	parked, blocked   int64 // as the row has it
	suspects          int64 // runs that are, as the row has it
	stray             int   // rows of pawl_run_ends for runs that are not there
	pruned            int64 // runs up to this one may have been deleted
	lastSeq           int64 // as the row has it
	registered        bool
	row               position
	newest            newest // as the row has it

	runs    []runFacts // that are kept, oldest first
	missing bool       // a run that must be there is not, which was reported

	seq      int64    // of the newest transition so far
	replay   position // the flow as the transitions so far leave it
	event    string   // of the last of them
	replayed newest
	begun    bool     // a transition is kept
	since    int64    // of the oldest that is kept, if there were others before; 0: all are kept
	fired    runFacts // the newest run of the schedule
	refired  []string // since the plan was adopted
	early    []early
	pause    pause // as the row has it
	paused   pause // as the transitions so far leave it
}

// position is what the row of a flow and every transition tell. Times are in
// milliseconds, 0 for none.
type position struct {
	status, runCount, inFlight, streak, lastRun, nextEligible, nextRun, version, at int64
	waiting                                                                         int64 // backfills, parked and blocked runs included
}

// newest is what the row of a flow tells of its newest runs.
type newest struct {
	number, key, attempt, scheduled, end, errorKey, suspect, paused, succeeded, failedFirst int64
}

// unknown stands for what came from a transition that is not kept.
const unknown = math.MinInt64

// runFacts is a run in few bytes.
type runFacts struct {
	key, number, scheduled, started, finished int64
	order                                     int64 // of its first start; 0: not known
	attempt                                   int32
	trigger, status                           int8
	failed                                    bool // it has an error
	met                                       bool // the transition that its start is of
	suspect                                   bool
	listed                                    int8 // 1 and the status by which pawl_run_ends lists it; 0: it does not
}

func (r runFacts) scheduledRun() bool { return r.of(core.TriggerSchedule) }

func (r runFacts) of(trigger string) bool { return triggers.word(int64(r.trigger)) == trigger }

// transition is a row of the log.
type transition struct {
	position
	seq, prev, run, from int64
	event                string
	until                int64  // the end of the pause that it sets or moves; 0: none
	note                 string // of a pause
}

func (a *account) report(format string, args ...any) {
	a.found = append(a.found, fmt.Sprintf("flow %q: ", a.id)+fmt.Sprintf(format, args...))
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
		var key int64
		var plan, state bool
		var policies string
		a := &account{verifier: v}
		p, n := &a.row, &a.newest
		if err := scan(&key, &plan, &state, &a.id, &a.kind, &a.backoff, &a.registered,
			&p.status, &p.runCount, &p.inFlight, &p.streak, &p.lastRun, &p.nextEligible, &p.nextRun, &p.version, &p.at,
			&n.number, &n.key, &n.attempt, &n.scheduled, &n.end, &n.errorKey, &n.suspect, &a.suspects,
			&p.waiting, &a.parked, &a.blocked, &a.held, &policies, &a.schedule, &a.pruned, &a.lastSeq, &n.paused, &a.pause.until, &a.pause.note, &a.zone, &n.succeeded, &n.failedFirst); err != nil {
			return err
		}
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

// each calls row for every row of a query.
func (v *verifier) each(ctx context.Context, query string, row func(scan func(...any) error) error) error {
	rows, err := v.tx.QueryContext(ctx, query)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		if err := row(rows.Scan); err != nil {
			return err
		}
	}
	return rows.Err()
}

// account of a flow; one that does not exist is reported once.
func (v *verifier) account(flow int64, what string, key int64) *account {
	if v.accounts[flow] == nil {
		v.found = append(v.found, fmt.Sprintf("%s %d is of flow key %d, which does not exist", what, key, flow))
		v.accounts[flow] = &account{verifier: &verifier{}} // nobody hears what else it has to say
	}
	return v.accounts[flow]
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
			a.stray++
		case ok && a.runs[i].listed != 0:
			a.report("pawl_run_ends has run %d twice", a.runs[i].number)
		case ok:
			a.runs[i].listed = int8(1 + clamp(status, math.MaxInt8-1))
		}
		return nil
	})
}

func clamp(n, limit int64) int64 { return max(min(n, limit), -limit) }

// add takes the next run of the flow. What was before may have been pruned; what
// is kept points at what is kept.
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

// compareRow compares the row of the flow with the replay.
func (a *account) compareRow() {
	if !a.begun {
		a.report("its row has version %d, but no transition is kept", a.row.version)
		return
	}
	row, replay := a.row, a.replay
	for _, c := range []struct {
		column      string
		row, replay int64
		show        func(int64) any
	}{
		{"status", row.status, replay.status, word},
		{"run_count", row.runCount, replay.runCount, number},
		{"in_flight", row.inFlight, replay.inFlight, number},
		{"failure_streak", row.streak, replay.streak, number},
		{"last_run", row.lastRun, replay.lastRun, when},
		{"next_eligible", row.nextEligible, replay.nextEligible, when},
		{"next_run", row.nextRun, replay.nextRun, when},
		{"version", row.version, replay.version, number},
		{"updated_at", row.at, replay.at, when},
		{"waiting, backfill, parked and blocked", row.waiting, replay.waiting, number},
		{"last_number", a.newest.number, a.replayed.number, number},
		{"last_scheduled", a.newest.scheduled, a.replayed.scheduled, when},
		{"last_end", a.newest.end, a.replayed.end, when},
		{"error_key", a.newest.errorKey, a.replayed.errorKey, number},
		{"suspect", a.newest.suspect, a.replayed.suspect, number},
		{"paused_at", a.newest.paused, a.replayed.paused, when},
		{"succeeded_order", a.newest.succeeded, a.replayed.succeeded, number},
		{"failed_order", a.newest.failedFirst, a.replayed.failedFirst, number},
		{"last_seq", a.lastSeq, a.seq, number},
	} {
		if c.replay != unknown && c.row != c.replay {
			a.report("its row has %s %v, the replay of its transitions gives %v", c.column, c.show(c.row), c.show(c.replay))
		}
	}
	a.comparePause()
}

// compareRuns compares the row of the flow with the runs that are kept.
func (a *account) compareRuns() {
	for _, text := range a.refired {
		a.report("%s", text)
	}
	last := a.newest.number
	if len(a.runs) == 0 && !a.missing && last > 0 {
		a.miss(min(a.pruned+1, last), last) // the newest is never pruned
	}
	if len(a.runs) == 0 || !a.begun {
		return
	}
	if n := a.replayed.number; n != unknown {
		last = n
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
	case r.scheduledRun() && r.scheduled == a.newest.scheduled && a.newest.attempt != int64(r.attempt) && a.policies.Retries == 0:
		a.report("its row has attempt %d, its newest run has %d", a.newest.attempt, r.attempt)
	}
	a.countRuns()
}

// compareEnds compares what pawl_run_ends lists with the runs.
func (a *account) compareEnds() {
	if a.stray > 0 && !a.missing { // else that was reported
		a.report("pawl_run_ends has %d of its runs that do not exist", a.stray)
	}
	for _, r := range a.runs {
		status := runStatuses.word(int64(r.status))
		switch listed := int8(1 + r.status); {
		case !ended(status) && r.listed != 0:
			a.report("run %d is %s, but pawl_run_ends has it as %s", r.number, status, runStatuses.word(int64(r.listed-1)))
		case ended(status) && r.listed == 0:
			a.report("run %d is %s, but pawl_run_ends does not have it", r.number, status)
		case ended(status) && r.listed != listed:
			a.report("run %d is %s, but pawl_run_ends has it as %s", r.number, status, runStatuses.word(int64(r.listed-1)))
		}
	}
}

func (a *account) countRuns() {
	var open, waiting, parked, blocked, kept, suspects int64
	for _, r := range a.runs {
		if r.suspect && !runStatuses.word(int64(r.status)).Over() {
			suspects++
		}
		switch runStatuses.word(int64(r.status)) {
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
			kept++
		}
	}
	for _, c := range []struct {
		what      string
		runs, row int64
	}{
		{"wait", waiting, a.row.waiting - a.parked - a.blocked}, {"are parked", parked, a.parked}, {"are blocked", blocked, a.blocked}, {"are suspects", suspects, a.suspects},
	} {
		if c.runs != c.row {
			a.report("%d of its runs %s, but its row says %d", c.runs, c.what, c.row)
		}
	}
	if open != a.replay.inFlight {
		a.report("%d of its runs are running, but %d in flight", open, a.replay.inFlight)
	}
	whole := a.pruned == 0 && !a.missing
	if kept > a.replay.runCount || whole && kept != a.replay.runCount {
		a.report("its run_count is %d, but it has %d runs", a.replay.runCount, kept)
	}
}

// checkRest checks what a flow comes to, under its plan.
func (a *account) checkRest() {
	p := a.replay
	if a.backoff == "" && p.streak != 0 && p.status != tripped {
		a.report("it has a streak of %d, but no backoff policy", p.streak)
	}
	if a.kind == schedule.KindEvery && a.registered && !a.ends() && p.inFlight == 0 && p.waiting == 0 && p.status != tripped &&
		p.nextRun == 0 && a.held == 0 && a.begun {
		a.report("it is %s, but has no next run", word(p.status))
	}
}

// ends says whether the schedule has a last occurrence.
func (a *account) ends() bool {
	s, err := schedule.Parse(a.id, a.kind, a.schedule, a.zone)
	return a.policies.Limit > 0 || err == nil && !schedule.IdentityOf(s).End.IsZero()
}

func word(status int64) any { return statuses.word(status) }
func number(n int64) any    { return n }

func when(millis int64) any {
	if millis == 0 {
		return "never"
	}
	return iso(instant(millis))
}
