package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"strings"

	"github.com/spf13/cobra"

	"github.com/pawl-go/pawl"
	"github.com/pawl-go/pawl/cmd/pawl/internal/files"
	"github.com/pawl-go/pawl/web"
)

// front is where the daemon serves its dashboard.
type front struct {
	address  string // empty: nowhere
	token    string // a file; empty: none is asked for
	hosts    []string
	readOnly bool
}

func (f *front) flags(cmd *cobra.Command) {
	cmd.Flags().StringVar(&f.address, "listen", "", "serve the dashboard at this `address`, such as 127.0.0.1:8080")
	cmd.Flags().StringVar(&f.token, "listen-token", "", "ask for the token in this `file`; needed for other addresses than those of this machine")
	cmd.Flags().StringSliceVar(&f.hosts, "listen-host", nil, "also answer to this `name`, as that of a proxy; may be repeated")
	cmd.Flags().BoolVar(&f.readOnly, "listen-read-only", false, "a dashboard without buttons")
}

// check finds what makes no sense.
func (f *front) check() error {
	if f.address == "" {
		if f.token != "" || len(f.hosts) > 0 || f.readOnly {
			return errors.New("--listen-token, --listen-host and --listen-read-only are for --listen")
		}
		return nil
	}
	at, err := net.ResolveTCPAddr("tcp", f.address)
	if err != nil {
		return fmt.Errorf("--listen %s: %w; it is an address and a port, such as 127.0.0.1:8080", f.address, err)
	}
	if !at.IP.IsLoopback() && f.token == "" {
		return fmt.Errorf("--listen %s: others reach that; give it a --listen-token, or listen on 127.0.0.1", f.address)
	}
	return nil
}

// open begins to listen, before anything else is begun that would have to end.
func (f *front) open(d *daemon) (net.Listener, []web.Option, error) {
	if f.address == "" {
		return nil, nil, nil
	}
	var options []web.Option
	if f.token != "" {
		text, info, err := files.ReadRegular(f.token, maxToken, 0)
		if err != nil {
			return nil, nil, fmt.Errorf("--listen-token: %w", err)
		}
		if who, remedy := files.Strangers(info); who != "" {
			return nil, nil, fmt.Errorf("--listen-token: %w: %s can write %s, and whoever has the token runs commands as you; fix that with: %s %[3]s",
				fs.ErrPermission, who, f.token, remedy)
		}
		if files.EverybodyReads(info) {
			d.log.Warn("everybody on this machine can read the token of the dashboard", "file", f.token, "fix", "chmod o-r "+f.token)
		}
		token := strings.TrimSpace(string(text))
		if len(token) < leastToken {
			return nil, nil, fmt.Errorf("--listen-token: the token in %s is shorter than %d characters; openssl rand -hex 32 makes a good one", f.token, leastToken)
		}
		options = append(options, web.WithToken(token))
	}
	if len(f.hosts) > 0 {
		options = append(options, web.WithHosts(f.hosts...))
	}
	if f.readOnly {
		options = append(options, web.WithReadOnly())
	}
	options = append(options, web.WithMount("metrics", d.metrics.Handler()))
	l, err := net.Listen("tcp", f.address)
	if err != nil {
		return nil, nil, fmt.Errorf("--listen: %w", err)
	}
	return l, options, nil
}

const maxToken = 64 << 10 // bytes of its file

// leastToken is so short a token that it can be guessed.
const leastToken = 16

// show serves the dashboard until ctx is over; what ends it before is logged, and ends
// nothing else.
func (d *daemon) show(ctx context.Context, r *pawl.Runner) (wait func()) {
	if d.listener == nil {
		return func() {}
	}
	d.metrics.Watch(r)
	d.log.Info("dashboard", "url", addressOf(d.listener))
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		if err := web.Serve(ctx, d.listener, r, d.dashboard...); err != nil {
			d.log.Error("the dashboard has ended", "error", err)
		}
	}()
	return func() { <-ended }
}

// addressOf is what one gives a browser on this machine.
func addressOf(l net.Listener) string {
	host, port, err := net.SplitHostPort(l.Addr().String())
	if ip := net.ParseIP(host); err == nil && ip != nil && ip.IsUnspecified() {
		host = "localhost"
	}
	return "http://" + net.JoinHostPort(host, port) + "/"
}
