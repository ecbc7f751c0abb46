package web

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/pawl-go/pawl"
)

const (
	hubPause   = 250 * time.Millisecond // between two looks while much happens
	hubRead    = 500                    // transitions at a look; more are skipped
	hubFlows   = 100                    // that a message names; more are all
	hubStreams = 200                    // at once
	heartbeat  = 15 * time.Second
	writeLimit = 10 * time.Second
)

// news is that something changed.
type news struct {
	Seq   int64    `json:"seq"`             // the newest transition
	Flows []string `json:"flows,omitempty"` // that it is about; none: they are too many to name
}

// hub tells all streams of what is committed. While there is one it reads the source, four
// times a second at most, and not more of it than a message has room for: it costs the
// same however much is going on.
type hub struct {
	ctx    context.Context
	source Source
	view   pawl.View

	mu      sync.Mutex
	streams map[chan news]bool // of capacity 1: the hub replaces what was not read
	stop    context.CancelFunc // of the reading; nil: nobody reads
}

func newHub(ctx context.Context, s Source) *hub {
	return &hub{ctx: ctx, source: s, view: s.View(), streams: map[chan news]bool{}}
}

// join adds a stream that knows what was up to a transition. False: there are too many.
func (h *hub) join(seq int64) (chan news, bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.streams) >= hubStreams {
		return nil, false
	}
	c := make(chan news, 1)
	h.streams[c] = true
	if h.stop == nil {
		var ctx context.Context
		ctx, h.stop = context.WithCancel(h.ctx)
		go h.follow(ctx, seq)
	}
	return c, true
}

// leave removes a stream. With the last one the reading ends.
func (h *hub) leave(c chan news) {
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.streams, c)
	if len(h.streams) == 0 && h.stop != nil {
		h.stop()
		h.stop = nil
	}
}

// follow reads until ctx, or the source, ends. Then the streams are closed, and whoever
// still looks comes again.
func (h *hub) follow(ctx context.Context, seq int64) {
	for {
		n, err := h.await(ctx, seq)
		if err != nil {
			h.end(ctx)
			return
		}
		seq = n.Seq
		h.tell(n)
		select {
		case <-ctx.Done():
		case <-time.After(hubPause):
		}
	}
}

// await waits for the next transition, and tells of it and those there are by then.
func (h *hub) await(ctx context.Context, after int64) (n news, err error) {
	for _, err := range h.source.Transitions(ctx, after) {
		if err != nil {
			return n, err
		}
		break
	}
	list, err := h.view.After(ctx, after, hubRead)
	if err != nil {
		return n, err
	}
	if len(list) == hubRead {
		n.Seq, err = h.view.LastSeq(ctx)
		return n, err
	}
	n.Seq = after
	for _, t := range list {
		n.Seq = t.Seq
		if !slices.Contains(n.Flows, t.FlowID) {
			n.Flows = append(n.Flows, t.FlowID)
		}
	}
	if len(n.Flows) > hubFlows {
		n.Flows = nil
	}
	return n, nil
}

func (h *hub) tell(n news) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for c := range h.streams {
		late := n
		select {
		case old := <-c: // not read yet
			late = merged(old, n)
		default:
		}
		c <- late
	}
}

// merged is two messages as one.
func merged(a, b news) news {
	if len(a.Flows) == 0 || len(b.Flows) == 0 || len(a.Flows)+len(b.Flows) > hubFlows {
		return news{Seq: b.Seq}
	}
	return news{Seq: b.Seq, Flows: append(a.Flows, b.Flows...)}
}

// end closes the streams, unless the reading was stopped for want of them and another
// has begun meanwhile.
func (h *hub) end(ctx context.Context) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if ctx.Err() != nil && h.ctx.Err() == nil {
		return
	}
	for c := range h.streams {
		close(c)
		delete(h.streams, c)
	}
	if h.stop != nil {
		h.stop()
		h.stop = nil
	}
}

// events is the stream of a page: server-sent events, one whenever something changed
// since the transition that the page names.
func (d *dashboard) events(w http.ResponseWriter, r *http.Request) error {
	if r.Method == http.MethodHead {
		return nil
	}
	seq, err := d.view.LastSeq(r.Context())
	if err != nil {
		return err
	}
	c, ok := d.live.join(seq)
	if !ok {
		w.Header().Set("Retry-After", "30")
		return refuse(http.StatusServiceUnavailable, "Too many pages are open.")
	}
	defer d.live.leave(c)
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("X-Accel-Buffering", "no")
	s := stream{w, http.NewResponseController(w)}
	if known, _ := strconv.ParseInt(r.URL.Query().Get("seq"), 10, 64); seq > known {
		err = s.send(news{Seq: seq})
	} else {
		err = s.write(": hello\n\n")
	}
	tick := time.NewTicker(heartbeat)
	defer tick.Stop()
	for err == nil {
		select {
		case n, open := <-c:
			if !open {
				return nil
			}
			err = s.send(n)
		case <-tick.C:
			err = s.write(": still here\n\n")
		case <-r.Context().Done():
			return nil
		}
	}
	return nil // the reader has gone
}

// stream writes events.
type stream struct {
	w       http.ResponseWriter
	control *http.ResponseController
}

func (s stream) send(n news) error {
	text, err := json.Marshal(n)
	if err != nil {
		return err
	}
	return s.write(fmt.Sprintf("event: change\ndata: %s\n\n", text))
}

// write gives a reader some time. A server without deadlines does without.
func (s stream) write(text string) error {
	_ = s.control.SetWriteDeadline(time.Now().Add(writeLimit))
	if _, err := s.w.Write([]byte(text)); err != nil {
		return err
	}
	return s.control.Flush()
}
