package web

import (
	"net"
	"net/http"
	"testing"

	"github.com/stretchr/testify/assert"
)

// a conn counts as open until it is closed.
type conn struct {
	net.Conn
	closed bool
}

func (c *conn) Close() error { c.closed = true; return nil }

// found A10: connections are limited below what jobs need; who only holds one gives way.
func TestConnectionsAreBoundedAndTheIdleOnesGiveWay(t *testing.T) {
	c := &connections{most: 3, open: map[net.Conn]bool{}}
	conns := make([]*conn, 6)
	for i := range conns {
		conns[i] = &conn{}
	}
	for _, o := range conns[:3] {
		c.state(o, http.StateNew)
	}
	c.state(conns[0], http.StateActive)
	c.state(conns[3], http.StateNew)
	assert.True(t, conns[1].closed, "it has been idle for longest")
	c.state(conns[1], http.StateClosed)
	c.state(conns[2], http.StateActive)
	c.state(conns[3], http.StateActive)
	c.state(conns[4], http.StateNew)
	assert.True(t, conns[4].closed, "all others have a request")
	c.state(conns[4], http.StateClosed)
	c.state(conns[2], http.StateIdle)
	c.state(conns[5], http.StateNew)
	assert.True(t, conns[2].closed)
	assert.False(t, conns[0].closed || conns[3].closed || conns[5].closed)
	assert.Len(t, c.open, 3)

	assert.Equal(t, 64, connectionsFor(256))
	assert.Equal(t, 8, connectionsFor(16))
	assert.Equal(t, 1000, connectionsFor(1<<20))
}
