package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"sync"
	"time"

	"github.com/pawl-go/pawl"
	"github.com/pawl-go/pawl/cmd/pawl/internal/term"
)

// A notifier posts what happens to flows to a webhook: one after another, from a queue in
// memory. What cannot be delivered in some tries is logged, and dropped; what waits when
// the daemon ends is told by the next, see notified.
type notifier struct {
	log    *slog.Logger
	host   string
	client *http.Client
	queue  chan message // from notices; closed by the stop
	file   string       // of what is told
	born   time.Time    // what happened before is told late

	mu      sync.Mutex
	to      notify
	failing map[string]bool // flows whose last run failed
	late    map[string]bool
	full    bool // that a message was dropped is logged already
	closed  bool
	pending int   // messages that wait or are being delivered
	seen    int64 // the last transition that was observed
	kept    int64 // and the last that the file knows of
	unkept  bool  // that it cannot be written is logged already
}

// A message is what a webhook gets. Text is a sentence, so that chats show it.
type message struct {
	Event  string    `json:"event"` // failed, recovered, tripped, late
	Flow   string    `json:"flow_id"`
	Run    int64     `json:"run_number,omitempty"`
	At     time.Time `json:"at"`
	Streak int       `json:"failure_streak,omitempty"`
	Error  string    `json:"error,omitempty"`
	Code   int       `json:"exit_code,omitempty"` // of the command that failed
	Host   string    `json:"host"`
	Text   string    `json:"text"`
	Late   bool      `json:"told_late,omitempty"` // it happened while no daemon could tell of it
}

const (
	mostMessages = 1000 // that wait
	postTimeout  = 10 * time.Second
	lastPosts    = 5 * time.Second // after the stop
)

// postDelays are the waits between the tries to deliver a message.
var postDelays = []time.Duration{time.Second, 5 * time.Second, 20 * time.Second}

func newNotifier(to notify, file string, log *slog.Logger) *notifier {
	host, _ := os.Hostname() // it may have none
	n := &notifier{log: log, host: host, to: to, file: file, born: time.Now().UTC().Truncate(time.Millisecond), queue: make(chan message, mostMessages),
		failing: map[string]bool{}, late: map[string]bool{},
		client: &http.Client{Timeout: postTimeout, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}}
	return n
}

// start begins to deliver, first what the last daemon did not, and to look for flows that
// are late. Stop ends both, when what waits is delivered, but does not wait for long.
func (n *notifier) start(r *pawl.Runner, ask askRun) (stop func()) {
	posting, endPosts := context.WithCancel(context.Background())
	looking, endLooks := context.WithCancel(context.Background())
	var both sync.WaitGroup
	both.Go(func() {
		for m := range n.queue {
			if n.deliver(posting, m) {
				n.settle()
			}
		}
	})
	n.catchUp(r, ask)
	n.begin(r.List())
	both.Go(func() { n.patrol(looking, r) })
	return func() {
		endLooks()
		n.mu.Lock()
		n.closed = true
		close(n.queue)
		n.mu.Unlock()
		limit := time.AfterFunc(lastPosts, endPosts)
		both.Wait()
		limit.Stop()
		endPosts()
		n.remember()
	}
}

// settle says that a message is done with.
func (n *notifier) settle() {
	n.mu.Lock()
	n.pending--
	n.mu.Unlock()
	n.remember()
}

// configure takes over what a new config says.
func (n *notifier) configure(to notify) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.to = to
}

// add queues a message, if the config wants such.
func (n *notifier) add(m message) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.closed || !n.to.wants(m.Event) {
		return
	}
	m.Host = n.host
	if m.Late = m.At.Before(n.born); m.Late {
		m.Text += " (sent late: it was at " + term.Stamp(m.At) + ")"
	}
	select {
	case n.queue <- m:
		n.full = false
		n.pending++
	default:
		if !n.full {
			n.log.Error("the webhook is too slow: messages are dropped", "waiting", mostMessages)
		}
		n.full = true
	}
}

// deliver says whether a message is done with: it was taken, or never will be.
func (n *notifier) deliver(ctx context.Context, m message) bool {
	var err error
	for _, delay := range append(postDelays, 0) {
		if err = n.post(ctx, m); err == nil {
			return true
		}
		if _, permanent := errors.AsType[refused](err); permanent || delay == 0 || !pause(ctx, delay) {
			break
		}
	}
	n.log.Error("a message could not be delivered to the webhook", "event", m.Event, "flow", m.Flow, "again_at_next_start", ctx.Err() != nil, "error", err)
	return ctx.Err() == nil
}

// pause waits. False: ctx ended before.
func pause(ctx context.Context, d time.Duration) bool {
	select {
	case <-time.After(d):
		return true
	case <-ctx.Done():
		return false
	}
}

// refused is an answer that another try would not change.
type refused struct{ error }

// post sends a message. The error does not show the address, which may be secret.
func (n *notifier) post(ctx context.Context, m message) error {
	n.mu.Lock()
	url := n.to.webhook
	n.mu.Unlock()
	body, err := json.Marshal(m)
	if err != nil {
		return refused{err}
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(body))
	if err != nil {
		return refused{errors.New("the address is wrong")}
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("User-Agent", "pawl/"+version())
	answer, err := n.client.Do(r)
	if err != nil {
		return errors.Unwrap(err) // of an *url.Error
	}
	answer.Body.Close()
	switch {
	case answer.StatusCode < 300:
		return nil
	case answer.StatusCode >= 500 || answer.StatusCode == http.StatusTooManyRequests || answer.StatusCode == http.StatusRequestTimeout:
		return fmt.Errorf("it answers %s", answer.Status)
	}
	return refused{fmt.Errorf("it answers %s", answer.Status)}
}
