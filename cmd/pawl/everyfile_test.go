//go:build unix

package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/jmoiron/sqlx"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	_ "modernc.org/sqlite" // the driver "sqlite"

	"github.com/pawl-go/pawl"
)

// A kind of file that a verb may be given.
type kindOfFile struct {
	name    string
	make    func(t *testing.T, path string)
	refused string // all verbs refuse it, with an error that has these words, but those in other
	code    int
	other   map[string]int // the exit codes of verbs that differ
	plain   bool           // without root's right to any file
}

// verbCalls are all verbs that take a database, with arguments that are right, and the exit
// codes on a file that is well and that nobody drives.
var verbCalls = []struct {
	call string
	code int
}{
	{"status", 0}, {"status a", 0}, {"status -o json", 0}, {"status -o csv", 0}, {"status --check", 3},
	{"history", 0}, {"history --failed", 0}, {"history a 1", 0}, {"history a 1 -o json", 0}, {"history gone", 0}, {"logs a 1", 0}, {"logs gone", 0},
	{"next", 0}, {"next b", 0}, {"why b 00:00", 0}, {"why gone 00:00", 0}, {"at 00:00", 0},
	{"export flows", 0}, {"export runs", 0}, {"export transitions", 0},
	{"doctor", 0}, {"verify", 0}, {"backup copy.db", 0}, {"simulate -c pawl.yaml --for 1d", 0},
	{"trigger a", 69}, {"cancel a 1", 69}, {"pause a", 69}, {"resume a", 69}, {"reset a", 69}, {"probe a", 69},
	{"backfill b --from 2026-11-22 --to 2026-11-23", 69}, {"forget gone", 69}, {"claim", 0}, {"clock accept", 0},
}

// changingCalls change the file: they come last.
var changingCalls = []struct {
	call string
	code int
}{
	{"trigger a --queue", 0}, {"prune --runs 1000", 0}, {"migrate", 0},
}

var kindsOfFile = []kindOfFile{
	{name: "a database at rest, with flows that are known in part", make: pastDatabase},
	{name: "a new database", make: newDatabase, other: map[string]int{"status a": 4, "history a 1": 4, "history a 1 -o json": 4, "history gone": 4,
		"logs a 1": 4, "logs gone": 4, "next b": 4, "why b 00:00": 4, "why gone 00:00": 4, "backfill b": 4, "status --check": 0,
		"trigger": 4, "cancel": 4, "pause": 4, "resume": 4, "reset": 4, "probe": 4, "forget": 4}},
	{name: "a file that an app shares", make: func(t *testing.T, path string) { pastDatabase(t, path); alter(t, path, appTable) }},
	{name: "a file that its owner was killed on", make: killedDatabase,
		other: map[string]int{"status --check": anyCode}}, // the owner may have carried out what was due
	{name: "a read-only file", plain: true, make: func(t *testing.T, path string) { pastDatabase(t, path); require.NoError(t, os.Chmod(path, 0o444)) },
		other: map[string]int{"doctor": 1, "trigger a --queue": 77, "prune": 77, "migrate": 77}},
	{name: "a read-only folder", plain: true, make: func(t *testing.T, path string) {
		pastDatabase(t, path)
		require.NoError(t, os.Chmod(path, 0o444))
		require.NoError(t, os.Chmod(filepath.Dir(path), 0o555))
	}, other: map[string]int{"doctor": 1, "backup": 77, "trigger a --queue": 77, "prune": 77, "migrate": 77}},
	{name: "an older schema", make: func(t *testing.T, path string) { putCopy(t, "../../store/testdata/before_found.sqlite", path) },
		refused: "pawl migrate", code: 65, other: map[string]int{"backup": 0, "migrate": 0}},
	{name: "the oldest schema", make: func(t *testing.T, path string) { putCopy(t, "../../store/testdata/before_time.sqlite", path) },
		refused: "pawl migrate", code: 65, other: map[string]int{"backup": 0, "migrate": 0}},
	{name: "a newer schema", make: func(t *testing.T, path string) {
		newDatabase(t, path)
		alter(t, path, `INSERT INTO pawl_migrations (version_id, is_applied) VALUES (99, 1)`)
	}, refused: "upgrade the program", code: 65},
	{name: "no SQLite file", make: func(t *testing.T, path string) {
		require.NoError(t, os.WriteFile(path, []byte("a letter to a friend"), 0o600))
	},
		refused: "is no SQLite file", code: 65},
	{name: "an empty file", make: func(t *testing.T, path string) { require.NoError(t, os.WriteFile(path, nil, 0o600)) },
		refused: "name the file that", code: 65},
	{name: "a file of another application", make: func(t *testing.T, path string) { alter(t, path, appTable) },
		refused: "name the file that", code: 65},
	{name: "a directory", make: func(t *testing.T, path string) { require.NoError(t, os.Mkdir(path, 0o700)) },
		refused: "is a directory, want a file in it such as", code: 1},
	{name: "no file", make: func(*testing.T, string) {}, refused: "pawl run makes it, --db says where one is", code: 74, other: map[string]int{"simulate": 0}},
}

// found Q8: every verb works on every file, or says what is wrong, where, and what to do
// instead. No verb that reads makes, changes or deletes a file. As root, read-only files are
// tried without root's right to write any file, which setpriv takes away.
func TestEveryVerbOnEveryKindOfFile(t *testing.T) {
	for _, kind := range kindsOfFile {
		t.Run(kind.name, func(t *testing.T) {
			folder := t.TempDir()
			path := filepath.Join(folder, "pawl.db")
			require.NoError(t, os.WriteFile(filepath.Join(folder, "pawl.yaml"), []byte("flows:\n  b: {every: 1h, run: [\"true\"]}\n"), 0o600))
			kind.make(t, path)
			t.Cleanup(func() { _ = os.Chmod(folder, 0o700) })
			for _, c := range verbCalls {
				before := filesIn(t, folder)
				kind.try(t, folder, c.call, c.code)
				copied := filepath.Join(folder, "copy.db")
				if strings.HasPrefix(c.call, "backup") {
					_ = os.Remove(copied)
				}
				assert.Equal(t, before, filesIn(t, folder), "pawl %s changed a file", c.call)
			}
			for _, c := range changingCalls {
				before := filesIn(t, folder)
				if kind.try(t, folder, c.call, c.code) != 0 {
					assert.Equal(t, before, filesIn(t, folder), "pawl %s was refused, but changed a file", c.call)
				}
			}
		})
	}
}

// found Q8: the same beside a daemon.
func TestEveryVerbBesideAnOwner(t *testing.T) {
	folder := t.TempDir()
	path := filepath.Join(folder, "pawl.db")
	require.NoError(t, os.WriteFile(filepath.Join(folder, "pawl.yaml"), []byte("flows:\n  b: {every: 1h, run: [\"true\"]}\n"), 0o600))
	pastDatabase(t, path)
	s := pastFlows(path, false)
	r, err := s.Start(t.Context())
	require.NoError(t, err)
	defer func() { require.NoError(t, r.Stop(context.Background())) }()
	// The run to cancel is over, and an interval has no instants to backfill. Whether b has
	// started by then depends on the machine.
	owned := kindOfFile{other: map[string]int{"cancel": 1, "backfill": 1, "prune": 75, "migrate": 75, "status --check": anyCode}}
	for _, c := range slices.Concat(verbCalls, changingCalls) {
		code := c.code
		if code == 69 {
			code = 0
		}
		owned.try(t, folder, c.call, code)
	}
}

const anyCode = -1

// try calls a verb on the file in a folder, and returns its exit code.
func (k kindOfFile) try(t *testing.T, folder, call string, code int) int {
	t.Helper()
	if k.refused != "" {
		code = k.code
	}
	longest := -1
	for prefix, other := range k.other {
		if strings.HasPrefix(call, prefix) && len(prefix) > longest {
			code, longest = other, len(prefix)
		}
	}
	args := strings.Fields(call)
	if k.plain && os.Geteuid() == 0 {
		args = slices.Concat([]string{"setpriv", "--bounding-set=-dac_override,-dac_read_search", "pawl"}, args)
	} else {
		args = slices.Concat([]string{"pawl"}, args)
	}
	cmd := exec.CommandContext(t.Context(), args[0], args[1:]...)
	var out, errs bytes.Buffer
	cmd.Dir, cmd.Stdout, cmd.Stderr = folder, &out, &errs
	cmd.Env = append(os.Environ(), "TZ=UTC", "COLUMNS=160", "GORACE=atexit_sleep_ms=0")
	err := cmd.Run()
	if exit := (*exec.ExitError)(nil); err != nil && !errors.As(err, &exit) {
		require.NoError(t, err)
	}
	got := cmd.ProcessState.ExitCode()
	if code == anyCode {
		code = got
	}
	assert.Equal(t, code, got, "pawl %s\n%s%s", call, &out, &errs)
	for _, text := range []string{"panic", "goroutine", "%!"} {
		assert.NotContains(t, errs.String(), text, "pawl %s", call)
	}
	if k.refused != "" && got == k.code {
		assert.Contains(t, errs.String(), k.refused, "pawl %s", call)
		assert.Contains(t, errs.String(), "pawl.db", "pawl %s", call)
	}
	return got
}

// filesIn are the files in a folder with what is in them, and when they were changed.
func filesIn(t *testing.T, folder string) (files []string) {
	t.Helper()
	require.NoError(t, filepath.WalkDir(folder, func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		if wal, _ := os.Stat(filepath.Join(folder, "pawl.db-wal")); wal != nil && wal.Size() > 0 && e.Name() == "pawl.db-shm" {
			return nil // the index of the log, which SQLite makes again
		}
		info, err := e.Info()
		files = append(files, fmt.Sprint(e.Name(), info.Size(), info.Mode(), info.ModTime()))
		return err
	}))
	return files
}

const appTable = `CREATE TABLE orders (id INTEGER PRIMARY KEY)`

func alter(t *testing.T, path, statement string) {
	t.Helper()
	db, err := sqlx.Open("sqlite", path)
	require.NoError(t, err)
	_, err = db.Exec(statement)
	require.NoError(t, errors.Join(err, db.Close()))
}

func putCopy(t *testing.T, from, to string) {
	t.Helper()
	content, err := os.ReadFile(from)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(to, content, 0o600))
}

func newDatabase(t *testing.T, path string) {
	t.Helper()
	r, err := pawl.NewScheduler(path, pawl.WithLogger(slog.New(slog.DiscardHandler))).Start(t.Context())
	require.NoError(t, err)
	require.NoError(t, r.Stop(context.Background()))
}

// pastFlows is a program with the flows of pastDatabase.
func pastFlows(path string, all bool) *pawl.Scheduler {
	s := pawl.NewScheduler(path, pawl.WithLogger(slog.New(slog.DiscardHandler)))
	s.Manual("a", pawl.JobFunc(func(ctx context.Context) error {
		run, _ := pawl.RunFrom(ctx)
		if run.Number == 1 {
			return errors.New("no disk")
		}
		return nil
	}), pawl.WithRetention(3, 0))
	s.Every("b", time.Hour, pawl.JobFunc(func(context.Context) error { return nil }))
	if all {
		s.Manual("gone", pawl.JobFunc(func(ctx context.Context) error {
			return pawl.SetOutput(ctx, strings.Repeat("x", 100<<10))
		}))
	}
	return s
}

// pastDatabase makes a database that nobody drives: of a, a failure is kept whose transitions
// are not; gone is registered no more, and the output of its run is long.
func pastDatabase(t *testing.T, path string) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		r, err := pastFlows(path, true).Start(t.Context())
		require.NoError(t, err)
		for range 80 {
			run, err := r.Trigger(t.Context(), "a")
			require.NoError(t, err)
			_, err = r.WaitRun(t.Context(), "a", run)
			require.NoError(t, err)
		}
		run, err := r.Trigger(t.Context(), "gone")
		require.NoError(t, err)
		_, err = r.WaitRun(t.Context(), "gone", run)
		require.NoError(t, err)
		time.Sleep(2 * time.Minute) // history is deleted
		require.NoError(t, r.Stop(context.Background()))
		r, err = pastFlows(path, false).Start(t.Context())
		require.NoError(t, err)
		require.NoError(t, r.Stop(context.Background()))
	})
}

// killedDatabase makes one with a log that no owner moved into the file.
func killedDatabase(t *testing.T, path string) {
	t.Helper()
	original := filepath.Join(t.TempDir(), "pawl.db")
	pastDatabase(t, original)
	r, err := pastFlows(original, false).Start(t.Context())
	require.NoError(t, err)
	for _, side := range []string{"", "-wal", ".lock"} {
		putCopy(t, original+side, path+side)
	}
	require.NoError(t, r.Stop(context.Background()))
}

// found Q8: what is left out of an answer is marked as left out, in tables and in JSON, with
// how to see the whole.
func TestWhatIsLeftOutIsMarked(t *testing.T) {
	folder := t.TempDir()
	pastDatabase(t, filepath.Join(folder, "pawl.db"))
	says := func(call string) (out, errs string) {
		t.Helper()
		cmd := exec.CommandContext(t.Context(), "pawl", strings.Fields(call)...)
		var o, e bytes.Buffer
		cmd.Dir, cmd.Stdout, cmd.Stderr = folder, &o, &e
		cmd.Env = append(os.Environ(), "TZ=UTC", "COLUMNS=200", "GORACE=atexit_sleep_ms=0")
		require.NoError(t, cmd.Run(), "%s", &e)
		return o.String(), e.String()
	}
	const pruned = "earlier transitions of this run were deleted, as the flow's retention says"
	out, _ := says("history a 1")
	assert.Contains(t, out, pruned)
	assert.Contains(t, out, "no disk")
	out, _ = says("history a 1 -o json")
	assert.JSONEq(t, `[{"flow_id": "a", "run_number": 1, "left_out": "`+pruned+`"}]`, out)
	out, _ = says("history a 1 -o csv")
	assert.Contains(t, out, pruned)
	out, _ = says("history a 80 -o json")
	assert.NotContains(t, out, "left_out")

	out, _ = says("history gone -o json")
	assert.NotContains(t, out, "xxx")
	assert.Contains(t, out, `"omitted": {`)
	assert.Contains(t, out, `"output": 102402`)
	assert.Contains(t, out, `"whole": "pawl logs gone 1 -o json"`)
	whole := strings.Repeat("x", 100<<10)
	for _, call := range []string{"logs gone 1 -o json", "logs gone", "export runs", "export runs -o json", "export runs -o csv"} {
		out, _ = says(call)
		assert.Contains(t, out, whole, call)
	}

	out, errs := says("history -n 2")
	assert.NotContains(t, out+errs, "shows more", "two were asked for")
	out, _ = says("status a")
	assert.NotContains(t, out, "shows more", "there are four")
	synctest.Test(t, func(t *testing.T) {
		s := pawl.NewScheduler(filepath.Join(folder, "pawl.db"), pawl.WithLogger(slog.New(slog.DiscardHandler)))
		s.Manual("c", pawl.JobFunc(func(context.Context) error { return nil }))
		r, err := s.Start(t.Context())
		require.NoError(t, err)
		for range 60 {
			run, err := r.Trigger(t.Context(), "c")
			require.NoError(t, err)
			_, err = r.WaitRun(t.Context(), "c", run)
			require.NoError(t, err)
		}
		require.NoError(t, r.Stop(context.Background()))
	})
	const more = "The newest 50; -n 500 shows more."
	out, _ = says("history c")
	assert.Contains(t, out, more)
	out, errs = says("history c -o jsonl")
	assert.Equal(t, 50, strings.Count(out, "\n"))
	assert.Contains(t, errs, more)
	out, _ = says("status c")
	assert.Contains(t, out, "The newest 5; pawl history c shows more.")
}
