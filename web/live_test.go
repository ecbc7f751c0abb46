package web_test

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
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

// reader is a page that listens.
type reader struct {
	*io.PipeWriter
	header http.Header
	code   int
	events chan string // data of each event; closed at the end of the stream
	leave  func()
	done   chan struct{}
}

func (r *reader) Header() http.Header  { return r.header }
func (r *reader) WriteHeader(code int) { r.code = code }
func (r *reader) Flush()               {}

// listen opens the stream of a handler.
func listen(h http.Handler, target string) *reader {
	in, out := io.Pipe()
	ctx, leave := context.WithCancel(context.Background())
	r := &reader{out, http.Header{}, 0, make(chan string, 1000), leave, make(chan struct{})}
	go func() {
		defer close(r.done)
		h.ServeHTTP(r, httptest.NewRequest(http.MethodGet, target, nil).WithContext(ctx))
		_ = out.Close()
	}()
	go func() {
		defer close(r.events)
		for lines := bufio.NewScanner(in); lines.Scan(); {
			if data, ok := strings.CutPrefix(lines.Text(), "data: "); ok {
				r.events <- data
			}
		}
	}()
	return r
}

type news struct {
	Seq   int64
	Flows []string
}

// all is the events that came since the last time.
func (r *reader) all(t *testing.T) (list []news) {
	t.Helper()
	synctest.Wait()
	for {
		select {
		case data, ok := <-r.events:
			if !ok {
				return list
			}
			var n news
			require.NoError(t, json.Unmarshal([]byte(data), &n))
			list = append(list, n)
		default:
			return list
		}
	}
}

func (r *reader) gone(t *testing.T) {
	t.Helper()
	r.leave()
	<-r.done
}

// program.md: live by SSE. A page hears of what changed, and of what changed between it
// and its stream, but is not flooded.
func TestStreamTellsOfWhatChanged(t *testing.T) {
	bubble(t, func(t *testing.T, s *pawl.Scheduler) {
		require.NoError(t, s.Manual("a", pawl.JobFunc(nothing)))
		require.NoError(t, s.Manual("b", pawl.JobFunc(nothing)))
		r := start(t, s)
		h := web.Handler(r)
		quiet, behind := listen(h, "/events?seq=2"), listen(h, "/events?seq=1")
		assert.Empty(t, quiet.all(t))
		assert.Equal(t, []news{{Seq: 2}}, behind.all(t))
		assert.Equal(t, "text/event-stream", quiet.header.Get("Content-Type"))

		_, err := r.Trigger(t.Context(), "b")
		require.NoError(t, err)
		time.Sleep(time.Second)
		got := quiet.all(t)
		require.NotEmpty(t, got)
		assert.Equal(t, int64(4), got[len(got)-1].Seq)
		for _, n := range got {
			assert.Equal(t, []string{"b"}, n.Flows)
		}
		assert.Equal(t, got, behind.all(t))
		quiet.gone(t)
		behind.gone(t)
	})
}

func TestStreamIsNotFlooded(t *testing.T) {
	bubble(t, func(t *testing.T, s *pawl.Scheduler) {
		for _, id := range []string{"a", "b", "c"} {
			require.NoError(t, s.Every(id, 20*time.Millisecond, pawl.JobFunc(nothing)))
		}
		r := start(t, s)
		page := listen(web.Handler(r), "/events?seq=0")
		time.Sleep(4 * time.Second)
		got := page.all(t)
		assert.InDelta(t, 16, len(got), 3, "four a second")
		seq := int64(0)
		for _, n := range got[1:] {
			assert.Greater(t, n.Seq, seq)
			assert.Subset(t, []string{"a", "b", "c"}, n.Flows)
			seq = n.Seq
		}
		newest, err := r.View().LastSeq(t.Context())
		require.NoError(t, err)
		assert.Less(t, newest-seq, int64(1000))
		page.gone(t)
	})
}

// A page that does not read holds nobody up, and hears of all of it at last.
func TestSlowReaderHoldsNobodyUp(t *testing.T) {
	bubble(t, func(t *testing.T, s *pawl.Scheduler) {
		require.NoError(t, s.Every("a", time.Second, pawl.JobFunc(nothing)))
		r := start(t, s)
		h := web.Handler(r)
		in, out := io.Pipe()
		ctx, leave := context.WithCancel(t.Context())
		stuck := &reader{out, http.Header{}, 0, nil, leave, make(chan struct{})}
		go func() {
			defer close(stuck.done)
			h.ServeHTTP(stuck, httptest.NewRequest(http.MethodGet, "/events", nil).WithContext(ctx))
		}()
		page := listen(h, "/events")
		time.Sleep(time.Minute)
		assert.Greater(t, len(page.all(t)), 50)
		page.gone(t)
		leave()
		_ = in.Close()
		<-stuck.done
	})
}

// Streams end with the source, and with the context; their number is bounded.
func TestStreamsEnd(t *testing.T) {
	bubble(t, func(t *testing.T, s *pawl.Scheduler) {
		require.NoError(t, s.Manual("a", pawl.JobFunc(nothing)))
		r, err := s.Start(context.Background())
		require.NoError(t, err)
		ctx, cancel := context.WithCancel(t.Context())
		bound, free := web.Handler(r, web.WithContext(ctx)), web.Handler(r)
		one, other := listen(bound, "/events"), listen(free, "/events")
		synctest.Wait()
		cancel()
		<-one.done
		synctest.Wait()
		select {
		case <-other.done:
			t.Fatal("it has another context")
		default:
		}
		require.NoError(t, r.Stop(context.Background()))
		<-other.done
	})
}

func TestStreamsAreBounded(t *testing.T) {
	bubble(t, func(t *testing.T, s *pawl.Scheduler) {
		require.NoError(t, s.Manual("a", pawl.JobFunc(nothing)))
		h := web.Handler(start(t, s))
		var open []*reader
		for range 200 {
			open = append(open, listen(h, "/events"))
		}
		synctest.Wait()
		assert.Equal(t, http.StatusServiceUnavailable, get(h, "/events").Code)
		var all sync.WaitGroup
		for _, r := range open {
			all.Go(func() { r.gone(t) })
		}
		all.Wait()
		again := listen(h, "/events")
		synctest.Wait()
		assert.NotEqual(t, http.StatusServiceUnavailable, again.code)
		again.gone(t)
	})
}
