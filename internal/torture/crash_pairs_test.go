package torture_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/pawl-go/pawl"
	"github.com/pawl-go/pawl/internal/harness"
	"github.com/pawl-go/pawl/pawltest"
	"github.com/pawl-go/pawl/workflow"
)

// A feature is one that a run may have, with the ways to have it.
type feature struct {
	name string
	ways []string
}

// A mix is one way of each feature, by the feature's name.
type mix map[string]string

func (m mix) on(name string) bool { return m[name] == "yes" }

var maybe = []string{"no", "yes"}

// runFeatures are the features of every run, whatever its job is.
var runFeatures = []feature{
	{"commits", []string{"rows", "rows and triggers", "nothing"}},
	{"asked by", []string{"trigger", "TriggerTx", "schedule", "backfill"}},
	{"overlap", []string{"skip", "allow", "cancel"}},
	{"ends", []string{"well", "fails", "cancelled"}},
	{"retry", maybe},
	{"timeout", maybe},
	{"backoff", maybe},
}

// stateFeatures are the features of a workflow run.
var stateFeatures = []feature{
	{"split", maybe}, {"timer", maybe}, {"poll", maybe}, {"steps", maybe}, {"undo", maybe}, {"retry of states", maybe}, {"limit of states", maybe},
}

// choice is a feature with one of its ways, by their places.
type choice struct{ feature, way int }

// cover returns mixes that have each way of each feature together with each way of every
// other one: a covering array, which begins each row with a pair that is missing still.
func cover(features []feature) (rows []mix) {
	var missing [][2]choice
	for f := range features {
		for g := range f {
			for v := range features[f].ways {
				for w := range features[g].ways {
					missing = append(missing, [2]choice{{g, w}, {f, v}})
				}
			}
		}
	}
	for len(missing) > 0 {
		row := map[int]int{missing[0][0].feature: missing[0][0].way, missing[0][1].feature: missing[0][1].way}
		has := func(c choice) bool { way, ok := row[c.feature]; return ok && way == c.way }
		for f := range features {
			if _, ok := row[f]; ok {
				continue
			}
			best, most := 0, -1
			for i := range features[f].ways {
				c, covers := choice{f, (i + len(rows)) % len(features[f].ways)}, 0
				for _, pair := range missing {
					if pair[0] == c && has(pair[1]) || pair[1] == c && has(pair[0]) {
						covers++
					}
				}
				if covers > most {
					best, most = c.way, covers
				}
			}
			row[f] = best
		}
		missing = slices.DeleteFunc(missing, func(pair [2]choice) bool { return has(pair[0]) && has(pair[1]) })
		m := mix{}
		for f, way := range row {
			m[features[f].name] = features[f].ways[way]
		}
		rows = append(rows, m)
	}
	return rows
}

func (m mix) String() string {
	var words []string
	for _, f := range slices.Concat(runFeatures, stateFeatures) {
		if way, ok := m[f.name]; ok {
			words = append(words, f.name+" "+way)
		}
	}
	return strings.Join(words, ", ")
}

// Every feature of a run together with every other, killed before and after each of its
// commits: each function that was given to Committing runs in exactly one commit, each
// trigger of it makes one run, what did not succeed leaves nothing.
// found A1, found Q14; time X4, workflow F7.
func TestEveryPairOfFeaturesKilledAtEveryCommit(t *testing.T) {
	plain, machine := cover(runFeatures), cover(slices.Concat(runFeatures, stateFeatures))
	t.Logf("%d mixes of plain jobs, %d of workflows", len(plain), len(machine))
	for i, m := range slices.Concat(plain, machine) {
		if testing.Short() && i%4 != 3 { // each takes seconds
			continue
		}
		t.Run(fmt.Sprint(i), func(t *testing.T) {
			t.Parallel()
			t.Log(m)
			killEverywhere(t, m)
		})
	}
}

func killEverywhere(t *testing.T, m mix) {
	file := filepath.Join(t.TempDir(), "app.db")
	harness.AppFile(t, file)
	text, err := os.ReadFile(file)
	require.NoError(t, err)
	synctest.Test(t, func(t *testing.T) {
		var b *mixed // of the process that lives
		setup := func(database string) *pawl.Scheduler {
			if _, err := os.Stat(database); err != nil {
				require.NoError(t, os.WriteFile(database, text, 0o600))
			}
			b = &mixed{t: t, mix: m, database: database, atEnd: make(chan struct{}, 1)}
			return b.scheduler()
		}
		drive := func(ctx context.Context, r *pawl.Runner) error { return b.drive(ctx, r) }
		pawltest.CrashEverywhere(t, setup, drive, func(t testing.TB, database string) { b.check(t) })
	})
}

// mixed is a program with a flow that has the features of a mix.
type mixed struct {
	t        *testing.T
	mix      mix
	database string
	runner   *pawl.Runner
	atEnd    chan struct{} // the job of a run that is to be cancelled has come to its end
}

func (b *mixed) isMachine() bool { return b.mix["split"] != "" }

func (b *mixed) scheduler() *pawl.Scheduler {
	do := pawl.Job(harness.Job(func(ctx context.Context) error {
		if err := b.commits(ctx, "z"); err != nil {
			return err
		}
		return b.end(ctx)
	}))
	if b.isMachine() {
		do = b.machine().Job("a")
	}
	s := harness.Quiet(b.database, pawl.WithSharedFile(), pawl.WithInboxPoll(time.Minute))
	var opts []pawl.FlowOption
	switch b.mix["overlap"] {
	case "allow":
		opts = append(opts, pawl.WithOverlap(pawl.OverlapAllow(2, 5)))
	case "cancel":
		opts = append(opts, pawl.WithOverlap(pawl.OverlapCancel))
	}
	if b.mix.on("retry") {
		opts = append(opts, pawl.WithRetry(9, harness.EveryMinute))
	}
	if b.mix.on("timeout") {
		opts = append(opts, pawl.WithTimeout(12*time.Hour))
	}
	if b.mix.on("backoff") {
		opts = append(opts, pawl.WithBackoff(pawl.TripAfter(5)))
	}
	switch b.mix["asked by"] {
	case "schedule":
		require.NoError(b.t, s.Cron("work", "0 0 * * *", do, opts...))
	case "backfill":
		require.NoError(b.t, s.Cron("work", "0 0 1 12 *", do, opts...))
	default:
		require.NoError(b.t, s.Manual("work", do, opts...))
	}
	require.NoError(b.t, s.Manual("next", harness.Job(harness.OK), pawl.WithOverlap(pawl.OverlapAllow(1, 100)), pawl.WithRetry(9, harness.EveryMinute)))
	return s
}

// machine is a workflow: a, b, a split of two, c, a timer, a poll, steps, z; those that
// the mix has. Each commits a row of its own.
func (b *mixed) machine() *workflow.Workflow[string] {
	path := []string{"a", "b"}
	for _, f := range []struct{ name, states string }{
		{"split", "split1 split2 c"}, {"timer", "timer"}, {"poll", "poll"}, {"steps", "steps"},
	} {
		if b.mix.on(f.name) {
			path = append(path, strings.Fields(f.states)...)
		}
	}
	path = append(path, "z", "end")
	w := workflow.New[string]()
	branch := func(context.Context, *workflow.Resources) error { return nil }
	failed := map[string]bool{} // by attempt and state: its task has failed once in this process
	for i, name := range path[:len(path)-1] {
		next := path[i+1]
		var opts []workflow.StateOption
		if b.mix.on("undo") && !strings.HasPrefix(name, "split") {
			opts = append(opts, workflow.WithUndo(func(context.Context, *workflow.Resources, any) error { return nil }))
		}
		if b.mix.on("retry of states") {
			opts = append(opts, workflow.WithRetry(2, workflow.Exponential()))
		}
		if b.mix.on("limit of states") {
			opts = append(opts, workflow.WithAttemptTimeout(time.Hour))
		}
		work := func(ctx context.Context, what string) error {
			run, _ := pawl.RunFrom(ctx)
			key := fmt.Sprint(run.Attempt, what)
			if b.mix.on("retry of states") && !failed[key] {
				failed[key] = true
				return errors.Join(b.commits(ctx, what+" of an attempt that failed"), errors.New("no luck"))
			}
			return b.commits(ctx, what)
		}
		switch name {
		case "split1", "split2":
			w.RegisterSplit(name, []workflow.Branch{branch, branch}, workflow.All(next))
		case "timer":
			w.Register(name, workflow.Timer(next, func(ctx context.Context, _ *workflow.Resources) (time.Time, error) {
				return time.Now().Add(time.Minute), work(ctx, name)
			}), opts...)
		case "poll":
			asked := 0
			w.Register(name, workflow.Poll(next, workflow.Exponential(), func(ctx context.Context, _ *workflow.Resources) (bool, error) {
				asked++
				return asked%3 == 0, work(ctx, name)
			}), opts...)
		case "steps":
			w.Register(name, workflow.Steps(next, func(ctx context.Context, _ *workflow.Resources, n int) (int, bool, error) {
				return n + 1, n == 2, work(ctx, fmt.Sprint("step ", n))
			}), opts...)
		case "z":
			w.Register(name, func(ctx context.Context, _ *workflow.Resources) (string, error) {
				if err := work(ctx, name); err != nil {
					return "", err
				}
				return next, b.end(ctx)
			}, opts...)
		default:
			w.Register(name, func(ctx context.Context, _ *workflow.Resources) (string, error) { return next, work(ctx, name) }, opts...)
		}
	}
	w.Exit("end")
	return w
}

// commits asks for a row, and a run of the other flow, in the next commit.
func (b *mixed) commits(ctx context.Context, what string) error {
	if b.mix["commits"] == "nothing" {
		return nil
	}
	run, _ := pawl.RunFrom(ctx)
	return pawl.Committing(ctx, func(ctx context.Context, tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, "INSERT INTO effects (flow, run, attempt, input) VALUES ('work', ?, ?, ?)", run.Number, run.Attempt, what)
		if b.mix["commits"] == "rows and triggers" && err == nil {
			_, err = b.runner.TriggerTx(ctx, tx, "next", pawl.WithInput(fmt.Sprint(run.Attempt, " ", what)))
		}
		return err
	})
}

// end is how the last of a job ends.
func (b *mixed) end(ctx context.Context) error {
	switch b.mix["ends"] {
	case "fails":
		return pawl.Permanent(errors.New("no luck at the end"))
	case "cancelled":
		select {
		case b.atEnd <- struct{}{}:
		default:
		}
		<-ctx.Done()
		return ctx.Err()
	}
	return nil
}

// drive asks for a run, unless an earlier process has, and waits until all is over.
func (b *mixed) drive(ctx context.Context, r *pawl.Runner) error {
	b.runner = r
	if err := b.ask(ctx, r); err != nil {
		return err
	}
	for quiet := 0; quiet < 2; { // a row of the inbox may be on its way
		select {
		case <-b.atEnd:
			if err := r.Cancel(ctx, "work", 1); err != nil {
				return err
			}
		case <-time.After(10 * time.Second):
		case <-ctx.Done():
			return ctx.Err()
		}
		quiet++
		for _, f := range r.List() {
			if f.InFlight+f.Waiting+f.Backfill+f.Parked > 0 || f.ID == "work" && f.LastNumber == 0 {
				quiet = 0
			}
		}
	}
	return nil
}

// ask asks for a run; a scheduled run comes by itself.
func (b *mixed) ask(ctx context.Context, r *pawl.Runner) error {
	var err error
	switch b.mix["asked by"] {
	case "trigger":
		_, err = r.Trigger(ctx, "work", pawl.WithKey("one"))
	case "TriggerTx":
		var db *sql.DB
		if db, err = sql.Open("sqlite", b.database+"?_busy_timeout=5000&_txlock=immediate"); err != nil {
			return err
		}
		defer db.Close()
		tx, begin := db.BeginTx(ctx, nil)
		if begin != nil {
			return begin
		}
		if _, err = r.TriggerTx(ctx, tx, "work", pawl.WithKey("one")); err == nil {
			err = tx.Commit()
		}
	case "backfill":
		if info, _ := r.Status("work"); info.LastNumber > 0 { // an instant whose run was cancelled would get another one
			return nil
		}
		december := time.Date(1999, 12, 1, 0, 0, 0, 0, time.UTC)
		_, err = r.Backfill(ctx, "work", pawl.Backfill{From: december, To: december})
	}
	return err
}

// check holds the rows of the jobs, and the runs that they asked for, against what became
// of the run.
func (b *mixed) check(t testing.TB) {
	db, err := sql.Open("sqlite", b.database)
	require.NoError(t, err)
	defer db.Close()
	list := func(query string) (list []string) {
		rows, err := db.QueryContext(t.Context(), query)
		require.NoError(t, err)
		defer rows.Close()
		for rows.Next() {
			var text string
			require.NoError(t, rows.Scan(&text))
			list = append(list, text)
		}
		require.NoError(t, rows.Err())
		return list
	}
	runs := list("SELECT status || ' ' || attempt FROM pawl_runs WHERE flow_id = 'work'")
	require.Len(t, runs, 1)
	status, attempt, _ := strings.Cut(runs[0], " ")
	end := map[string]string{"well": "completed", "fails": "failed", "cancelled": "cancelled"}[b.mix["ends"]]
	if b.isMachine() {
		assert.Equal(t, end+" 1", runs[0])
	} else {
		assert.Contains(t, []string{end, "interrupted"}, status)
		assert.True(t, status == end || !b.mix.on("retry"), runs[0])
	}
	want := []string{}
	for _, what := range b.path(status) {
		if b.mix["commits"] != "nothing" {
			want = append(want, attempt+" "+what)
		}
	}
	assert.Equal(t, want, append([]string{}, list("SELECT attempt || ' ' || input FROM effects ORDER BY rowid")...))
	if b.mix["commits"] != "rows and triggers" {
		want = []string{}
	}
	for i, input := range want {
		want[i] = `completed "` + input + `"`
	}
	assert.Equal(t, want, append([]string{}, list("SELECT status || ' ' || input FROM pawl_runs WHERE flow_id = 'next' ORDER BY number")...))
}

// path is what a run with this status has committed, in order.
func (b *mixed) path(status string) (path []string) {
	if b.isMachine() {
		path = append(path, "a", "b")
		for _, f := range []struct{ name, commits string }{{"split", "c"}, {"timer", "timer"}, {"poll", "poll"}, {"steps", "step 0,step 1,step 2"}} {
			if b.mix.on(f.name) {
				path = append(path, strings.Split(f.commits, ",")...)
			}
		}
	}
	if status == "completed" {
		path = append(path, "z")
	}
	return path
}
