package web

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strings"

	"github.com/pawl-go/pawl"
	"github.com/pawl-go/pawl/web/internal/plain"
)

// statusOf is what an error is in HTTP.
func statusOf(err error) int {
	if r, ok := errors.AsType[refusal](err); ok {
		return r.status
	}
	if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return http.StatusRequestEntityTooLarge
	}
	for status, list := range map[int][]error{
		http.StatusNotFound:              {pawl.ErrFlowNotFound, pawl.ErrRunNotFound},
		http.StatusConflict:              {pawl.ErrAlreadyRunning, pawl.ErrTripped, pawl.ErrBufferFull, pawl.ErrRunOver, pawl.ErrPassive},
		http.StatusUnprocessableEntity:   {pawl.ErrInvalidRange},
		http.StatusRequestEntityTooLarge: {pawl.ErrTooLarge},
		http.StatusServiceUnavailable:    {pawl.ErrStopped, pawl.ErrNoOwner, pawl.ErrQueueFull, context.DeadlineExceeded},
	} {
		for _, known := range list {
			if errors.Is(err, known) {
				return status
			}
		}
	}
	return http.StatusInternalServerError
}

// fail answers with an error, as JSON to who asked the API.
func (d *dashboard) fail(w http.ResponseWriter, r *http.Request, err error) {
	status := statusOf(err)
	if strings.HasPrefix(path(r), "api/") {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		_ = json.NewEncoder(w).Encode(map[string]string{"error": err.Error()}) // the reader has gone
		return
	}
	p := failure{page: d.bare(http.StatusText(status)), Status: status, Text: plain.Sentence(err.Error())}
	if err := d.render(w, "fail", status, p); err != nil {
		http.Error(w, p.Text, status)
	}
}

// failure is the page that an error gets.
type failure struct {
	page
	Status int
	Text   string
}

// healthz says that the process answers.
func (d *dashboard) healthz(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	_, _ = w.Write([]byte("ok\n"))
}

// readyz says whether flows are run. It tells strangers no more than that.
func (d *dashboard) readyz(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	trouble, err := d.view.Trouble(r.Context())
	if err != nil || len(trouble) > 0 {
		w.WriteHeader(http.StatusServiceUnavailable)
		_, _ = w.Write([]byte("not ready\n"))
		return
	}
	_, _ = w.Write([]byte("ready\n"))
}
