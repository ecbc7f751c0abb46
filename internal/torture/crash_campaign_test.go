//go:build unix

package torture_test

import (
	"bufio"
	"bytes"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/pawl-go/pawl"
	"github.com/pawl-go/pawl/engine"
	"github.com/pawl-go/pawl/engine/core"
	"github.com/pawl-go/pawl/internal/harness"
	"github.com/pawl-go/pawl/store"
)

// campaign is a database file, the starts it has seen, and what is known of it.
type campaign struct {
	t      *testing.T
	path   string
	flows  []crashFlow
	starts int
	file   file            // as it was after the last start
	lines  []line          // that the last start said
	ran    map[string]bool // the attempts whose jobs began, ever
	shared bool            // the file has a table of the app

	unmodelled bool // its runs go on after a crash, and have a check of their own
}

func newCampaign(t *testing.T, flows []crashFlow) *campaign {
	return &campaign{t: t, path: filepath.Join(t.TempDir(), "jobs.db"), flows: flows, ran: map[string]bool{},
		file: file{states: map[string]core.State{}}}
}

// pause is how long the machine seems to do nothing between two starts.
const pause = 2 * time.Second

// virtualLife is more than the time that passes in a child of virtual time, which
// begins at the epoch.
const virtualLife = 5 * time.Minute

var virtualEpoch = time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)

func (c *campaign) next(spec child) child {
	c.starts++
	spec.Database, spec.Flows, spec.Shift, spec.Shared = c.path, c.flows, time.Duration(c.starts)*pause, c.shared
	if spec.Virtual != "" {
		spec.Shift += time.Duration(c.starts)*virtualLife + time.Since(virtualEpoch)
	}
	return spec
}

// child starts a child on the file and kills it when strike returns; without one
// it has to end by itself. It tells whether the child was killed, after holding
// the file against all that it said.
func (c *campaign) child(spec child, strike func(ready <-chan struct{})) (killed bool) {
	text, err := json.Marshal(c.next(spec))
	require.NoError(c.t, err)
	ctx, cancel := context.WithTimeout(c.t.Context(), patience)
	defer cancel()
	arg, variable := spec.command(string(text))
	cmd := exec.CommandContext(ctx, os.Args[0], arg)
	cmd.Env = append(os.Environ(), variable, "GORACE=atexit_sleep_ms=0")
	var problems bytes.Buffer
	cmd.Stderr = &problems
	stdout, err := cmd.StdoutPipe()
	require.NoError(c.t, err)
	require.NoError(c.t, cmd.Start())

	ready, ended := make(chan struct{}), make(chan []line)
	go func() { ended <- listen(stdout, ready) }()
	if strike != nil {
		strike(ready)
		require.NoError(c.t, cmd.Process.Kill())
	}
	c.lines = <-ended
	err = cmd.Wait()
	require.NoError(c.t, ctx.Err(), "the child did not end")
	require.Empty(c.t, problems.String(), "start %d of %s", c.starts, spec.Script)
	c.requireUnlocked()
	if !c.unmodelled {
		c.check()
	}
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		status := exit.Sys().(syscall.WaitStatus)
		require.True(c.t, status.Signaled() && status.Signal() == syscall.SIGKILL, exit)
		return true
	}
	require.NoError(c.t, err)
	return false
}

// patience is far more than any child needs.
const patience = 2 * time.Minute

// listen collects what a child says until it is gone. It closes ready when the
// child says that it is, and in any case when it ends.
func listen(stdout io.Reader, ready chan<- struct{}) (lines []line) {
	var once sync.Once
	defer once.Do(func() { close(ready) })
	for r := bufio.NewReader(stdout); ; {
		text, err := r.ReadBytes('\n')
		if err != nil {
			return lines // what was cut off in the middle was not said
		}
		var l line
		if err := json.Unmarshal(text, &l); err != nil {
			l = line{What: err.Error()}
		}
		lines = append(lines, l)
		if l.What == "ready" {
			once.Do(func() { close(ready) })
		}
	}
}

// requireUnlocked is scheduler D4: the ownership died with the process.
func (c *campaign) requireUnlocked() {
	syscall.ForkLock.RLock() // a process that another test forks right now would hold what this one has open
	defer syscall.ForkLock.RUnlock()
	if len(c.lines) == 0 {
		return // killed before it was the owner
	}
	f, err := os.Open(c.path + ".lock")
	require.NoError(c.t, err)
	require.NoError(c.t, unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB), "still locked")
	require.NoError(c.t, f.Close())
}

// owner is a start in the parent, which ends in order.
func (c *campaign) owner(acts ...func(*world)) {
	var mu sync.Mutex
	var problems bytes.Buffer
	c.lines = nil
	w := &world{child: c.next(child{}), log: &problems, ready: make(chan struct{}), began: make(chan int64, 1), tell: func(l line) {
		mu.Lock()
		defer mu.Unlock()
		c.lines = append(c.lines, l)
	}}
	require.NoError(c.t, w.start(pawl.WithStopTimeout(0)))
	for _, act := range acts {
		act(w)
	}
	if err := w.runner.Stop(c.t.Context()); err != nil {
		require.ErrorIs(c.t, err, pawl.ErrStopTimeout)
	}
	require.Empty(c.t, problems.String())
	c.check()
	require.False(c.t, c.file.Previous.StoppedAt.IsZero())
	for _, s := range c.file.states {
		require.Zero(c.t, s.InFlight, s.ID)
	}
}

// tour starts a child on the tour, with a command that waits for it, and tells
// whether it was killed.
func (c *campaign) tour(kill string) bool {
	if c.file.Generation > 0 { // the tables are there
		c.post("trigger", inboxOnly)
	}
	return c.child(child{Script: "tour", Kill: kill}, nil)
}

// post leaves a command in the inbox of a file that nobody owns.
func (c *campaign) post(verb, id string) {
	client := harness.OpenClient(c.t, c.path)
	row := harness.Post(c.t, client, verb, id)
	require.NoError(c.t, client.Close())
	c.file.Waiting = append(c.file.Waiting, engine.Command{ID: row, Verb: verb, Flow: id})
}

// file is all that a database holds.
type file struct {
	engine.Snapshot
	states   map[string]core.State
	runs     map[string]pawl.RunInfo // by "flow/number"
	steps    map[string]step         // by "flow/version"
	commands map[int64]command
	owners   int64
}

// step is a transition.
type step struct{ event, at, to string }

type command struct{ handled, verb, flow, result, err string }

// look reads the file, two times out of three as a new owner would, else a copy,
// so that the next child finds what the crash left.
func (c *campaign) look() (f file) {
	path := c.path
	if c.starts%3 == 0 {
		path = filepath.Join(c.t.TempDir(), "copy.db")
		harness.CopyDatabase(c.t, c.path, path)
	}
	s, err := store.Open(c.t.Context(), path, store.Options{Shared: c.shared, Owner: store.Self(time.Now())})
	require.NoError(c.t, err)
	violations, err := s.Verify(c.t.Context())
	require.NoError(c.t, err)
	require.Empty(c.t, violations, "after start %d", c.starts)
	require.NoError(c.t, harness.CheckAttempts(path, s.Reader), "after start %d", c.starts)
	f.Snapshot, err = s.Load(c.t.Context())
	require.NoError(c.t, err)
	f.states = map[string]core.State{}
	for _, state := range f.Flows {
		f.states[state.ID] = *state
	}
	runs, err := s.Runs(c.t.Context(), pawl.RunsQuery{Limit: 1 << 30})
	require.NoError(c.t, err)
	f.runs = map[string]pawl.RunInfo{}
	for _, run := range runs {
		f.runs[harness.RunName(run.FlowID, run.Number)] = run
	}
	f.readLogs(c.t, path)
	require.NoError(c.t, s.Close())
	return f
}

// readLogs reads through the views what there is no call for.
func (f *file) readLogs(t *testing.T, path string) {
	db, err := sql.Open("sqlite", path)
	require.NoError(t, err)
	const transitions = `SELECT flow_id || '/' || version, event, at, concat_ws(' ', to_status, 'runs', run_count, 'in flight', in_flight,
    'streak', failure_streak, 'last', last_run, 'eligible', next_eligible, 'next', next_run) FROM pawl_transitions`
	f.steps = map[string]step{}
	eachRow(t, db, transitions, func(scan func(...any) error) error {
		var key string
		var s step
		err := scan(&key, &s.event, &s.at, &s.to)
		f.steps[key] = s
		return err
	})
	const commands = `SELECT id, COALESCE(handled_at, ''), command, flow_id, COALESCE(result, ''), COALESCE(error, '') FROM pawl_commands`
	f.commands = map[int64]command{}
	eachRow(t, db, commands, func(scan func(...any) error) error {
		var id int64
		var c command
		err := scan(&id, &c.handled, &c.verb, &c.flow, &c.result, &c.err)
		f.commands[id] = c
		return err
	})
	eachRow(t, db, `SELECT count(*) FROM pawl_runners`, func(scan func(...any) error) error { return scan(&f.owners) })
	require.NoError(t, db.Close())
}

// asked is what commands ask for, without who does.
func asked(commands []engine.Command) (list []string) {
	for _, c := range commands {
		list = append(list, fmt.Sprint(c.ID, c.Verb, c.Flow, c.Args))
	}
	return list
}

func eachRow(t *testing.T, db *sql.DB, query string, row func(scan func(...any) error) error) {
	rows, err := db.QueryContext(t.Context(), query)
	require.NoError(t, err)
	for rows.Next() {
		require.NoError(t, row(rows.Scan))
	}
	require.NoError(t, rows.Err())
}

// stepOf is a transition as the log must have it.
func stepOf(c core.Change) step {
	words := []any{c.Status, "runs", c.RunCount, "in flight", c.InFlight, "streak", c.FailureStreak}
	for _, at := range []struct {
		name string
		time.Time
	}{{"last", c.LastRun}, {"eligible", c.NextEligible}, {"next", c.NextRun}} {
		words = append(words, at.name)
		if !at.IsZero() {
			words = append(words, at.Format(stampLayout))
		}
	}
	return step{event: c.Event, at: c.UpdatedAt.Format(stampLayout), to: strings.TrimSpace(fmt.Sprintln(words...))}
}

const stampLayout = "2006-01-02T15:04:05.000Z"

// check holds the file as the last start left it against what it was before and
// what was said since.
func (c *campaign) check() {
	before := c.file
	c.file = c.look()
	require.Equal(c.t, c.file.Generation, c.file.owners)
	switch c.file.Generation - before.Generation {
	case 0: // it did not come to its first commit
		require.Equal(c.t, before.states, c.file.states)
		require.Len(c.t, c.file.runs, len(before.runs))
		require.Equal(c.t, asked(before.Waiting), asked(c.file.Waiting))
	case 1:
		c.checkRecovery(before)
	default:
		require.Fail(c.t, "one start counts once")
	}
	c.checkCommands(before)
	resets := map[string]int{}
	for _, l := range c.lines {
		c.checkLine(l, before, resets)
	}
}

// log says what the file has gone through.
func (c *campaign) log() {
	ends := map[pawl.RunStatus]int{}
	for _, run := range c.file.runs {
		ends[run.Status]++
	}
	c.t.Logf("%d starts, %d of them committed, %d transitions, runs %v, %d commands",
		c.starts, c.file.owners, len(c.file.steps), ends, len(c.file.commands))
}

// checkRecovery is scheduler D2, scheduler T7: the start settled what was in flight and answered what
// waited, all of it in one transaction.
func (c *campaign) checkRecovery(before file) {
	for id, s := range before.states {
		for _, event := range c.settling(before, id) {
			got := c.file.steps[harness.RunName(id, s.Version+1)]
			at, err := time.Parse(stampLayout, got.at)
			require.NoError(c.t, err)
			change, err := core.Apply(s, event, at, c.plan(id))
			require.NoError(c.t, err)
			require.Equal(c.t, stepOf(change), got, harness.RunName(id, s.Version+1))
			if change.RunNumber != 0 {
				c.checkSettled(change.Runs[0])
			}
			s = *change.State
		}
	}
	for _, waited := range before.Waiting {
		require.NotEmpty(c.t, c.file.commands[waited.ID].handled, "command %d", waited.ID)
	}
}

// checkSettled compares a run that a start has settled with what is due to it; one that
// is tried again may have gone on since.
func (c *campaign) checkSettled(due core.Run) {
	run, exists := c.file.runs[harness.RunName(due.FlowID, due.Number)]
	require.True(c.t, exists)
	if due.Status == pawl.RunWaiting {
		require.GreaterOrEqual(c.t, run.Attempt, due.Attempt)
		return
	}
	require.Equal(c.t, due.Status, run.Status, harness.RunName(due.FlowID, due.Number))
	require.Contains(c.t, run.Error, "interrupted: ")
	require.Zero(c.t, run.FinishedAt)
}

// settling is what is due to a flow at a start: its runs whose process died are interrupted,
// and suspects are cleared if others were in flight. found Q1, found Q3, found A12.
func (c *campaign) settling(before file, id string) (events []core.Event) {
	s, counted := before.states[id], false // one crash is one failure of a flow
	drained := !before.Previous.StoppingAt.IsZero()
	all, suspects := c.units(before)
	marked := int(s.Suspects)
	for _, run := range s.Open {
		if run.Suspect {
			marked--
		}
	}
	if !drained && suspects > 0 && c.plan(id).Schedule != nil && (marked > 0 || s.Suspect && s.InFlight == 0) {
		events = append(events, core.Clear{})
	}
	newest := slices.SortedStableFunc(slices.Values(s.Open), func(a, b *core.Run) int { return int(b.Order - a.Order) })
	for _, run := range newest { // found B7: of a flow that which began last counts
		suspect := s.Suspect || run.Suspect
		if c.plan(id).Retry == nil {
			suspect = s.Suspect || s.Suspects > 0
		}
		e := core.Interrupt{Run: run.Number, Spared: drained, Suspect: suspect, Repeated: counted}
		if !drained {
			e.Spared, e.Suspect, e.Why = blame(suspect, all, suspects)
		}
		text := c.file.runs[harness.RunName(id, run.Number)].Error
		e.Error, _, _ = strings.Cut(strings.TrimPrefix(text, "cancelled, and "), "; ") // the core adds whom it blames
		counted = counted || c.plan(id).Retry == nil && !run.Ending && run.Trigger != core.TriggerBackfill
		events = append(events, e)
	}
	return events
}

// blame is what a crash makes of one of all that was in flight, of which some were suspects.
func blame(suspect bool, all, suspects int) (spared, remains bool, why string) {
	switch {
	case all == 1:
		return false, suspect, ""
	case suspects == 0:
		return true, true, fmt.Sprintf("suspect: one of %d that were in flight", all)
	case suspects == 1 && suspect:
		return false, true, fmt.Sprintf("it was the only suspect of %d that were in flight", all)
	case suspects == 1:
		return true, false, fmt.Sprintf("not blamed: another was the only suspect of %d that were in flight", all)
	case suspect:
		return true, true, fmt.Sprintf("suspect: one of %d suspects that were in flight", suspects)
	}
	return true, false, fmt.Sprintf("not blamed: %d suspects were in flight", suspects)
}

// units counts what was in flight, a flow whose runs do not go on as one, and the suspects
// among it.
func (c *campaign) units(before file) (all, suspects int) {
	for id, s := range before.states {
		if c.plan(id).Retry == nil {
			if s.InFlight > 0 {
				all++
				if s.Suspect || s.Suspects > 0 {
					suspects++
				}
			}
			continue
		}
		for _, run := range s.Open {
			all++
			if s.Suspect || run.Suspect {
				suspects++
			}
		}
	}
	return all, suspects
}

// inFlight counts the flows with a run in flight, and the suspects among them.
func (f file) inFlight() (flows, suspects int) {
	for _, s := range f.states {
		if s.InFlight > 0 {
			flows++
			if s.Suspect {
				suspects++
			}
		}
	}
	return flows, suspects
}

// registers says whether the program registers a flow as the file has it.
func (c *campaign) registers(s core.State) bool {
	schedule := c.plan(s.ID).Schedule
	return s.Registered && schedule != nil && schedule.Kind() == s.Kind && schedule.String() == s.Schedule
}

func (c *campaign) plan(id string) core.Plan {
	for i, f := range c.flows {
		if f.ID == id {
			p := core.Plan{Keep: core.DefaultRetention, Schedule: f.schedule(), Backoff: f.Backoff, Position: i, Database: c.file.Database,
				Overlap: f.Overlap, CatchUp: f.CatchUp, StopCancels: f.Cancels}
			if f.Retries > 0 {
				p.Retry = &core.Retry{Max: f.Retries, Delay: retry}
			}
			return p
		}
	}
	return core.Plan{}
}

// checkCommands compares the inbox with what its commands brought about.
func (c *campaign) checkCommands(before file) {
	claimed := map[string]int64{}
	for id, command := range before.commands {
		require.Contains(c.t, c.file.commands, id)
		if command.handled != "" {
			require.Equal(c.t, command, c.file.commands[id], "answered once")
		}
	}
	for id, command := range c.file.commands {
		require.Equal(c.t, command.handled != "", command.result != "" || command.err != "", "command %d: %+v", id, command)
		switch {
		case command.result == "":
		case command.verb == "trigger":
			key := command.flow + "/" + command.result
			run, ok := c.file.runs[key]
			require.True(c.t, ok, "command %d is answered with %s, which does not exist", id, key)
			require.Equal(c.t, core.TriggerManual, run.Trigger)
			require.Equal(c.t, command.handled, run.ScheduledAt.Format(stampLayout), "it may have started later, or again")
			require.NotContains(c.t, claimed, key)
			claimed[key] = id
		default:
			require.True(c.t, c.reset(command.flow, command.handled), "command %d is done, but nothing was reset", id)
		}
	}
	for key := range c.file.runs {
		if strings.HasPrefix(key, inboxOnly+"/") {
			require.Contains(c.t, claimed, key, "no command is answered with it")
		}
	}
}

// inboxOnly is a flow that nobody triggers but through the inbox.
const inboxOnly = "manual-inbox"

// reset says whether a flow was reset at an instant.
func (c *campaign) reset(flow, at string) bool {
	for key, s := range c.file.steps {
		if s.event == "reset" && s.at == at && strings.HasPrefix(key, flow+"/") {
			return true
		}
	}
	return false
}

// checkLine is scheduler D1, faults I1: what was said is in the file.
func (c *campaign) checkLine(l line, before file, resets map[string]int) {
	run, exists := c.file.runs[harness.RunName(l.Flow, l.Run)]
	switch l.What {
	case "start":
		c.checkStart(l, before)
	case "commit":
		require.LessOrEqual(c.t, l.Seq, c.file.Seq)
	case "job":
		require.True(c.t, exists, "%+v", l)
		attempt := fmt.Sprintf("%s attempt %d restart %d", harness.RunName(l.Flow, l.Run), l.Attempt, l.Again)
		require.False(c.t, c.ran[attempt], "ran twice: %+v", l)
		c.ran[attempt] = true
	case "reserved":
		require.True(c.t, exists, "%+v", l)
		require.Equal(c.t, core.TriggerManual, run.Trigger)
	case "over":
		require.Equal(c.t, *l.Info, run)
	case "reset":
		resets[l.Flow]++
		require.GreaterOrEqual(c.t, c.resetsSince(l.Flow, before), resets[l.Flow])
	case "posted":
		require.Contains(c.t, c.file.commands, l.Run)
	case "accepted":
		for n := range l.Count {
			require.Contains(c.t, c.file.runs, harness.RunName(l.Flow, l.Run+n))
		}
	case "cancelled":
		require.True(c.t, c.cancelled(l.Flow, l.Run), "%+v: %+v", l, run)
	case "did":
		require.Contains(c.t, c.eventsSince(l.Flow, before), l.Event)
	case "ready", "unknown":
	default:
		require.Fail(c.t, "not a line of ours", "%+v", l)
	}
	if l.Version > 0 {
		require.Contains(c.t, c.file.steps, harness.RunName(l.Flow, l.Version), "Status showed it")
	}
}

// cancelled says whether a run that was to be cancelled is, or is about to be.
func (c *campaign) cancelled(flow string, number int64) bool {
	run := c.file.runs[harness.RunName(flow, number)]
	ending := func(r *core.Run) bool { return r.Number == number && r.Ending }
	return run.Status == pawl.RunCancelled || slices.ContainsFunc(c.file.states[flow].Open, ending)
}

// eventsSince are the transitions of a flow since another look at the file.
func (c *campaign) eventsSince(flow string, before file) (events []string) {
	for v := before.states[flow].Version + 1; v <= c.file.states[flow].Version; v++ {
		events = append(events, c.file.steps[harness.RunName(flow, v)].event)
	}
	return events
}

func (c *campaign) resetsSince(flow string, before file) (n int) {
	for v := before.states[flow].Version + 1; v <= c.file.states[flow].Version; v++ {
		if c.file.steps[harness.RunName(flow, v)].event == "reset" {
			n++
		}
	}
	return n
}

// written is what a line tells of a state.
func (c *campaign) written(s core.State) (told core.State) {
	text, err := json.Marshal(s)
	require.NoError(c.t, err)
	require.NoError(c.t, json.Unmarshal(text, &told))
	return told
}

// checkStart compares the states right after the first commit of a start with
// what the core makes of those before, and by hand with what scheduler T7 says of them.
func (c *campaign) checkStart(l line, before file) {
	want := c.settled(before, l.At)
	require.Len(c.t, l.States, len(want))
	for _, got := range l.States {
		due, got := c.written(want[got.ID]), c.written(got) // runs that wait are in memory alone; one may have gone on since
		due.LastSeq = got.LastSeq                           // in whichever order the flows had their turn
		require.Equal(c.t, due, got)
		was, known := before.states[got.ID]
		waited := slices.ContainsFunc(before.Waiting, func(w engine.Command) bool { return w.Flow == got.ID })
		switch {
		case !known, waited, !c.registers(was):
		case was.Info().PauseOver(l.At):
			require.Zero(c.t, got.PausedAt)
			require.Greater(c.t, got.Version, was.Version)
		case was.InFlight == 0 && len(c.settling(before, got.ID)) > 0:
			require.False(c.t, got.Suspect, "the process crashed without it")
		case was.InFlight == 0:
			require.Equal(c.t, was, got)
		default:
			if got.Waiting > was.Waiting || was.Open[0].Ending {
				continue // it is tried again, or was cancelled
			}
			all, suspects := c.units(before)
			c.checkInterrupted(was, got, !before.Previous.StoppingAt.IsZero(), all, suspects)
		}
	}
}

func (c *campaign) checkInterrupted(was, got core.State, drained bool, all, suspects int) {
	suspect := was.Suspect || was.Suspects > 0
	spared, remains := drained, suspect
	if !drained {
		spared, remains, _ = blame(suspect, all, suspects)
	}
	if c.plan(got.ID).Retry == nil {
		require.Equal(c.t, remains, got.Suspect, "%d in flight, %d suspects", all, suspects)
	}
	require.Zero(c.t, got.InFlight)
	require.Equal(c.t, was.RunCount, got.RunCount)
	require.Equal(c.t, was.LastNumber, got.LastNumber)
	require.Equal(c.t, was.LastRun, got.LastRun)
	if was.Open[0].Trigger == core.TriggerBackfill { // it says nothing about the flow of today
		require.Equal(c.t, was.LastError, got.LastError)
		require.Equal(c.t, was.FailureStreak, got.FailureStreak)
		return
	}
	require.True(c.t, strings.HasPrefix(got.LastError, "interrupted: "), got.LastError)
	policy := c.plan(got.ID).Backoff
	switch {
	case spared:
		require.Equal(c.t, was.FailureStreak, got.FailureStreak)
		require.Equal(c.t, was.NextEligible, got.NextEligible)
	case policy == nil:
		require.Equal(c.t, pawl.StatusFailed, got.Status)
		require.Zero(c.t, got.FailureStreak)
	case policy.Trips(was.FailureStreak + 1):
		require.Equal(c.t, pawl.StatusTripped, got.Status)
		require.Equal(c.t, was.FailureStreak+1, got.FailureStreak)
		require.Zero(c.t, got.NextEligible)
		require.Zero(c.t, got.NextRun)
	default:
		require.Equal(c.t, pawl.StatusBackoff, got.Status)
		require.Equal(c.t, was.FailureStreak+1, got.FailureStreak)
		require.True(c.t, got.NextEligible.After(got.UpdatedAt))
	}
}

// settled is what the core makes of the states before a start at an instant.
func (c *campaign) settled(before file, at time.Time) map[string]core.State {
	states, keys := maps.Clone(before.states), before.Counters
	apply := func(id string, e core.Event) error {
		change, err := core.Apply(states[id], e, at, c.plan(id))
		if err == nil {
			states[id] = *change.State
		}
		return err
	}
	for id, s := range before.states {
		for _, event := range c.settling(before, id) {
			require.NoError(c.t, apply(id, event))
		}
		if s.Registered && c.plan(id).Schedule == nil {
			require.NoError(c.t, apply(id, core.Retire{}))
		}
	}
	for _, f := range c.flows {
		if _, known := states[f.ID]; !known {
			keys.Flow++
			states[f.ID] = core.NewState(f.ID, keys.Flow)
		}
		if !c.registers(states[f.ID]) {
			require.NoError(c.t, apply(f.ID, core.Adopt{}))
		}
		if s := states[f.ID]; s.Info().PauseOver(at) {
			require.NoError(c.t, apply(f.ID, core.Resume{Expired: true}))
		}
	}
	for _, command := range before.Waiting {
		if command.Verb == "reset" {
			_ = apply(command.Flow, core.Reset{}) // a refusal changes nothing
		} else if apply(command.Flow, core.Reserve{Trigger: core.TriggerManual, Key: keys.Run + 1}) == nil {
			keys.Run++
		}
	}
	return states
}

// howMany kills at random moments there are. A child takes many times longer
// with the race detector, so there are fewer then.
func howMany(t *testing.T) int64 {
	if os.Getenv("PAWL_TORTURE") != "" {
		return setting(t, "PAWL_KILLS", 10_000)
	}
	info, _ := debug.ReadBuildInfo()
	if info != nil && slices.Contains(info.Settings, debug.BuildSetting{Key: "-race", Value: "true"}) {
		return setting(t, "PAWL_KILLS", 50)
	}
	return setting(t, "PAWL_KILLS", 500)
}

// setting is a number from whoever runs the tests.
func setting(t *testing.T, name string, standard int64) int64 {
	text := os.Getenv(name)
	if text == "" {
		return standard
	}
	n, err := strconv.ParseInt(text, 10, 64)
	require.NoError(t, err, name)
	return n
}
