package web_test

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/pawl-go/pawl"
	"github.com/pawl-go/pawl/web"
)

// post answers a form.
func post(h http.Handler, form url.Values, headers ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(http.MethodPost, "/act", strings.NewReader(form.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

var everyPage = []string{"/", "/flow?id=a", "/run?id=a&number=1", "/day", "/confirm?do=trigger&id=a", "/events", "/api/flows", "/api/flow?id=a",
	"/api/runs", "/api/run?id=a&number=1", "/api/next", "/api/why?id=a&at=2000-01-01T00:00:00Z", "/api/transitions?id=a", "/api/occurrences?id=a", "/metrics"}

// faults.md, security: an Authorize hook, for looking and for each action.
func TestWhatIsNotAuthorizedIsNeitherDoneNorOffered(t *testing.T) {
	bubble(t, func(t *testing.T, s *pawl.Scheduler) {
		require.NoError(t, s.Every("a", time.Hour, pawl.JobFunc(nothing)))
		r := start(t, s)
		allowed := map[string]bool{}
		h := web.Handler(r, web.WithAuthorize(func(_ *http.Request, action string) error {
			if !allowed[action] {
				return errors.New("you may not " + action)
			}
			return nil
		}), web.WithMount("/metrics", http.NotFoundHandler()))
		for _, target := range everyPage {
			w := get(h, target)
			assert.Equal(t, http.StatusForbidden, w.Code, target)
			assert.Contains(t, strings.ToLower(w.Body.String()), "you may not read", target)
		}
		allowed["trigger"] = true
		assert.Equal(t, http.StatusForbidden, post(h, url.Values{"do": {"trigger"}, "id": {"a"}}).Code, "who may not look")
		allowed = map[string]bool{"read": true, "trigger": true}
		text := page(t, h, "/flow?id=a")
		assert.Contains(t, text, "do-trigger")
		assert.NotContains(t, text, "do-pause")
		for _, do := range []string{"reset", "pause", "resume", "probe", "cancel"} {
			assert.Equal(t, http.StatusForbidden, get(h, "/confirm?do="+do+"&id=a").Code, do)
			assert.Equal(t, http.StatusForbidden, post(h, url.Values{"do": {do}, "id": {"a"}, "number": {"1"}}).Code, do)
		}
		info, _ := r.Status("a")
		assert.True(t, info.PausedAt.IsZero())
	})
}

func TestReadOnlyDashboardOffersAndDoesNothing(t *testing.T) {
	bubble(t, func(t *testing.T, s *pawl.Scheduler) {
		require.NoError(t, s.Every("a", time.Hour, pawl.JobFunc(nothing)))
		h := web.Handler(start(t, s), web.WithReadOnly())
		assert.NotContains(t, page(t, h, "/flow?id=a"), "confirm?")
		for _, do := range []string{"trigger", "reset", "pause", "resume", "probe", "cancel"} {
			assert.Equal(t, http.StatusForbidden, post(h, url.Values{"do": {do}, "id": {"a"}}).Code)
		}
	})
}

// faults.md, security: cross-origin protection. A page of another site cannot act, nor
// can a link.
func TestOtherSitesCannotAct(t *testing.T) {
	bubble(t, func(t *testing.T, s *pawl.Scheduler) {
		require.NoError(t, s.Manual("a", pawl.JobFunc(nothing)))
		r := start(t, s)
		h := web.Handler(r)
		form := url.Values{"do": {"trigger"}, "id": {"a"}}
		for _, headers := range [][]string{
			{"Sec-Fetch-Site", "cross-site"}, {"Sec-Fetch-Site", "same-site"}, {"Origin", "https://evil.example"}, {"Origin", "null"},
		} {
			assert.Equal(t, http.StatusForbidden, post(h, form, headers...).Code, headers)
		}
		for _, c := range []struct {
			site, mode string
			code       int
		}{
			{"cross-site", "cors", http.StatusForbidden}, {"same-site", "no-cors", http.StatusForbidden}, {"cross-site", "navigate", http.StatusOK},
			{"same-origin", "cors", http.StatusOK}, {"none", "navigate", http.StatusOK},
		} {
			r := httptest.NewRequest(http.MethodGet, "/api/flows", nil)
			r.Header.Set("Sec-Fetch-Site", c.site)
			r.Header.Set("Sec-Fetch-Mode", c.mode)
			w := httptest.NewRecorder()
			h.ServeHTTP(w, r)
			assert.Equal(t, c.code, w.Code, c)
		}
		w := get(h, "/act?"+form.Encode())
		assert.Equal(t, http.StatusMethodNotAllowed, w.Code)
		assert.Equal(t, "POST", w.Header().Get("Allow"))
		for _, target := range everyPage[:14] {
			r := httptest.NewRecorder()
			h.ServeHTTP(r, httptest.NewRequest(http.MethodPost, target, nil))
			assert.Equal(t, http.StatusMethodNotAllowed, r.Code, target)
		}
		info, _ := r.Status("a")
		assert.Zero(t, info.LastNumber)
		assert.Equal(t, http.StatusSeeOther, post(h, form, "Sec-Fetch-Site", "same-origin").Code)
		synctest.Wait()
		assert.Equal(t, http.StatusSeeOther, post(h, form, "Origin", "http://example.com").Code, "httptest's host")
	})
}

// faults.md, security: strict CSP. Nothing in a page needs what it forbids.
func TestPagesAreStrict(t *testing.T) {
	bubble(t, func(t *testing.T, s *pawl.Scheduler) {
		require.NoError(t, s.Every("a", time.Hour, pawl.JobFunc(broken), pawl.WithBackoff(pawl.TripAfter(3))))
		h := web.Handler(start(t, s))
		time.Sleep(time.Minute)
		for _, target := range append([]string{"/nothing"}, everyPage[:5]...) {
			w := get(h, target)
			policy := w.Header().Get("Content-Security-Policy")
			for _, want := range []string{"default-src 'none'", "script-src 'self'", "style-src 'self'", "frame-ancestors 'none'", "form-action 'self'", "base-uri 'none'"} {
				assert.Contains(t, policy, want)
			}
			assert.NotContains(t, policy, "unsafe")
			assert.Equal(t, "nosniff", w.Header().Get("X-Content-Type-Options"))
			assert.Equal(t, "no-store", w.Header().Get("Cache-Control"))
			text := w.Body.String()
			assert.NotContains(t, text, " style=", target)
			assert.NotContains(t, text, "<style", target)
			assert.NotRegexp(t, `<script[^>]*>[^<]`, text, target)
			assert.NotRegexp(t, ` on[a-z]+=`, text, target)
		}
	})
}

// at asks for a page over a connection to a local address.
func at(h http.Handler, local, host string) int {
	r := httptest.NewRequest(http.MethodGet, "/", nil)
	r.Host = host
	addr, err := net.ResolveTCPAddr("tcp", local)
	if err != nil {
		panic(err)
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), http.LocalAddrContextKey, net.Addr(addr))))
	return w.Code
}

// faults.md, security: Host allow-list. A name that was made to point here is refused.
func TestHostsOfOthersAreRefused(t *testing.T) {
	bubble(t, func(t *testing.T, s *pawl.Scheduler) {
		r := start(t, s)
		h := web.Handler(r)
		for _, host := range []string{"localhost", "LocalHost:8080", "127.0.0.1:8080", "127.1.2.3", "[::1]:8080", "[::1]"} {
			assert.Equal(t, http.StatusOK, at(h, "127.0.0.1:8080", host), host)
		}
		for _, host := range []string{"evil.example:8080", "127.0.0.1.evil.example", "localhost.evil.example", "", "10.0.0.1:8080"} {
			assert.Equal(t, http.StatusForbidden, at(h, "127.0.0.1:8080", host), host)
			assert.Equal(t, http.StatusForbidden, at(h, "[::1]:8080", host), host)
		}
		assert.Equal(t, http.StatusOK, at(h, "10.0.0.1:80", "jobs.example.com"), "an app's own server")
		h = web.Handler(r, web.WithHosts("jobs.example.com"))
		assert.Equal(t, http.StatusOK, at(h, "127.0.0.1:8080", "Jobs.example.com"), "through a proxy")
		assert.Equal(t, http.StatusOK, at(h, "10.0.0.1:80", "jobs.example.com:443"))
		assert.Equal(t, http.StatusForbidden, at(h, "10.0.0.1:80", "evil.example"))
	})
}

// faults.md, security: a token.
func TestTokenIsAskedFor(t *testing.T) {
	bubble(t, func(t *testing.T, s *pawl.Scheduler) {
		require.NoError(t, s.Manual("a", pawl.JobFunc(nothing)))
		h := web.Handler(start(t, s), web.WithToken("sesame"))
		ask := func(set func(*http.Request)) int {
			r := httptest.NewRequest(http.MethodGet, "/", nil)
			set(r)
			w := httptest.NewRecorder()
			h.ServeHTTP(w, r)
			return w.Code
		}
		assert.Equal(t, http.StatusOK, ask(func(r *http.Request) { r.SetBasicAuth("whoever", "sesame") }))
		assert.Equal(t, http.StatusOK, ask(func(r *http.Request) { r.Header.Set("Authorization", "Bearer sesame") }))
		for _, wrong := range []string{"", "Sesame", "sesame ", "sesam"} {
			assert.Equal(t, http.StatusUnauthorized, ask(func(r *http.Request) { r.SetBasicAuth("sesame", wrong) }), wrong)
			assert.Equal(t, http.StatusUnauthorized, ask(func(r *http.Request) { r.Header.Set("Authorization", "Bearer "+wrong) }), wrong)
		}
		for _, target := range append([]string{"/assets/live.js"}, everyPage...) {
			w := get(h, target)
			assert.Equal(t, http.StatusUnauthorized, w.Code, target)
			assert.Contains(t, w.Header().Get("WWW-Authenticate"), "Basic")
		}
		assert.Equal(t, http.StatusUnauthorized, post(h, url.Values{"do": {"trigger"}, "id": {"a"}}).Code)
		assert.Equal(t, http.StatusOK, get(h, "/healthz").Code)
		assert.Equal(t, http.StatusOK, get(h, "/readyz").Code)
	})
}

var tags = regexp.MustCompile(`<[^>]*>`)

// faults.md, security: everything escaped. An id may hold anything that is no control
// character.
func TestIdsMayHoldAnything(t *testing.T) {
	ids := []string{`a/b/../c`, `..`, `a b+c%20d`, `<script>alert(1)</script>`, `"><img src=x onerror=alert(1)>`, `{{.}}`, `流れ ✓ é`,
		`a&id=b#c?d`, `'; DROP TABLE pawl_runs; --`, "right\u202eto left"}
	bubble(t, func(t *testing.T, s *pawl.Scheduler) {
		for _, id := range ids {
			require.NoError(t, s.Every(id, time.Hour, pawl.JobFunc(func(context.Context) error { return errors.New(id) })))
		}
		r := start(t, s)
		time.Sleep(time.Minute)
		h := web.Handler(r)
		q := func(id string) string { return url.QueryEscape(id) }
		for _, id := range ids {
			for _, target := range []string{"/flow?id=" + q(id), "/run?number=1&id=" + q(id), "/confirm?do=pause&id=" + q(id), "/?q=" + q(id), "/day?q=" + q(id)} {
				text := page(t, h, target)
				for _, bad := range []string{"<script>alert", "<img"} {
					assert.False(t, strings.Contains(text, bad), "%s in %s", bad, target)
				}
				assert.False(t, strings.Contains(tags.ReplaceAllString(text, ""), "\u202e"), target)
			}
			assert.Equal(t, http.StatusSeeOther, post(h, url.Values{"do": {"pause"}, "id": {id}, "reason": {id}}).Code, id)
			info, _ := r.Status(id)
			assert.Equal(t, id, info.PauseNote)
			assert.Contains(t, page(t, h, "/api/flow?id="+q(id)), `"paused_at"`)
		}
	})
}

func TestBodiesAreBounded(t *testing.T) {
	bubble(t, func(t *testing.T, s *pawl.Scheduler) {
		require.NoError(t, s.Manual("a", pawl.JobFunc(nothing)))
		h := web.Handler(start(t, s))
		form := url.Values{"do": {"trigger"}, "id": {"a"}, "input": {`"` + strings.Repeat("x", 1<<20-2) + `"`}}
		assert.Equal(t, http.StatusSeeOther, post(h, form).Code, "an input of 1 MiB")
		form.Set("input", `"`+strings.Repeat("x", 1<<20)+`"`)
		assert.Equal(t, http.StatusRequestEntityTooLarge, post(h, form).Code)
		form.Set("reason", strings.Repeat("x", 1<<20))
		assert.Equal(t, http.StatusRequestEntityTooLarge, post(h, form).Code)
	})
}

func TestHealthAndReadinessAreTold(t *testing.T) {
	bubble(t, func(t *testing.T, s *pawl.Scheduler) {
		r, err := s.Start(context.Background())
		require.NoError(t, err)
		h := web.Handler(r)
		assert.Equal(t, "ok\n", page(t, h, "/healthz"))
		assert.Equal(t, "ready\n", page(t, h, "/readyz"))
		require.NoError(t, r.Stop(context.Background()))
		assert.Equal(t, http.StatusOK, get(h, "/healthz").Code)
		assert.Equal(t, http.StatusServiceUnavailable, get(h, "/readyz").Code)
		assert.Equal(t, http.StatusServiceUnavailable, get(h, "/").Code)
		assert.Equal(t, http.StatusServiceUnavailable, get(h, "/events").Code)
	})
}

// listening is a listener on an address that nobody connects to.
type listening struct {
	net.Listener
	addr   net.Addr
	closed chan struct{}
}

func (l listening) Addr() net.Addr { return l.addr }

func (l listening) Accept() (net.Conn, error) {
	<-l.closed
	return nil, net.ErrClosed
}

func (l listening) Close() error {
	close(l.closed)
	return nil
}

// faults.md, security: loopback by default, a token for anything else.
func TestServeWantsATokenForOtherMachines(t *testing.T) {
	for addr, fits := range map[string]bool{"127.0.0.1:80": true, "[::1]:80": true, "0.0.0.0:80": false, "[::]:80": false, "192.168.1.2:80": false} {
		bubble(t, func(t *testing.T, s *pawl.Scheduler) {
			r := start(t, s)
			serve := func(opts ...web.Option) error {
				a, err := net.ResolveTCPAddr("tcp", addr)
				require.NoError(t, err)
				ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
				defer cancel()
				return web.Serve(ctx, listening{addr: a, closed: make(chan struct{})}, r, opts...)
			}
			if fits {
				require.NoError(t, serve(), addr)
			} else {
				require.ErrorIs(t, serve(), web.ErrOpen, addr)
			}
			require.NoError(t, serve(web.WithToken("sesame")))
			require.NoError(t, serve(web.WithAuthorize(func(*http.Request, string) error { return nil })))
		})
	}
}
