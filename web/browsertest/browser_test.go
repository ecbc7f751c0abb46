package browsertest

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/pawl-go/pawl"
	"github.com/pawl-go/pawl/web"
)

const patience = 20 * time.Second // for what should be there at once

// tab is a page of a browser that looks at a dashboard.
type tab struct {
	t      *testing.T
	ctx    context.Context
	base   string // of the dashboard, with a slash at its end
	runner *pawl.Runner
	server *httptest.Server

	mu       sync.Mutex
	trouble  []string // errors on the console, and others
	requests []string // addresses
}

// look starts a small scheduler and its dashboard under a prefix, and opens a tab.
func look(t *testing.T, register ...func(*pawl.Scheduler) error) *tab {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	s := pawl.NewScheduler(filepath.Join(t.TempDir(), "jobs.db"), pawl.WithLogger(slog.New(slog.DiscardHandler)))
	for id, job := range map[string]func(context.Context) error{
		"good": func(context.Context) error { return nil },
		"bad":  func(context.Context) error { return errors.New("no such host") },
		"long": func(ctx context.Context) error { <-ctx.Done(); return context.Cause(ctx) },
	} {
		require.NoError(t, s.Manual(id, pawl.JobFunc(job), pawl.WithBackoff(pawl.TripAfter(2))))
	}
	require.NoError(t, s.Cron("yearly/<i>&amp;", "0 0 1 1 *", pawl.JobFunc(func(context.Context) error { return nil })))
	for _, also := range register {
		require.NoError(t, also(s))
	}
	r, err := s.Start(ctx)
	require.NoError(t, err)
	mux := http.NewServeMux()
	mux.Handle("/some/jobs/", http.StripPrefix("/some/jobs", web.Handler(r, web.WithContext(ctx))))
	server := httptest.NewServer(mux)
	b := &tab{t: t, base: server.URL + "/some/jobs/", runner: r, server: server}
	b.ctx = browser(t)
	require.NoError(t, chromedp.Listen(b.ctx, b.heard))
	t.Cleanup(func() {
		cancel()
		server.Close()
		_ = r.Wait() // "long" is cancelled
	})
	return b
}

// heard takes note of what a page does. Nothing that a browser complains of is all right,
// but for an answer of an error, which is asked for.
func (b *tab) heard(ev any) {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch ev := ev.(type) {
	case *network.EventRequestWillBeSent:
		if !strings.HasPrefix(ev.Request.URL, "data:") { // a browser's own icons
			b.requests = append(b.requests, ev.Request.URL)
		}
	case *runtime.EventExceptionThrown:
		b.trouble = append(b.trouble, "exception: "+ev.ExceptionDetails.Text)
	case *runtime.EventConsoleAPICalled:
		b.trouble = append(b.trouble, fmt.Sprintf("console: %s %v", ev.Type, ev.Args))
	case *log.EventEntryAdded:
		b.trouble = append(b.trouble, fmt.Sprintf("log: %s %s", ev.Entry.Level, ev.Entry.Text))
	}
}

// do does one after the other.
func (b *tab) do(steps ...chromedp.Action[chromedp.Void]) {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	require.NoError(b.t, chromedp.Do(ctx, steps...))
}

func (b *tab) open(path string) {
	b.t.Helper()
	b.do(chromedp.Navigate(b.base + path))
}

// click clicks what a selector finds, when it is there.
func (b *tab) click(selector string) {
	b.t.Helper()
	b.do(chromedp.Click(chromedp.CSS(selector)))
}

// until waits for something to be so on the page, whatever page that is by then.
func (b *tab) until(expression string) {
	b.t.Helper()
	require.Eventually(b.t, func() bool {
		is, err := chromedp.Run(b.ctx, chromedp.Evaluate[bool](expression))
		return err == nil && is
	}, patience, 20*time.Millisecond, expression)
}

// shows waits for a text within what a selector finds.
func (b *tab) shows(selector, text string) {
	b.t.Helper()
	b.until(fmt.Sprintf(`document.querySelector(%q)?.innerText.includes(%q) ?? false`, selector, text))
}

func ask[T any](b *tab, expression string) T {
	b.t.Helper()
	v, err := chromedp.Run(b.ctx, chromedp.Evaluate[T](expression))
	require.NoError(b.t, err, expression)
	return v
}

// press presses a key that stands for a character, as a hand does: what the page makes of
// it may keep the character from being typed.
func (b *tab) press(key string) {
	b.t.Helper()
	for _, e := range []input.DispatchKeyEventParams{
		{Type: input.DispatchKeyEventTypeKeyDown, Key: key, Text: key}, {Type: input.DispatchKeyEventTypeKeyUp, Key: key},
	} {
		_, err := chromedp.Call(b.ctx, input.DispatchKeyEvent, e)
		require.NoError(b.t, err)
	}
}

// at waits for a page of the dashboard to be there.
func (b *tab) at(path string) {
	b.t.Helper()
	b.until(fmt.Sprintf(`document.readyState == "complete" && location.href == %q`, b.base+path))
}

// clean checks that nothing went wrong and nothing was asked of others.
func (b *tab) clean() {
	b.t.Helper()
	b.mu.Lock()
	defer b.mu.Unlock()
	assert.Empty(b.t, b.trouble)
	for _, r := range b.requests {
		assert.True(b.t, strings.HasPrefix(r, b.base), r)
	}
	assert.NotEmpty(b.t, b.requests)
}

func (b *tab) status(id string) pawl.FlowInfo {
	info, _ := b.runner.Status(id)
	return info
}

func (b *tab) fail(times int) {
	b.t.Helper()
	for range times {
		run, err := b.runner.Trigger(b.ctx, "bad")
		require.NoError(b.t, err)
		_, err = b.runner.WaitRun(b.ctx, "bad", run)
		require.NoError(b.t, err)
	}
}

// program.md: real clicks on trigger, reset and pause, each with its question.
func TestClicksTriggerResetAndPause(t *testing.T) {
	b := look(t)
	b.open("")
	b.do(chromedp.Click(chromedp.JSPath(`[...document.querySelectorAll(".flow a")].find(a => a.innerText == "good")`)))
	b.at("flow?id=good")
	b.click("#do-trigger")
	b.shows("dialog[open] h1", "Trigger good?")
	b.click("dialog[open] [data-close]")
	b.until(`!document.querySelector("dialog[open]")`)
	assert.Zero(t, b.status("good").LastNumber)
	b.click("#do-trigger")
	b.do(chromedp.SendKeys(chromedp.CSS("dialog[open] textarea"), `{"full": true}`))
	b.click("dialog[open] button")
	b.shows(".notice", "Run 1 was accepted.")
	b.at("flow?id=good") // it is said once
	run, err := b.runner.WaitRun(b.ctx, "good", 1)
	require.NoError(t, err)
	assert.JSONEq(t, `{"full": true}`, string(run.Input))

	b.fail(2)
	b.open("flow?id=bad")
	b.shows(".callout", "no such host")
	b.click("#do-reset")
	b.do(chromedp.SendKeys(chromedp.CSS("dialog[open] input[name=reason]"), "the cable was out\r"))
	b.shows(".notice", "It was reset.")
	assert.Equal(t, pawl.StatusIdle, b.status("bad").Status)
	b.shows("#steps", "the cable was out")

	yearly := b.status("yearly/<i>&amp;").ID
	b.open("flow?id=" + url.QueryEscape(yearly))
	b.shows("h1", yearly)
	b.click("#do-pause")
	b.do(chromedp.SendKeys(chromedp.CSS("dialog[open] input[name=reason]"), "not this year"))
	b.click("dialog[open] button")
	b.shows(".callout", "not this year")
	assert.Equal(t, "not this year", b.status(yearly).PauseNote)
	b.click("#do-resume")
	b.click("dialog[open] button")
	b.until(`!!document.querySelector("#do-pause")`)
	assert.True(t, b.status(yearly).PausedAt.IsZero())
	b.clean()
}

// program.md: live by SSE. The page is the same all along.
func TestPageFollowsWhatHappens(t *testing.T) {
	b := look(t)
	b.open("")
	b.do(chromedp.Steps(chromedp.WaitVisible(chromedp.CSS("#stream.on"))))
	ask[bool](b, `window.same = true`)
	run, err := b.runner.Trigger(b.ctx, "long")
	require.NoError(t, err)
	b.until(`[...document.querySelectorAll("tr")].some(r => r.innerText.includes("long") && r.innerText.includes("running"))`)
	b.shows("#chips", "Running")
	require.NoError(t, b.runner.Cancel(b.ctx, "long", run))
	b.until(`[...document.querySelectorAll("tr")].some(r => r.innerText.includes("long") && !r.innerText.includes("running"))`)
	assert.True(t, ask[bool](b, `window.same`))

	b.open("flow?id=bad")
	b.do(chromedp.Steps(chromedp.WaitVisible(chromedp.CSS("#stream.on"))))
	ask[bool](b, `window.same = true`)
	b.fail(2)
	b.shows(".callout", "Tripped after 2 failures in a row")
	b.until(`document.querySelectorAll("#list tbody tr").length == 2 && document.querySelectorAll("#durations rect").length == 2`)
	assert.True(t, ask[bool](b, `window.same`))
	b.clean()
}

// A page that lost its stream says so, and comes again by itself.
func TestPageSaysWhenItIsOffline(t *testing.T) {
	b := look(t)
	b.open("")
	b.until(`!!document.querySelector("#stream.on")`)
	b.server.CloseClientConnections()
	b.shows("#stream", "offline")
	b.fail(1)
	b.until(`!!document.querySelector("#stream.on")`)
	b.shows("#flows", "no such host")
}

// A run is cancelled where it is seen.
func TestClickCancelsARun(t *testing.T) {
	b := look(t)
	_, err := b.runner.Trigger(b.ctx, "long")
	require.NoError(t, err)
	b.open("run?id=long&number=1")
	b.click("#do-cancel")
	b.shows("dialog[open] h1", "Cancel run 1 of long?")
	b.click("dialog[open] button")
	b.shows(".notice", "Run 1 was cancelled.")
	run, err := b.runner.WaitRun(b.ctx, "long", 1)
	require.NoError(t, err)
	assert.Equal(t, pawl.RunCancelled, run.Status)
	b.clean()
}

// program.md: readable, and usable, without JavaScript.
func TestAllWorksWithoutScripts(t *testing.T) {
	b := look(t)
	_, err := chromedp.Call(b.ctx, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: true})
	require.NoError(t, err)
	b.open("")
	b.click(`.flow a[href="flow?id=good"]`)
	b.at("flow?id=good")
	b.click("#do-trigger")
	b.at("confirm?do=trigger&id=good")
	b.click("#confirm button")
	b.at("flow?did=trigger&id=good&run=1")
	b.click(`.notice a`)
	b.at("run?id=good&number=1")
	b.do(chromedp.WaitVisible(chromedp.CSS("#steps tbody tr")))
	b.click(`.top a[href="day"]`)
	b.at("day")
	b.do(chromedp.WaitVisible(chromedp.CSS(".day .lane")))
	b.open("")
	b.do(chromedp.SendKeys(chromedp.CSS("#q"), "goo\r"))
	b.at("?q=goo")
	text, err := chromedp.Run(b.ctx, chromedp.Text(chromedp.CSS("#flows")))
	require.NoError(t, err)
	assert.Contains(t, text, "1 of 4 flows")
	b.clean()
}

// program.md: keyboard.
func TestKeysAreEnough(t *testing.T) {
	b := look(t)
	b.open("")
	b.press("/")
	b.until(`document.activeElement.id == "q"`)
	b.do(chromedp.KeyEvent("good\r"))
	b.at("?q=good")
	b.do(chromedp.KeyEvent("j"))
	b.until(`document.activeElement.innerText == "good"`)
	b.do(chromedp.KeyEvent("\r"))
	b.at("flow?id=good")
	b.do(chromedp.Focus(chromedp.CSS("#do-trigger")), chromedp.KeyEvent("\r"))
	b.until(`document.querySelector("dialog[open]")?.contains(document.activeElement) ?? false`)
	b.do(chromedp.KeyEvent(kb.Escape))
	b.until(`!document.querySelector("dialog[open]") && document.activeElement.id == "do-trigger"`)
	b.do(chromedp.KeyEvent("\r"))
	b.until(`document.activeElement.name == "input"`)
	b.do(chromedp.KeyEvent(kb.Tab), chromedp.KeyEvent("\r"))
	b.shows(".notice", "Run 1 was accepted.")
	b.at("flow?id=good")
	b.do(chromedp.KeyEvent("g"), chromedp.KeyEvent("d"))
	b.at("day")
	b.do(chromedp.KeyEvent("j"), chromedp.KeyEvent("\r"))
	b.until(`document.title.length > 0 && location.pathname.endsWith("/flow")`)
	b.clean()
}

// program.md: 400 px wide. No page has to be scrolled sideways.
func TestNarrowPagesDoNotScrollSideways(t *testing.T) {
	b := look(t)
	b.fail(2)
	require.NoError(t, b.runner.Pause(b.ctx, "yearly/<i>&amp;", strings.Repeat("word ", 40)+strings.Repeat("x", 300)))
	for _, width := range []int64{400, 860, 1280} {
		b.do(chromedp.EmulateViewport(width, 800))
		for _, path := range []string{"", "flow?id=bad", "flow?id=good", "flow?id=" + url.QueryEscape("yearly/<i>&amp;"), "run?id=bad&number=1", "day", "confirm?do=trigger&id=good", "?q=zzz"} {
			b.open(path)
			assert.LessOrEqual(t, ask[int64](b, `document.documentElement.scrollWidth`), width, "%q at %d", path, width)
		}
	}
	b.clean()
}

// faults.md, security: a page needs nothing that the policy forbids, in either theme, and
// what it shows is within reach of those who do not see.
func TestPagesHaveNoErrorsAndNames(t *testing.T) {
	b := look(t)
	b.fail(1)
	for _, theme := range []string{"light", "dark"} {
		_, err := chromedp.Call(b.ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
			Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: theme}},
		})
		require.NoError(t, err)
		for _, path := range []string{"", "flow?id=bad", "run?id=bad&number=1", "day", "confirm?do=trigger&id=good"} {
			b.open(path)
			b.until(`document.readyState == "complete"`)
			assert.Empty(t, ask[[]string](b, `[...document.querySelectorAll("a, button, svg[role=img], input:not([type=hidden])")].filter(e =>
				!(e.innerText ?? "").trim() && !e.getAttribute("aria-label") && !e.closest("label") && !e.closest("svg")).map(e => e.outerHTML)`), path)
			assert.Len(t, ask[[]string](b, `[...document.querySelectorAll("h1")].map(e => e.innerText)`), 1, path)
			ids := ask[[]string](b, `[...document.querySelectorAll("[id]")].map(e => e.getAttribute("id"))`)
			seen := map[string]bool{}
			for _, id := range ids {
				assert.False(t, seen[id], "%s twice in %s", id, path)
				seen[id] = true
			}
			light := ask[bool](b, `getComputedStyle(document.documentElement).backgroundColor.match(/\d+/g)[0] > 128`)
			assert.Equal(t, theme == "light", light)
		}
	}
	b.clean()
}
