//go:build unix

package torture_test

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/pawl-go/pawl"
	"github.com/pawl-go/pawl/engine"
	"github.com/pawl-go/pawl/engine/core"
	"github.com/pawl-go/pawl/internal/harness"
)

// prune makes more runs than are kept, until it is killed or all are made and what is
// too much was deleted.
func (w *world) prune() error {
	s := pawl.NewScheduler(w.Database, pawl.WithInboxPoll(0), pawl.WithRestoreGuard(),
		harness.WithStore(func(s engine.Store) engine.Store { return &axe{tap: tap{Store: s, world: w}} }))
	if err := s.Manual("work", harness.Job(harness.OK), pawl.WithRetention(3, 0)); err != nil {
		return err
	}
	r, err := s.Start(context.Background())
	if err != nil {
		return err
	}
	for i := range 300 {
		run, err := r.Trigger(context.Background(), "work")
		if err != nil {
			return err
		}
		if _, err := r.WaitRun(context.Background(), "work", run); err != nil {
			return err
		}
		if i%70 == 69 {
			time.Sleep(20 * time.Millisecond) // there is time to delete
		}
	}
	return r.Stop(context.Background())
}

// axe is a tap that kills at calls that delete.
type axe struct {
	tap
	prunes int
}

func (a *axe) Prune(ctx context.Context, cuts []core.Cut, rows int) ([]core.Pruned, error) {
	a.prunes++
	a.strike("before")
	a.strike("during")
	results, err := a.Store.Prune(ctx, cuts, rows)
	a.strike("after")
	return results, err
}

func (a *axe) strike(where string) {
	order := strings.Fields(a.world.Kill)
	if len(order) < 2 || order[0] != where || order[1] != fmt.Sprint(a.prunes) {
		return
	}
	if len(order) == 2 {
		die()
	}
	delay, err := time.ParseDuration(order[2])
	if err != nil {
		panic(err)
	}
	time.AfterFunc(delay, die)
}

// time K1: a process that is killed while it deletes leaves a file that is sound, with all
// that has to be kept, and the next one goes on.
func TestKilledWhileItDeletesLeavesASoundFile(t *testing.T) {
	t.Parallel()
	db := filepath.Join(t.TempDir(), "jobs.db")
	for _, kill := range []string{"before 1", "after 1", "before 2", "after 2", "during 1 50µs", "during 1 300µs", "during 2 100µs",
		"during 2 600µs", "during 1 1ms", "during 2 2ms", ""} {
		text, err := json.Marshal(child{Database: db, Script: "prune", Kill: kill})
		require.NoError(t, err)
		cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^$")
		cmd.Env = append(os.Environ(), childEnv+"="+string(text))
		out, err := cmd.CombinedOutput()
		if kill == "" {
			require.NoError(t, err, string(out))
		} else {
			require.Error(t, err)
			require.True(t, cmd.ProcessState.Sys().(syscall.WaitStatus).Signaled(), "%s: %s", kill, out)
		}
		harness.Verify(t, db)
	}
	client, err := pawl.Open(db)
	require.NoError(t, err)
	defer client.Close()
	flows, err := client.List(t.Context())
	require.NoError(t, err)
	runs, err := client.Runs(t.Context(), pawl.RunsQuery{Flow: "work", Limit: 10_000})
	require.NoError(t, err)
	require.Less(t, len(runs), 3+2*64)
	require.Equal(t, flows[0].LastNumber, runs[0].Number)
}
