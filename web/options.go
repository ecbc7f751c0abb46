package web

import (
	"context"
	"net/http"
	"strings"
	"time"
)

// An Option changes a dashboard.
type Option func(*dashboard)

// WithAuthorize has every request judged: an error refuses it with status 403 and the
// error's text. The action is "read" for what only looks, and trigger, probe, reset,
// pause, resume or cancel, with or without undo; those that are refused have no button
// either. Default: all may do all.
func WithAuthorize(judge func(r *http.Request, action string) error) Option {
	return func(d *dashboard) { d.authorize, d.judged = judge, true }
}

// WithToken asks for a token: as the password of any user name (HTTP basic
// authentication, for browsers) or as a bearer token (for programs). /healthz and
// /readyz do without. Use it over TLS, or on one machine. Empty: no token.
func WithToken(token string) Option { return func(d *dashboard) { d.token = token } }

// WithHosts names hosts, without a port, under which the dashboard may be called, above
// all that of a proxy on the same machine. With it no others are answered, but
// localhost and loopback addresses. Without it, on a connection to a loopback address,
// these are the only ones: so a page of another site cannot reach the dashboard by
// having its own name point here (DNS rebinding).
func WithHosts(names ...string) Option {
	return func(d *dashboard) { d.hosts = append(d.hosts, names...) }
}

// WithReadOnly leaves out all that changes something.
func WithReadOnly() Option { return func(d *dashboard) { d.readOnly = true } }

// WithLocation sets the time zone of times and days; default time.Local.
func WithLocation(zone *time.Location) Option { return func(d *dashboard) { d.zone = zone } }

// WithName sets what the dashboard is called in its head; default "Pawl".
func WithName(name string) Option { return func(d *dashboard) { d.name = name } }

// WithContext ends the streams of open pages when ctx ends. http.Server.Shutdown waits
// for them, so an app that uses it gives a context here that ends before.
func WithContext(ctx context.Context) Option { return func(d *dashboard) { d.ctx = ctx } }

// WithMount serves h at one more path, such as "metrics", to those who may read.
// Its answers have a minute, and count among the 32 that may be under way.
func WithMount(path string, h http.Handler) Option {
	return func(d *dashboard) { d.mounts[strings.Trim(path, "/")] = h }
}
