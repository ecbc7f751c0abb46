package pawl_test

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/pawl-go/pawl"
	"github.com/pawl-go/pawl/internal/harness"
)

// blocks is the text of the README's code blocks in a language.
func blocks(t *testing.T, language string) (found []string) {
	t.Helper()
	text, err := os.ReadFile("README.md")
	require.NoError(t, err)
	for _, match := range regexp.MustCompile("(?s)\n```"+language+"\n(.*?)```\n").FindAllStringSubmatch(string(text), -1) {
		found = append(found, match[1])
	}
	return found
}

func run(t *testing.T, dir, name string, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), name, args...)
	cmd.Dir = dir
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, "%s %s: %s", name, strings.Join(args, " "), out)
	return string(out)
}

// scheduler D6: the queries that the README promises are answered by the sqlite3 program
// while a runner is at work, each with at least one row.
func TestReadmeQueriesAnswer(t *testing.T) {
	db := filepath.Join(t.TempDir(), "jobs.db")
	s := harness.Quiet(db)
	require.NoError(t, s.Manual("nightly", harness.Job(harness.Failing), pawl.WithBackoff(pawl.TripAfter(2))))
	require.NoError(t, s.Every("sync", time.Hour, harness.Job(harness.OK)))
	finish := make(chan struct{})
	require.NoError(t, s.Manual("import", harness.Job(func(context.Context) error { <-finish; return nil }), pawl.WithOverlap(pawl.OverlapBufferOne)))
	require.NoError(t, s.Manual("order", harness.Orders(time.Hour).Job("new")))
	require.NoError(t, s.Manual("slow", harness.Job(func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }), pawl.WithTimeout(time.Millisecond)))
	r := harness.Start(t, s)
	slow, err := r.Trigger(t.Context(), "slow")
	require.NoError(t, err)
	_, err = r.WaitRun(t.Context(), "slow", slow)
	require.NoError(t, err)
	order, err := r.Trigger(t.Context(), "order")
	require.NoError(t, err)
	for range 2 {
		run, err := r.Trigger(t.Context(), "nightly")
		require.NoError(t, err)
		_, err = r.WaitRun(t.Context(), "nightly", run)
		require.NoError(t, err)
	}
	_, err = r.WaitRun(t.Context(), "sync", 1)
	require.NoError(t, err)
	for range 2 { // one waits
		_, err = r.Trigger(t.Context(), "import")
		require.NoError(t, err)
	}
	require.Eventually(t, func() bool { // else it may be about to enter its first state
		path, err := r.Checkpoints(t.Context(), "order", order)
		return err == nil && len(path) > 0
	}, time.Minute, time.Millisecond)
	harness.ExecSQL(t, db, "INSERT INTO pawl_commands (command, flow_id) VALUES ('reset', 'nightly')")
	queries := blocks(t, "sql")
	require.Len(t, queries, 1)
	n := 0
	for _, query := range strings.Split(queries[0], ";\n") {
		if strings.TrimSpace(query) == "" {
			continue
		}
		n++
		out := run(t, "", "sqlite3", "-header", "-cmd", ".timeout 5000", db, "\n"+query) // not to be taken for an option
		assert.NotEmpty(t, out, query)
		if strings.Contains(query, "What failed in the last day?") { // found B10
			assert.Contains(t, out, "timed_out")
		}
	}
	assert.GreaterOrEqual(t, n, 13)
	close(finish)
	harness.Stop(t, r, db)
}

// The README's program builds in a module of its own.
func TestReadmeProgramBuildsInAModuleOfItsOwn(t *testing.T) {
	here, err := os.Getwd()
	require.NoError(t, err)
	folder := t.TempDir()
	programs := 0
	for _, text := range blocks(t, "go") {
		if strings.HasPrefix(text, "package main") {
			programs++
			require.NoError(t, os.WriteFile(filepath.Join(folder, "main.go"), []byte(text), 0o600))
		}
	}
	require.Equal(t, 1, programs)
	sums, err := os.ReadFile("go.sum")
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(folder, "go.sum"), sums, 0o600))
	run(t, folder, "go", "mod", "init", "example.com/app")
	run(t, folder, "go", "mod", "edit", "-require", "github.com/pawl-go/pawl@v0.0.0", "-replace", "github.com/pawl-go/pawl="+here)
	run(t, folder, "go", "build", "-mod=mod", "-o", filepath.Join(folder, "app"), ".")
}

// The engine is a leaf: no SQL, no HTTP.
func TestEngineImportsNoSQLAndNoHTTP(t *testing.T) {
	deps := strings.Fields(run(t, "", "go", "list", "-deps", "./engine"))
	assert.Greater(t, len(deps), 30)
	for _, dep := range deps {
		for _, banned := range []string{"sqlite", "sqlx", "goose", "database/sql"} {
			assert.NotContains(t, dep, banned)
		}
		assert.NotEqual(t, "net/http", dep)
	}
}

// Every promise links to its test, and what is linked exists.
func TestPromisesLinkToTestsThatExist(t *testing.T) {
	link := regexp.MustCompile(`\b((?:Test|Fuzz|Example)[A-Z_]\w+)(?:\]\(([^)]+)\))?`)
	for _, page := range []string{"README.md", "docs/robustness.md"} {
		text, err := os.ReadFile(page)
		require.NoError(t, err)
		names := link.FindAllStringSubmatch(string(text), -1)
		assert.Greater(t, len(names), 20, page)
		for _, name := range names {
			require.NotEmpty(t, name[2], "%s names %s without a link", page, name[1])
			source, err := os.ReadFile(filepath.Join(filepath.Dir(page), name[2]))
			require.NoError(t, err, page)
			assert.Contains(t, string(source), "func "+name[1]+"(", "%s links to %s", page, name[2])
		}
	}
}

// Nor does any other link lead nowhere.
func TestLinksOfTheDocsLeadSomewhere(t *testing.T) {
	link := regexp.MustCompile(`\]\(([^)#]+)[^)]*\)|(?:src|srcset)="([^"]+)"`)
	code := regexp.MustCompile("(?s)```.*?```|`[^`\n]*`")
	for _, page := range []string{"README.md", "docs/robustness.md", "docs/speed.md", "docs/hot-path.md", "CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md"} {
		text, err := os.ReadFile(page)
		require.NoError(t, err)
		for _, match := range link.FindAllStringSubmatch(code.ReplaceAllString(string(text), ""), -1) {
			if target := match[1] + match[2]; !strings.Contains(target, "://") {
				_, err := os.Stat(filepath.Join(filepath.Dir(page), target))
				assert.NoError(t, err, "%s links to %s", page, target)
			}
		}
	}
}

// Each row that says what holds says by what that is shown.
func TestEveryPromiseOfRobustnessHasATest(t *testing.T) {
	text, err := os.ReadFile("docs/robustness.md")
	require.NoError(t, err)
	faults, _, found := strings.Cut(string(text), "## The long sizes")
	require.True(t, found)
	_, faults, found = strings.Cut(faults, "## Faults, and the tests")
	require.True(t, found)
	rows := regexp.MustCompile(`(?m)^\| .*\|$`).FindAllString(faults, -1)
	assert.Greater(t, len(rows), 80)
	for _, row := range rows {
		if !strings.Contains(row, "| shown by |") {
			assert.Regexp(t, `\]\([^)]*(_test\.go|\.txtar)\)`, row)
		}
	}
}
