package main

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/pawl-go/pawl"
)

// An orphan is a process that a run left behind when the daemon was killed. It
// is known by the mark in its environment, not by a number that was stored.
type orphan struct {
	pid     int
	started uint64 // in ticks since boot: with pid, one process for ever
	group   int
	flow    string
	run     int64
}

// An orphanage is a pawl.Resource that deals with what commands of a killed daemon
// are still at work, and gives out the marks by which they are found. On other
// systems than Linux nothing is found.
type orphanage struct {
	database string // path
	flows    []*flow
	log      *slog.Logger

	id      string           // of the database, once set up
	mu      sync.Mutex       // guards waiting
	waiting map[string]int64 // flow -> newest run of which orphans are waited for
}

const markName = "PAWL_RUN="

// mark is the variable that commands of a run have in their environment, and
// whatever they start: PAWL_RUN=<database id>/<flow>/<number>.
func (o *orphanage) mark(run pawl.RunInfo) string {
	return fmt.Sprintf("%s%s/%s/%d", markName, o.id, run.FlowID, run.Number)
}

// parseMark takes the variable apart, if it is a mark of this database.
func parseMark(variable, id string) (flow string, run int64, ok bool) {
	rest, ok := strings.CutPrefix(variable, markName+id+"/")
	slash := strings.LastIndexByte(rest, '/')
	if !ok || slash < 0 {
		return "", 0, false
	}
	run, err := strconv.ParseInt(rest[slash+1:], 10, 64)
	return rest[:slash], run, err == nil
}

// Setup ends the orphans that are to be ended. It runs while we own the database
// and before any flow runs, so every marked process is of a daemon before us.
func (o *orphanage) Setup(ctx context.Context) error {
	client, err := pawl.Open(o.database)
	if err != nil {
		return err
	}
	defer client.Close()
	o.id = client.Database()
	o.waiting = map[string]int64{}
	if r, ok := displaced(o.id, o.database); ok {
		return r.refuse()
	}
	if err := sweepSpools(o.database); err != nil {
		return err
	}
	if len(rivals(o.id, o.database)) > 0 {
		o.log.Warn("another daemon drives a copy of this database: its commands are left alone, and so are orphans")
		return nil
	}
	var doomed []orphan
	for _, p := range marked(o.id) {
		if died, err := interrupted(ctx, client, p); err != nil {
			return err
		} else if !died {
			continue
		}
		policy := o.settings(p.flow).orphans
		o.log.Warn("a command outlived the daemon that ran it", "flow", p.flow, "run", p.run, "pid", p.pid, "orphans", policy)
		switch policy {
		case killOrphans:
			doomed = append(doomed, p)
		case awaitOrphans:
			o.waiting[p.flow] = max(o.waiting[p.flow], p.run)
		}
	}
	if err := o.end(ctx, doomed); err != nil {
		return err
	}
	if runtime.GOOS == "linux" && len(marked(o.id)) == 0 { // elsewhere nobody knows
		sweepInputs(o.id)
	}
	return nil
}

// Teardown clears away the folder of what ran.
func (o *orphanage) Teardown(context.Context) error {
	return sweepSpools(o.database)
}

// interrupted says whether the run that marked a process had no outcome: what a
// run that was over left behind, it left on purpose.
func interrupted(ctx context.Context, client *pawl.Client, p orphan) (bool, error) {
	run, found, err := markedRun(ctx, client, p)
	return found && (run.Status == pawl.RunInterrupted || !run.Status.Over()), err // one that waits was interrupted before
}

// markedRun is the run that marked a process, if it is kept.
func markedRun(ctx context.Context, client *pawl.Client, p orphan) (pawl.RunInfo, bool, error) {
	runs, err := client.Runs(ctx, pawl.RunsQuery{Flow: p.flow, Before: p.run + 1, Limit: 1})
	if err != nil || len(runs) == 0 || runs[0].Number != p.run {
		return pawl.RunInfo{}, false, err
	}
	return runs[0], true, nil
}

// settings are those of a flow, or the defaults if the config has it no more.
func (o *orphanage) settings(id string) settings {
	for _, f := range o.flows {
		if f.id == id {
			return f.settings
		}
	}
	return settings{orphans: killOrphans, grace: defaultGrace}
}

// end sends SIGTERM to the groups of orphans, and SIGKILL after the longest of
// their graces. Flows of those that withstand even that wait for them.
func (o *orphanage) end(ctx context.Context, doomed []orphan) error {
	var grace time.Duration
	newest := map[string]int64{}
	askOnce(doomed, orphan.terminate)
	for _, p := range doomed {
		grace = max(grace, o.settings(p.flow).grace)
		newest[p.flow] = max(newest[p.flow], p.run)
	}
	if gone, err := o.await(ctx, newest, grace, nil); gone || err != nil {
		return err
	}
	for _, p := range o.of(newest) {
		p.kill()
	}
	gone, err := o.await(ctx, newest, 2*time.Second, nil)
	if !gone {
		o.log.Error("a command cannot be killed; its flow waits for it", "runs", newest)
		maps.Copy(o.waiting, newest)
	}
	return err
}

// askOnce asks each group once, by one of its processes that is still there: a
// second SIGTERM would end what a trap has started to clean up.
func askOnce(doomed []orphan, terminate func(orphan) (sent bool)) {
	asked := map[int]bool{}
	for _, p := range doomed {
		asked[p.group] = asked[p.group] || terminate(p)
	}
}

// gone blocks while a flow waits for the end of its orphans, but not once dismissed
// is closed.
func (o *orphanage) gone(ctx context.Context, id string, dismissed <-chan struct{}) error {
	o.mu.Lock()
	run, waiting := o.waiting[id]
	o.mu.Unlock()
	if !waiting {
		return nil
	}
	if _, err := o.await(ctx, map[string]int64{id: run}, time.Duration(1<<62), dismissed); err != nil {
		return fmt.Errorf("waiting for what run %d left behind: %w", run, err)
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	delete(o.waiting, id)
	return nil
}

// await waits until no process has the mark of these runs, or of earlier ones,
// but not for longer than limit. It looks for marks anew each time, so a child
// born meanwhile counts too.
func (o *orphanage) await(ctx context.Context, runs map[string]int64, limit time.Duration, dismissed <-chan struct{}) (gone bool, err error) {
	deadline := time.Now().Add(limit)
	for len(o.of(runs)) > 0 {
		if time.Now().After(deadline) {
			return false, nil
		}
		select {
		case <-ctx.Done():
			return false, context.Cause(ctx)
		case <-dismissed:
			return false, errDismissed
		case <-time.After(50 * time.Millisecond):
		}
	}
	return true, nil
}

// of finds the processes of these runs, by flow, and of earlier ones.
func (o *orphanage) of(runs map[string]int64) []orphan {
	if len(runs) == 0 {
		return nil
	}
	return slices.DeleteFunc(marked(o.id), func(p orphan) bool {
		newest, ok := runs[p.flow]
		return !ok || p.run > newest
	})
}
