package web

import (
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"fmt"
	"net"
	"net/http"
	"slices"
	"strings"
)

// policy lets a page use nothing but the files of the dashboard itself.
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; " +
	"form-action 'self'; frame-ancestors 'none'; base-uri 'none'"

// refusal is an error with a status of its own.
type refusal struct {
	status int
	text   string
}

// Error is what the reader is told.
func (r refusal) Error() string { return r.text }

func refuse(status int, format string, args ...any) error {
	return refusal{status, fmt.Sprintf(format, args...)}
}

// guarded is the whole of the handler: who may ask at all, then what is asked.
func (d *dashboard) guarded() http.Handler {
	var origin http.CrossOriginProtection
	origin.SetDenyHandler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		d.fail(w, r, refuse(http.StatusForbidden, "This request comes from a page of another site."))
	}))
	inner := origin.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := d.serve(w, r); err != nil {
			d.fail(w, r, err)
		}
	}))
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", policy)
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("X-Frame-Options", "DENY")
		h.Set("Referrer-Policy", "same-origin")
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		h.Set("Cache-Control", "no-store")
		switch path(r) {
		case "healthz":
			d.healthz(w, r)
			return
		case "readyz":
			d.readyz(w, r)
			return
		}
		if err := d.admit(w, r); err != nil {
			d.fail(w, r, err)
			return
		}
		if path(r) == "events" { // streams bound themselves
			inner.ServeHTTP(w, r)
			return
		}
		if err := d.bounded(w, r, func() { inner.ServeHTTP(w, r) }); err != nil {
			d.fail(w, r, err)
		}
	})
}

// path is what is asked for, without the slash before it.
func path(r *http.Request) string { return strings.TrimPrefix(r.URL.Path, "/") }

// unslashed is where a request for the folder without its slash should go: links in the
// page would lead astray. Empty: it is as it should be.
func unslashed(r *http.Request) string {
	asked, query, _ := strings.Cut(r.RequestURI, "?")
	if r.URL.Path != "" || asked == "" || strings.HasSuffix(asked, "/") {
		return ""
	}
	if query != "" {
		query = "?" + query
	}
	return "./" + asked[strings.LastIndex(asked, "/")+1:] + "/" + query
}

// serve answers who was admitted, if that is authorized.
func (d *dashboard) serve(w http.ResponseWriter, r *http.Request) error {
	if to := unslashed(r); to != "" {
		w.Header().Set("Location", to)
		w.WriteHeader(http.StatusTemporaryRedirect)
		return nil
	}
	if name, ok := strings.CutPrefix(path(r), "assets/"); ok {
		return serveAsset(w, r, name)
	}
	if path(r) == "act" {
		return d.act(w, r) // it judges the action itself
	}
	handle := d.route(path(r))
	if handle == nil {
		return refuse(http.StatusNotFound, "There is no such page.")
	}
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		w.Header().Set("Allow", "GET, HEAD")
		return refuse(http.StatusMethodNotAllowed, "This page can only be read.")
	}
	if err := d.may(r, "read"); err != nil {
		return err
	}
	return handle(w, r)
}

// may asks whether a request may do something.
func (d *dashboard) may(r *http.Request, action string) error {
	if d.readOnly && action != "read" {
		return refuse(http.StatusForbidden, "This dashboard only shows.")
	}
	if err := d.authorize(r, action); err != nil {
		if known, ok := errors.AsType[refusal](err); ok {
			return known
		}
		return refuse(http.StatusForbidden, "%s", err)
	}
	return nil
}

// strange says whether a page of another site asks, for anything but to be left for this
// one by a link. Such a page could not read the answer, but keep us busy.
func strange(r *http.Request) bool {
	switch r.Header.Get("Sec-Fetch-Site") {
	case "", "none", "same-origin":
		return false
	}
	return r.Header.Get("Sec-Fetch-Mode") != "navigate"
}

// admit judges where a request comes from, its host, and its token.
func (d *dashboard) admit(w http.ResponseWriter, r *http.Request) error {
	if host := hostOf(r.Host); !d.hosted(r, host) {
		return refuse(http.StatusForbidden, "The host %q is not one of this dashboard's. Whoever runs it can allow it, see web.WithHosts.", host)
	}
	if strange(r) {
		return refuse(http.StatusForbidden, "This request comes from a page of another site.")
	}
	if d.token == "" || d.knows(r) {
		return nil
	}
	w.Header().Set("WWW-Authenticate", `Basic realm="pawl", charset="UTF-8"`)
	return refuse(http.StatusUnauthorized, "This dashboard asks for its token, as the password of any user.")
}

// hosted says whether the dashboard goes by the name of a host.
func (d *dashboard) hosted(r *http.Request, host string) bool {
	if len(d.hosts) == 0 && !isLocal(r) {
		return true
	}
	return isLoopback(host) || slices.ContainsFunc(d.hosts, func(h string) bool { return strings.EqualFold(h, host) })
}

// isLocal says whether a request came to a loopback address.
func isLocal(r *http.Request) bool {
	addr, ok := r.Context().Value(http.LocalAddrContextKey).(net.Addr)
	if !ok {
		return false
	}
	host, _, err := net.SplitHostPort(addr.String())
	return err == nil && isLoopback(host)
}

// isLoopback says whether a host without a port is this machine, and only ever is.
func isLoopback(host string) bool {
	ip := net.ParseIP(host)
	return strings.EqualFold(host, "localhost") || ip != nil && ip.IsLoopback()
}

// hostOf is a host without its port.
func hostOf(host string) string {
	if h, _, err := net.SplitHostPort(host); err == nil {
		return h
	}
	return strings.TrimSuffix(strings.TrimPrefix(host, "["), "]")
}

// knows says whether a request carries the token. It takes the same time whatever it
// carries.
func (d *dashboard) knows(r *http.Request) bool {
	given, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	if !ok {
		_, given, _ = r.BasicAuth()
	}
	a, b := sha256.Sum256([]byte(given)), sha256.Sum256([]byte(d.token))
	return subtle.ConstantTimeCompare(a[:], b[:]) == 1
}
