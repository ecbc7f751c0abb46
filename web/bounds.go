package web

import (
	"net"
	"net/http"
	"sync"
	"time"
)

const (
	answerLimit = time.Minute     // in which an answer has to be made and read; streams renew it
	answersMost = 32              // answers that are under way at once, besides streams
	answersWait = 5 * time.Second // for one of them
	chunk       = 32 << 10        // bytes of a list that wait for the reader
)

// bounded lets at most answersMost answers be under way, each with a deadline: a reader
// who never reads holds neither the memory of his answer nor its place for long. The
// deadline goes with the answer, since other handlers may use the connection.
func (d *dashboard) bounded(w http.ResponseWriter, r *http.Request, answer func()) error {
	timer := time.NewTimer(answersWait)
	defer timer.Stop()
	select {
	case d.answers <- struct{}{}:
	case <-r.Context().Done():
		return nil // nobody waits for it any more
	case <-timer.C:
		w.Header().Set("Retry-After", "30")
		return refuse(http.StatusServiceUnavailable, "Too many answers wait for their readers.")
	}
	defer func() { <-d.answers }()
	control := http.NewResponseController(w)
	if control.SetWriteDeadline(time.Now().Add(answerLimit)) == nil {
		defer func() {
			_ = control.Flush() // an error is that the reader has gone
			_ = control.SetWriteDeadline(time.Time{})
		}()
	}
	answer()
	return nil
}

// connections keeps the number of connections of a server within a bound. A new one
// beyond it takes the place of the one that has been idle for longest: strangers who only
// hold connections keep nobody out, and leave the descriptors that jobs need.
type connections struct {
	most int

	mu   sync.Mutex
	idle []net.Conn // no request is under way on them, longest first
	open map[net.Conn]bool
}

// state is a [http.Server]'s ConnState.
func (c *connections) state(conn net.Conn, state http.ConnState) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.unidle(conn)
	switch state {
	case http.StateNew:
		if len(c.open) >= c.most && len(c.idle) == 0 {
			conn.Close()
			return
		}
		if len(c.open) >= c.most {
			oldest := c.idle[0]
			c.unidle(oldest)
			delete(c.open, oldest)
			oldest.Close()
		}
		c.open[conn] = true
		c.idle = append(c.idle, conn)
	case http.StateIdle:
		c.idle = append(c.idle, conn)
	case http.StateClosed, http.StateHijacked:
		delete(c.open, conn)
	}
}

func (c *connections) unidle(conn net.Conn) {
	for i, other := range c.idle {
		if other == conn {
			c.idle = append(c.idle[:i], c.idle[i+1:]...)
			return
		}
	}
}

// connectionsFor is how many connections a process with so many descriptors may have: a
// quarter of them, for jobs and the database need the rest.
func connectionsFor(descriptors uint64) int { return int(min(max(descriptors/4, 8), 1000)) }
