package web

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"
)

// ErrOpen is [Serve]'s for a listener that others reach, without [WithToken] or
// [WithAuthorize].
var ErrOpen = errors.New("a dashboard on other than a loopback address needs a token")

const shutdownLimit = 5 * time.Second

// Serve serves the dashboard of a source on a listener, at its root, until ctx ends,
// and closes the listener. It is for programs without an HTTP server of their own. It
// returns nil after that, [ErrOpen], or what ended the serving.
func Serve(ctx context.Context, l net.Listener, s Source, opts ...Option) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	d := newDashboard(s, append(opts, WithContext(ctx))...)
	if err := d.fit(l.Addr()); err != nil {
		return errors.Join(err, l.Close())
	}
	bound := &connections{most: connectionsFor(descriptors()), open: map[net.Conn]bool{}}
	server := &http.Server{
		Handler: d.guarded(), ConnState: bound.state, WriteTimeout: answerLimit, ReadHeaderTimeout: 10 * time.Second, ReadTimeout: time.Minute, IdleTimeout: 2 * time.Minute, MaxHeaderBytes: 64 << 10,
	}
	ended := make(chan error, 1) // the server's end may come when nobody waits any more
	go func() { ended <- server.Serve(l) }()
	select {
	case err := <-ended:
		return fmt.Errorf("serve the dashboard: %w", err)
	case <-ctx.Done():
	}
	limit, stop := context.WithTimeout(context.WithoutCancel(ctx), shutdownLimit)
	defer stop()
	if server.Shutdown(limit) != nil {
		_ = server.Close() // somebody is slow
	}
	return nil
}

// fit says whether an address is one to serve on.
func (d *dashboard) fit(addr net.Addr) error {
	host, _, err := net.SplitHostPort(addr.String())
	if err == nil && isLoopback(host) || addr.Network() == "unix" || d.token != "" || d.judged {
		return nil
	}
	return fmt.Errorf("%w: %s; give it one, or listen on 127.0.0.1", ErrOpen, addr)
}
