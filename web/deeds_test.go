package web_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/pawl-go/pawl"
	"github.com/pawl-go/pawl/web"
	"github.com/pawl-go/pawl/workflow"
)

// faults.md, security: no creating or editing of flows or commands over HTTP. There are
// seven actions, under one address, and nothing else can be written.
func TestNothingElseCanBeDone(t *testing.T) {
	bubble(t, func(t *testing.T, s *pawl.Scheduler) {
		require.NoError(t, s.Every("a", time.Hour, pawl.JobFunc(nothing)))
		r := start(t, s)
		h := web.Handler(r)
		time.Sleep(time.Minute)
		before := r.List()
		for _, verb := range []string{"", "add", "create", "update", "edit", "remove", "delete", "forget", "backfill", "claim", "schedule", "run", "command", "shell",
			"config", "reload", "import", "Trigger", "trigger ", "trigger\x00"} {
			form := url.Values{"do": {verb}, "id": {"a"}, "number": {"1"}, "run": {"true"}, "command": {"true"}, "schedule": {"1s"}, "every": {"1s"}}
			assert.Equal(t, http.StatusNotFound, post(h, form).Code, "%q", verb)
			assert.Equal(t, http.StatusNotFound, get(h, "/confirm?"+form.Encode()).Code, "%q", verb)
		}
		for _, method := range []string{http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete, "MKCOL"} {
			for _, target := range append([]string{"/act", "/api", "/api/", "/api/checkpoints?id=a&number=1", "/nothing"}, everyPage...) {
				w := httptest.NewRecorder()
				h.ServeHTTP(w, httptest.NewRequest(method, target, strings.NewReader(`{"id": "b", "every": "1s", "run": ["true"]}`)))
				assert.GreaterOrEqual(t, w.Code, 400, "%s %s", method, target)
			}
		}
		assert.Equal(t, before, r.List())
	})
}

// found Q6: the page of a parked or a blocked run offers to close it without undo, to those
// who may cancel.
func TestRunThatIsAsideIsClosedWithoutUndo(t *testing.T) {
	bubble(t, func(t *testing.T, s *pawl.Scheduler) {
		undone := false
		w := workflow.New[string]()
		w.Register("new", func(context.Context, *workflow.Resources) (string, error) { return "wait", nil },
			workflow.WithUndo(func(context.Context, *workflow.Resources, any) error { undone = true; return nil }))
		w.Register("wait", workflow.After("end", time.Hour))
		w.Exit("end")
		require.NoError(t, s.Manual("a", w.Job("new")))
		require.NoError(t, s.Manual("busy", pawl.JobFunc(func(ctx context.Context) error { <-ctx.Done(); return nil })))
		r := start(t, s)
		h := web.Handler(r)
		for _, id := range []string{"a", "busy"} {
			_, err := r.Trigger(t.Context(), id)
			require.NoError(t, err)
		}
		synctest.Wait()
		has(t, page(t, h, "/run?id=a&number=1"), "do-cancel", "confirm?do=cancel_without_undo&amp;id=a&amp;number=1")
		lacks(t, page(t, h, "/run?id=busy&number=1"), "do-close")
		has(t, page(t, h, "/confirm?do=cancel_without_undo&id=a&number=1"), "Close run 1 of a without undo?", "Close the run")
		form := url.Values{"do": {"cancel_without_undo"}, "id": {"a"}, "number": {"1"}, "reason": {"the provider is gone"}}
		strict := web.Handler(r, web.WithAuthorize(func(_ *http.Request, action string) error {
			if action == "cancel" {
				return errors.New("not you")
			}
			return nil
		}))
		lacks(t, page(t, strict, "/run?id=a&number=1"), "do-cancel", "do-close")
		assert.Equal(t, http.StatusForbidden, post(strict, form).Code)
		answer := post(h, form)
		require.Equal(t, http.StatusSeeOther, answer.Code, answer.Body)
		has(t, page(t, h, "/"+answer.Header().Get("Location")), "Run 1", "was closed without undo.")
		over, err := r.WaitRun(t.Context(), "a", 1)
		require.NoError(t, err)
		assert.Equal(t, pawl.RunCancelled, over.Status)
		assert.Contains(t, over.Error, "the provider is gone")
		assert.False(t, undone)
		form.Set("id", "busy")
		assert.Equal(t, http.StatusConflict, post(h, form).Code, "it is in flight")
		require.NoError(t, r.Cancel(t.Context(), "busy", 1))
		synctest.Wait()
	})
}

// A question about the attempts or checkpoints of no flow is the asker's mistake.
func TestAttemptsOfNoFlowAreNotFound(t *testing.T) {
	bubble(t, func(t *testing.T, s *pawl.Scheduler) {
		h := web.Handler(start(t, s))
		for _, target := range []string{"/api/attempts", "/api/attempts?id=b&number=1", "/api/checkpoints", "/api/checkpoints?number=1"} {
			assert.Equal(t, http.StatusNotFound, get(h, target).Code, target)
		}
	})
}
