package web_test

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/pawl-go/pawl"
	"github.com/pawl-go/pawl/web"
)

// faults.md, security: no creating or editing of flows or commands over HTTP. There are
// six actions, under one address, and nothing else can be written.
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
