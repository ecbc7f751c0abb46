package web_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/pawl-go/pawl"
	"github.com/pawl-go/pawl/web"
)

// unread is the answer of a reader who reads nothing until goOn is closed, or the deadline
// has passed.
type unread struct {
	*httptest.ResponseRecorder
	goOn     chan struct{}
	deadline time.Time
	largest  int
}

func (u *unread) SetWriteDeadline(t time.Time) error { u.deadline = t; return nil }

func (u *unread) Write(p []byte) (int, error) {
	u.largest = max(u.largest, len(p))
	select {
	case <-u.goOn:
		return u.ResponseRecorder.Write(p)
	case <-time.After(time.Until(u.deadline)):
		return 0, context.DeadlineExceeded
	}
}

// found A5: answers have a deadline and a bound, and a list waits in small pieces.
func TestReadersWhoNeverReadHoldLittleAndNotForLong(t *testing.T) {
	bubble(t, func(t *testing.T, s *pawl.Scheduler) {
		for i := range 1000 {
			require.NoError(t, s.Manual(fmt.Sprintf("a-flow-%d", i), pawl.JobFunc(nothing)))
		}
		h := web.Handler(start(t, s))
		var readers []*unread
		var reading sync.WaitGroup
		for range 32 {
			u := &unread{ResponseRecorder: httptest.NewRecorder(), goOn: make(chan struct{})}
			readers = append(readers, u)
			reading.Go(func() { h.ServeHTTP(u, httptest.NewRequest(http.MethodGet, "http://localhost/api/flows", nil)) })
		}
		synctest.Wait()
		w := get(h, "/api/flows")
		assert.Equal(t, http.StatusServiceUnavailable, w.Code)
		assert.Equal(t, "30", w.Header().Get("Retry-After"))
		assert.Contains(t, w.Body.String(), "Too many answers wait for their readers.")
		assert.Equal(t, http.StatusOK, get(h, "/healthz").Code)

		close(readers[0].goOn)
		synctest.Wait()
		assert.Equal(t, 1000, strings.Count(readers[0].Body.String(), `"id":"a-flow-`))
		assert.Zero(t, readers[0].deadline, "others may use the connection")
		assert.Equal(t, http.StatusOK, get(h, "/api/flows").Code)
		for _, u := range readers {
			assert.LessOrEqual(t, u.largest, 32<<10)
		}
		reading.Wait() // for the deadlines
		assert.Equal(t, "[]\n", get(h, "/api/runs").Body.String())
	})
}

// found A5: what is mounted is bounded as all else is: the metrics of 10,000 flows hold 9 MiB
// for each reader who never reads.
func TestReadersOfAMountAreBounded(t *testing.T) {
	bubble(t, func(t *testing.T, s *pawl.Scheduler) {
		metrics := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "pawl_build_info 1") })
		h := web.Handler(start(t, s), web.WithMount("metrics", metrics))
		var readers []*unread
		var reading sync.WaitGroup
		for range 32 {
			u := &unread{ResponseRecorder: httptest.NewRecorder(), goOn: make(chan struct{})}
			readers = append(readers, u)
			reading.Go(func() { h.ServeHTTP(u, httptest.NewRequest(http.MethodGet, "http://localhost/metrics", nil)) })
		}
		synctest.Wait()
		assert.Equal(t, http.StatusServiceUnavailable, get(h, "/metrics").Code)
		close(readers[0].goOn)
		synctest.Wait()
		assert.Equal(t, "pawl_build_info 1\n", readers[0].Body.String())
		assert.Equal(t, http.StatusOK, get(h, "/metrics").Code)
		reading.Wait() // for the deadlines
		assert.Equal(t, http.StatusOK, get(h, "/metrics").Code)
	})
}
