package store

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/pawl-go/pawl/internal/faultvfs"
)

// childEnv makes the test binary the child that is killed: its folder, the seed of
// its workload, and the operation on the disk before which it dies.
const childEnv = "PAWL_STORE_CHILD"

// TestMain runs a child if it is told to be one.
func TestMain(m *testing.M) {
	if spec, ok := os.LookupEnv(childEnv); ok {
		if err := childMain(spec); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// A process that is killed before any of its operations on the disk, from the first
// that makes the file to the last of Close, loses nothing that it has acknowledged.
// The first start that is killed is made up for by the next. PAWL_SEED repeats the
// workload of a failure.
//
// "kill -9 anywhere, at every storage operation": faults I1, faults I2, faults I4, faults I7.
func TestKilledBeforeAnyOperationOnTheDiskLosesNothing(t *testing.T) {
	t.Parallel()
	seed := setting(t, "PAWL_SEED", time.Now().UnixNano())
	w := newKilled(t, seed)
	every := 10 / sized(10, 10)
	for n, killed := 1, true; killed; n += every {
		folder := scratch(t)
		var acknowledged int
		killed, acknowledged = w.child(t, folder, n)
		require.NoError(t, w.check(t.Context(), folder, acknowledged), "PAWL_SEED=%d, killed before operation %d", seed, n)
	}
}

// killed is a workload that a child carries out.
type killed struct {
	*workload
	seed int64
}

const killedCommits = 4

func newKilled(t *testing.T, seed int64) killed {
	return killed{newWorkload(t, uint64(seed), killedCommits, killedCommits), seed}
}

// child runs the workload in a process of its own that dies before an operation,
// and returns how many steps that acknowledged before.
func (k killed) child(t *testing.T, folder string, operation int) (killed bool, acknowledged int) {
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), fmt.Sprintf("%s=%d %d %s", childEnv, k.seed, operation, folder))
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	for lines := bufio.NewScanner(out); lines.Scan(); {
		acknowledged, err = strconv.Atoi(lines.Text())
		require.NoError(t, err)
	}
	err = cmd.Wait()
	if err == nil {
		require.Len(t, k.steps, acknowledged)
		return false, acknowledged
	}
	require.Equal(t, -1, cmd.ProcessState.ExitCode(), "it was killed, nothing else: %v", err)
	return true, acknowledged
}

func childMain(spec string) error {
	var seed int64
	var operation int
	var folder string
	if _, err := fmt.Sscanf(spec, "%d %d %s", &seed, &operation, &folder); err != nil {
		return err
	}
	steps, err := plan(uint64(seed), killedCommits, killedCommits)
	if err != nil {
		return err
	}
	storage := faultvfs.Watch(folder)
	storage.Fail = func(n int, op faultvfs.Op) faultvfs.Fault {
		if n == operation {
			die()
		}
		return withoutSync(n, op) // what a process has written outlives it
	}
	s, err := Open(context.Background(), filepath.Join(folder, "jobs.db"), Options{Owner: Self(epoch)})
	if err != nil {
		return err
	}
	for n, step := range steps {
		if err := step.do(context.Background(), s); err != nil {
			return err
		}
		fmt.Println(n + 1)
	}
	return s.Close()
}

// die is kill -9.
func die() {
	self, err := os.FindProcess(os.Getpid())
	if err == nil {
		err = self.Kill()
	}
	if err != nil {
		panic(err)
	}
	select {}
}
