package main

import (
	"context"
	"crypto/rand"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/pawl-go/pawl"
)

func TestMarkedProcessesAreFoundAndEndedWithTheirGroup(t *testing.T) {
	t.Parallel()
	line := newLine(t)
	o := newOrphanage(t)
	// The shell ends, as a killed daemon's command may; what it leaves behind is found.
	leave(t, o.mark(pawl.RunInfo{FlowID: "a/b", Number: 7}), "(exec > "+line.path+"; echo ready; exec sleep 1000) &")
	line.waitFor(t, "ready\n")

	found := marked(o.id)
	require.Len(t, found, 1)
	assert.Equal(t, "a/b", found[0].flow)
	assert.Equal(t, int64(7), found[0].run)
	assert.Empty(t, marked("another-database"))

	require.NoError(t, o.end(t.Context(), found))
	line.waitForEnd(t)
	assert.Empty(t, marked(o.id))
}

func TestOrphanThatIgnoresSIGTERMIsKilled(t *testing.T) {
	t.Parallel()
	line := newLine(t)
	o := newOrphanage(t)
	o.flows = []*flow{{id: "a", settings: settings{grace: time.Millisecond}}}
	leave(t, o.mark(pawl.RunInfo{FlowID: "a", Number: 1}), "trap '' TERM; (exec > "+line.path+"; echo ready; sleep 1000) &")
	line.waitFor(t, "ready\n")
	require.NoError(t, o.end(t.Context(), marked(o.id)))
	line.waitForEnd(t)
}

// What an orphan has started to clean up is not ended by a second SIGTERM to the
// group, but a group whose first process is gone is asked through another.
func TestGroupOfOrphansIsAskedOnce(t *testing.T) {
	var asked []int
	askOnce([]orphan{{pid: 1, group: 1}, {pid: 2, group: 1}, {pid: 3, group: 1}, {pid: 4, group: 4}}, func(p orphan) bool {
		asked = append(asked, p.pid)
		return p.pid != 1
	})
	assert.Equal(t, []int{1, 2, 4}, asked)
}

func TestProcessOfAnotherStartTimeIsNotSignalled(t *testing.T) {
	t.Parallel()
	line := newLine(t)
	o := newOrphanage(t)
	leave(t, o.mark(pawl.RunInfo{FlowID: "a", Number: 1}), "(exec > "+line.path+"; echo ready; exec sleep 1000) &")
	line.waitFor(t, "ready\n")
	found := marked(o.id)
	require.Len(t, found, 1)
	stranger := found[0]
	stranger.started++
	stranger.kill()
	assert.Equal(t, found, marked(o.id), "a number that was given to another process is left alone")
	found[0].kill()
	line.waitForEnd(t)
}

// The mark may be that of a process which ended while it was read, and whose number
// was given to another.
func TestMarkOfAProcessThatEndedIsNotTakenForAnothers(t *testing.T) {
	t.Parallel()
	line := newLine(t)
	o := newOrphanage(t)
	leave(t, o.mark(pawl.RunInfo{FlowID: "a", Number: 1}), "(exec > "+line.path+"; echo ready; exec sleep 1000) &")
	line.waitFor(t, "ready\n")
	found := marked(o.id)
	require.Len(t, found, 1)
	defer found[0].kill()
	looks := uint64(0)
	look := func(pid int) (stat, error) {
		s, err := readStat(pid)
		looks++
		s.started += looks
		return s, err
	}
	_, ok := inspect(found[0].pid, o.id, look)
	assert.False(t, ok)
	_, ok = inspect(found[0].pid, o.id, readStat)
	assert.True(t, ok)
}

func TestOurOwnProcessGroupIsNoOrphan(t *testing.T) {
	t.Parallel()
	o := newOrphanage(t)
	cmd := exec.Command("sh", "-c", "read line") // in our group
	cmd.Env = append(os.Environ(), o.mark(pawl.RunInfo{FlowID: "a", Number: 1}))
	stdin, err := cmd.StdinPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	assert.Empty(t, marked(o.id))
	require.NoError(t, stdin.Close())
	_ = cmd.Wait()
}

func TestFlowWaitsForItsOrphans(t *testing.T) {
	t.Parallel()
	line := newLine(t)
	o := newOrphanage(t)
	leave(t, o.mark(pawl.RunInfo{FlowID: "a", Number: 3}), "(exec > "+line.path+"; echo ready; exec sleep 1000) &")
	line.waitFor(t, "ready\n")
	o.waiting["a"] = 3

	require.NoError(t, o.gone(t.Context(), "b", nil), "another flow does not wait")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	assert.ErrorIs(t, o.gone(ctx, "a", nil), context.Canceled)

	dismissed := make(chan struct{})
	close(dismissed)
	assert.ErrorIs(t, o.gone(t.Context(), "a", dismissed), errDismissed)

	waited := make(chan error)
	go func() { waited <- o.gone(t.Context(), "a", nil) }()
	for _, p := range marked(o.id) {
		p.kill()
	}
	assert.NoError(t, <-waited)
	assert.Empty(t, o.waiting)
}

func TestSetupDealsWithOrphansAsTheirFlowsSay(t *testing.T) {
	t.Parallel()
	database := filepath.Join(t.TempDir(), "pawl.db")
	o := newOrphanage(t)
	o.database = database
	o.flows = []*flow{
		{id: "doomed", kind: "manual", settings: settings{orphans: killOrphans, grace: time.Second}},
		{id: "awaited", kind: "manual", settings: settings{orphans: awaitOrphans}},
		{id: "left", kind: "manual", settings: settings{orphans: leaveOrphans}},
		{id: "done", kind: "manual", settings: settings{orphans: killOrphans}},
	}
	runOnce(t, o, "done") // its run is over: what it left behind, it left on purpose
	lines := map[string]*pipeline{}
	for _, f := range o.flows {
		lines[f.id] = newLine(t)
	}

	// A daemon dies while three flows run: here it is only set up again while
	// their runs are open, which is all that Setup sees.
	s := pawl.NewScheduler(database, pawl.WithLogger(o.log), pawl.WithStopTimeout(0))
	release := make(chan struct{})
	for _, f := range o.flows {
		require.NoError(t, f.register(s, pawl.JobFunc(func(context.Context) error { <-release; return nil })))
	}
	r, err := s.Start(t.Context())
	require.NoError(t, err)
	defer func() {
		close(release)
		_ = r.Stop(context.Background())
	}()
	require.NoError(t, o.Setup(t.Context()))
	for _, f := range o.flows {
		number := int64(1)
		if f.id != "done" {
			_, err := r.Trigger(t.Context(), f.id)
			require.NoError(t, err)
		}
		leave(t, o.mark(pawl.RunInfo{FlowID: f.id, Number: number}), "(exec > "+lines[f.id].path+"; echo ready; exec sleep 1000) &")
		lines[f.id].waitFor(t, "ready\n")
	}

	require.NoError(t, o.Setup(t.Context()))
	lines["doomed"].waitForEnd(t)
	assert.Equal(t, map[string]int64{"awaited": 1}, o.waiting)
	var alive []string
	for _, p := range marked(o.id) {
		alive = append(alive, p.flow)
		p.kill()
	}
	assert.ElementsMatch(t, []string{"awaited", "left", "done"}, alive)
}

// As process 1 of a container, or as a subreaper, we inherit what commands
// leave behind, and have to wait for it.
func TestZombiesOfAGroupAreWaitedFor(t *testing.T) {
	require.NoError(t, unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0))
	defer func() { require.NoError(t, unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 0, 0, 0, 0)) }()
	c := shell(t, "sleep 1000 & echo $! > child")
	require.NoError(t, c.Run(t.Context()))
	text, err := os.ReadFile(filepath.Join(c.dir, "child"))
	require.NoError(t, err)
	child, err := strconv.Atoi(strings.TrimSpace(string(text)))
	require.NoError(t, err)
	_, err = syscall.Wait4(child, nil, syscall.WNOHANG, nil)
	assert.ErrorIs(t, err, syscall.ECHILD)
}

func TestZombiesDoNotLive(t *testing.T) {
	t.Parallel()
	cmd := exec.Command("sleep", "1000")
	leadGroup(cmd)
	require.NoError(t, cmd.Start())
	assert.False(t, allZombies(cmd.Process.Pid))
	kill(cmd.Process)
	require.NoError(t, unix.Waitid(unix.P_PID, cmd.Process.Pid, nil, unix.WEXITED|unix.WNOWAIT, nil))
	assert.True(t, allZombies(cmd.Process.Pid))
	assert.Error(t, cmd.Wait())
}

func TestMarksAreOfOneDatabase(t *testing.T) {
	t.Parallel()
	for variable, want := range map[string]string{
		"PAWL_RUN=id/a/7":        "a 7",
		"PAWL_RUN=id/a/b=c/12":   "a/b=c 12",
		"PAWL_RUN=other/a/7":     "",
		"PAWL_RUN=id/a/x":        "",
		"PAWL_RUN=id/7":          "",
		"PAWL_RUN=id":            "",
		"XPAWL_RUN=id/a/7":       "",
		"PAWL_RUN_NUMBER=id/a/7": "",
	} {
		flow, run, ok := parseMark(variable, "id")
		got := ""
		if ok {
			got = fmt.Sprintf("%s %d", flow, run)
		}
		assert.Equal(t, want, got, variable)
	}
}

// Whoever writes a mark into the environment of his own processes gains nothing by
// that: those of another user are no orphans. Only root can start one, and only root
// could signal it.
func TestProcessOfAnotherUserIsNoOrphan(t *testing.T) {
	t.Parallel()
	users := []uint32{uint32(os.Geteuid())}
	if os.Geteuid() == 0 {
		users = append(users, 65534)
	}
	for i, user := range users {
		o := newOrphanage(t)
		cmd := exec.Command("sleep", "1000")
		cmd.Env = []string{o.mark(pawl.RunInfo{FlowID: "a", Number: 1})}
		cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Credential: &syscall.Credential{Uid: user, Gid: uint32(os.Getegid()), NoSetGroups: true}}
		require.NoError(t, cmd.Start())
		assert.Len(t, marked(o.id), 1-i, "user %d", user)
		require.NoError(t, cmd.Process.Kill())
		_ = cmd.Wait()
	}
}

// newOrphanage is that of a database that no other test has, nor another run of this one.
func newOrphanage(t *testing.T) *orphanage {
	t.Helper()
	return &orphanage{id: rand.Text(), waiting: map[string]int64{}, log: slog.New(slog.DiscardHandler)}
}

// leave runs a shell in a group of its own, with a mark, until its end.
func leave(t *testing.T, mark, line string) {
	t.Helper()
	cmd := exec.Command("sh", "-c", line)
	cmd.Env = append(os.Environ(), mark)
	leadGroup(cmd)
	require.NoError(t, cmd.Run())
}

// runOnce makes a database in which the first run of a flow is over.
func runOnce(t *testing.T, o *orphanage, id string) {
	t.Helper()
	s := pawl.NewScheduler(o.database, pawl.WithLogger(o.log))
	require.NoError(t, s.Manual(id, pawl.JobFunc(func(context.Context) error { return nil })))
	r, err := s.Start(t.Context())
	require.NoError(t, err)
	run, err := r.Trigger(t.Context(), id)
	require.NoError(t, err)
	_, err = r.WaitRun(t.Context(), id, run)
	require.NoError(t, err)
	require.NoError(t, r.Stop(t.Context()))
}
