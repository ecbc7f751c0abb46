package web_test

import (
	"context"
	"errors"
	"go/parser"
	"go/token"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/pawl-go/pawl"
	"github.com/pawl-go/pawl/web"
)

// bubble runs a test under virtual time, which begins at 2000-01-01 00:00 UTC, with a
// scheduler for a database of its own.
func bubble(t *testing.T, test func(t *testing.T, s *pawl.Scheduler)) {
	t.Helper()
	db := filepath.Join(t.TempDir(), "jobs.db")
	synctest.Test(t, func(t *testing.T) {
		test(t, pawl.NewScheduler(db, pawl.WithLogger(slog.New(slog.DiscardHandler)), pawl.WithInboxPoll(0)))
	})
}

// start starts a scheduler, which is stopped at the end of the test.
func start(t *testing.T, s *pawl.Scheduler) *pawl.Runner {
	t.Helper()
	r, err := s.Start(context.WithoutCancel(t.Context()))
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, r.Stop(context.Background())) })
	return r
}

func nothing(context.Context) error { return nil }

// broken is a job that fails.
func broken(context.Context) error { return errors.New("no such host") }

// get asks a handler for a page.
func get(h http.Handler, target string) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest(http.MethodGet, target, nil))
	return w
}

// page is the text of a page that is there.
func page(t *testing.T, h http.Handler, target string) string {
	t.Helper()
	w := get(h, target)
	require.Equal(t, http.StatusOK, w.Code, "%s: %s", target, w.Body)
	return w.Body.String()
}

// program.md: works under any prefix. No link begins with a slash, so each leads to the
// same place under every prefix.
func TestPagesWorkUnderAnyPrefix(t *testing.T) {
	bubble(t, func(t *testing.T, s *pawl.Scheduler) {
		require.NoError(t, s.Every("sync", time.Minute, pawl.JobFunc(nothing)))
		r := start(t, s)
		synctest.Wait()
		for _, prefix := range []string{"", "/pawl", "/ops/tools/jobs"} {
			h := http.Handler(web.Handler(r))
			if prefix != "" {
				mux := http.NewServeMux()
				mux.Handle(prefix+"/", http.StripPrefix(prefix, h))
				h = mux
			}
			text := page(t, h, prefix+"/")
			assert.Contains(t, text, "sync")
			for _, attribute := range []string{`href="`, `src="`, `action="`} {
				assert.NotContains(t, text, attribute+"/")
				assert.NotContains(t, text, attribute+"http")
			}
			assert.Equal(t, http.StatusOK, get(h, prefix+"/assets/style.css").Code)
		}
	})
}

// An app may leave the slash out, in any of these places.
func TestFolderIsFoundWithoutItsSlash(t *testing.T) {
	bubble(t, func(t *testing.T, s *pawl.Scheduler) {
		h := web.Handler(start(t, s))
		for _, c := range []struct{ pattern, strip, target, location string }{
			{"/a/pawl/", "/a/pawl", "/a/pawl/", ""},
			{"/a/pawl/", "/a/pawl/", "/a/pawl/?q=x", ""},
			{"/a/pawl", "/a/pawl", "/a/pawl?q=x", "./pawl/?q=x"},
			{"/a/pawl", "/a/pawl", "/a/pawl", "./pawl/"},
		} {
			mux := http.NewServeMux()
			mux.Handle(c.pattern, http.StripPrefix(c.strip, h))
			w := get(mux, c.target)
			assert.Equal(t, c.location, w.Header().Get("Location"), c)
			assert.Equal(t, c.location == "", w.Code == http.StatusOK, c)
		}
	})
}

// An app's metrics are there for those who may read.
func TestMountedHandlerIsServed(t *testing.T) {
	bubble(t, func(t *testing.T, s *pawl.Scheduler) {
		h := web.Handler(start(t, s), web.WithMount("/metrics", http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			_, _ = w.Write([]byte("pawl_runs_total 7"))
		})))
		assert.Equal(t, "pawl_runs_total 7", page(t, h, "/metrics"))
		assert.Equal(t, http.StatusNotFound, get(h, "/metrics/more").Code)
	})
}

// design.md: web imports the root package. Who embeds it links nothing but the root package.
func TestPackageNeedsTheRootPackageAlone(t *testing.T) {
	files, err := filepath.Glob("*.go")
	require.NoError(t, err)
	for _, name := range files {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ImportsOnly)
		require.NoError(t, err)
		for _, i := range file.Imports {
			path := strings.Trim(i.Path.Value, `"`)
			assert.True(t, path == "github.com/pawl-go/pawl" || path == "github.com/pawl-go/pawl/internal/lengths" || strings.HasPrefix(path, "github.com/pawl-go/pawl/web/internal/") || !strings.Contains(path, "."), "%s imports %s", name, path)
		}
	}
}

// program.md: the status table.
func TestFlowsPageTellsOfEveryFlow(t *testing.T) {
	bubble(t, func(t *testing.T, s *pawl.Scheduler) {
		require.NoError(t, s.Every("good", time.Minute, pawl.JobFunc(nothing)))
		require.NoError(t, s.Every("bad", time.Second, pawl.JobFunc(broken), pawl.WithBackoff(pawl.TripAfter(3))))
		require.NoError(t, s.Manual("by hand", pawl.JobFunc(nothing)))
		r := start(t, s)
		require.NoError(t, r.Pause(t.Context(), "by hand", "not now"))
		time.Sleep(90 * time.Second)
		rows := strings.Split(page(t, web.Handler(r), "/"), "<tr")[2:]
		require.Len(t, rows, 3)
		for _, want := range []string{"completed", "every 1m", "in 30s", "30s ago", "last 2 runs: 2 completed"} {
			assert.Contains(t, rows[0], want)
		}
		for _, want := range []string{"tripped", "held", "3/3", "no such host", "last 3 runs: 3 failed"} {
			assert.Contains(t, rows[1], want)
		}
		for _, want := range []string{"paused", "not now", "on demand", "never", "no runs yet"} {
			assert.Contains(t, rows[2], want)
		}
	})
}
