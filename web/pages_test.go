package web_test

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
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

// has checks that a text has all of these.
func has(t *testing.T, text string, want ...string) {
	t.Helper()
	for _, w := range want {
		assert.True(t, strings.Contains(text, w), "%q is missing", w)
	}
}

// lacks checks that a text has none of these.
func lacks(t *testing.T, text string, unwanted ...string) {
	t.Helper()
	for _, u := range unwanted {
		assert.False(t, strings.Contains(text, u), "%q is there", u)
	}
}

// program.md: search and filters in the URL.
func TestFlowsAreSearchedFilteredAndSorted(t *testing.T) {
	bubble(t, func(t *testing.T, s *pawl.Scheduler) {
		require.NoError(t, s.Every("import orders", time.Minute, pawl.JobFunc(nothing)))
		require.NoError(t, s.Every("export orders", time.Hour, pawl.JobFunc(broken)))
		require.NoError(t, s.Every("zip", time.Second, pawl.JobFunc(broken), pawl.WithBackoff(pawl.TripAfter(2))))
		r := start(t, s)
		require.NoError(t, r.Pause(t.Context(), "import orders", ""))
		time.Sleep(90 * time.Second)
		h := web.Handler(r)
		shows := func(target string, want ...string) {
			t.Helper()
			var ids []string
			for _, m := range regexp.MustCompile(`class="flow"><a[^>]*>([^<]*)`).FindAllStringSubmatch(page(t, h, target), -1) {
				ids = append(ids, m[1])
			}
			assert.Equal(t, want, ids, target)
		}
		shows("/", "import orders", "export orders", "zip")
		shows("/?q=orders", "import orders", "export orders")
		shows("/?q=ORDERS+ex", "export orders")
		shows("/?q=no+such+host", "export orders", "zip")
		shows("/?q=nothing+like+it")
		shows("/?state=paused", "import orders")
		shows("/?state=tripped", "zip")
		shows("/?state=failing", "export orders", "zip")
		shows("/?state=failing&q=zip", "zip")
		for target, want := range map[string]string{
			"/?state=bogus":              "There is no state &#34;bogus&#34;; there is running, failing, tripped, late, paused, waiting, parked, blocked, gone.",
			"/?sort=bogus":               "Flows cannot be sorted by &#34;bogus&#34;; there is flow, last, next, streak, also with a - before it.",
			"/?state=%3Cb%3E&q=x&page=2": "There is no state &#34;&lt;b&gt;&#34;",
			"/api/flows?state=bogus":     `{"error":"There is no state \"bogus\"; there is running, failing, tripped, late, paused, waiting, parked, blocked, gone."}`,
		} {
			w := get(h, target)
			assert.Equal(t, http.StatusBadRequest, w.Code, target)
			has(t, w.Body.String(), want)
		}
		shows("/?sort=flow", "export orders", "import orders", "zip")
		shows("/?sort=-flow", "zip", "import orders", "export orders")
		shows("/?sort=streak", "zip", "import orders", "export orders")
		shows("/?sort=next", "export orders", "import orders", "zip")
		shows("/?page=999", "import orders", "export orders", "zip")
		has(t, page(t, h, "/?q=zip"), `<span class="hot">2/2</span>`)
		has(t, page(t, h, "/?q=export"), `title="Not counted: the flow has no backoff policy">off</span>`)
		has(t, page(t, h, "/?q=orders&sort=flow"), `href="./?q=orders&amp;sort=flow&amp;state=paused"`)
		has(t, page(t, h, "/?q=nothing+like+it"), "No flow fits", "Show all 3")
	})
}

// A run that never was is told from one that was deleted.
func TestRunThatIsNotThereSaysWhetherItWas(t *testing.T) {
	bubble(t, func(t *testing.T, s *pawl.Scheduler) {
		require.NoError(t, s.Manual("work", pawl.JobFunc(nothing), pawl.WithRetention(2, 0)))
		require.NoError(t, s.Manual("idle", pawl.JobFunc(nothing)))
		r := start(t, s)
		for range 300 {
			run, err := r.Trigger(t.Context(), "work")
			require.NoError(t, err)
			_, err = r.WaitRun(t.Context(), "work", run)
			require.NoError(t, err)
		}
		time.Sleep(3 * time.Minute) // deleted in small batches
		h := web.Handler(r)
		for query, want := range map[string]string{
			"id=work&number=1":   "Run 1 of flow %swork%[1]s is not kept any more.",
			"id=work&number=301": "Flow %swork%[1]s has no run 301 yet: its newest is 300.",
			"id=idle&number=1":   "Flow %sidle%[1]s has not run yet.",
			"id=work&number=0":   "Flow %swork%[1]s has no such run: they are numbered from 1 on.",
		} {
			w := get(h, "/run?"+query)
			assert.Equal(t, http.StatusNotFound, w.Code, query)
			has(t, w.Body.String(), fmt.Sprintf(want, "&#34;"))
			if w = get(h, "/api/run?"+query); strings.HasSuffix(query, "=0") {
				assert.Equal(t, http.StatusBadRequest, w.Code, "a number is from 1 on")
				continue
			}
			assert.Equal(t, http.StatusNotFound, w.Code, query)
			has(t, w.Body.String(), fmt.Sprintf(want, `\"`))
		}
		_, err := r.WaitRun(t.Context(), "work", 1)
		require.ErrorIs(t, err, pawl.ErrRunNotFound)
		has(t, err.Error(), `run 1 of flow "work" is not kept any more`)
		_, err = r.WaitRun(t.Context(), "work", 301)
		require.ErrorIs(t, err, pawl.ErrRunNotFound)
		has(t, err.Error(), `flow "work" has no run 301 yet, its newest is 300`)
	})
}

func TestEmptySchedulerSaysHowToBegin(t *testing.T) {
	bubble(t, func(t *testing.T, s *pawl.Scheduler) {
		h := web.Handler(start(t, s))
		has(t, page(t, h, "/"), "No flows yet")
		has(t, page(t, h, "/day"), "No flows yet")
		assert.Equal(t, "[]\n", page(t, h, "/api/flows"))
	})
}

func TestManyFlowsComeInPages(t *testing.T) {
	bubble(t, func(t *testing.T, s *pawl.Scheduler) {
		for i := range 120 {
			require.NoError(t, s.Manual(fmt.Sprintf("flow %03d", i), pawl.JobFunc(nothing)))
		}
		h := web.Handler(start(t, s))
		has(t, page(t, h, "/"), "flow 000", "flow 049", "page 1 of 3", `href="./?page=2"`, "120 flows")
		lacks(t, page(t, h, "/"), "flow 050")
		has(t, page(t, h, "/?page=3&sort=-flow"), "flow 019", "flow 000", "sort=-flow")
		has(t, page(t, h, "/day?page=4"), "flow 090", "flow 119", "page 4 of 4")
	})
}

// program.md: a flow, with everything about it.
func TestFlowPageTellsEverything(t *testing.T) {
	bubble(t, func(t *testing.T, s *pawl.Scheduler) {
		require.NoError(t, s.Cron("nightly", "0 3 * * *", pawl.JobFunc(func(ctx context.Context) error {
			run, _ := pawl.RunFrom(ctx)
			time.Sleep(time.Duration(run.Number) * time.Second)
			if run.Number == 3 {
				return broken(ctx)
			}
			return nil
		}), pawl.WithLocation("Europe/Berlin"), pawl.WithBackoff(pawl.BackoffPolicy{Initial: time.Minute, StreakLimit: 4})))
		r := start(t, s)
		for range 3 {
			run, err := r.Trigger(t.Context(), "nightly")
			require.NoError(t, err)
			_, err = r.WaitRun(t.Context(), "nightly", run)
			require.NoError(t, err)
		}
		text := page(t, web.Handler(r, web.WithLocation(time.UTC)), "/flow?id=nightly")
		has(t, text, "0 3 * * *", "Europe/Berlin", "backoff", "In backoff until 00:01:06", "no such host",
			"3 runs, 1 failed", "of the last 3 runs", "half took up to 2.0s, 95 percent up to 3.0s",
			"Waits after failures in a row: 1m, 2m, 4m, then it trips, at 4. The streak is 1.", "trips at 4", "1 failure in a row now",
			"02:00:00", "2 Jan 02:00:00", "1m0s x2 up to 5m0s, trips at 4", "66.6%", "outcome", "reserve", "adopt", "manual",
			"run?id=nightly&amp;number=3", "do-trigger", "do-reset", "do-pause")
		lacks(t, text, "do-resume", "do-probe")
	})
}

func TestUnknownFlowsAndRunsAreNotFound(t *testing.T) {
	bubble(t, func(t *testing.T, s *pawl.Scheduler) {
		require.NoError(t, s.Manual("a", pawl.JobFunc(nothing)))
		h := web.Handler(start(t, s))
		for _, target := range []string{"/flow?id=b", "/flow", "/run?id=b&number=1", "/run?id=a&number=1", "/run?id=a", "/run?id=a&number=x", "/confirm?do=reset&id=b",
			"/confirm?do=explode&id=a", "/nothing", "/assets/", "/assets/none.js", "/assets/../web.go", "/api", "/api/flow?id=b", "/api/run?id=a&number=1",
			"/api/runs?id=b", "/api/next?id=b", "/api/why?id=b&at=2000-01-01T00:00:00Z", "/api/transitions?id=b", "/api/occurrences?id=b"} {
			assert.Equal(t, http.StatusNotFound, get(h, target).Code, target)
		}
		for _, target := range []string{"/day?date=yesterday", "/api/runs?limit=x", "/api/runs?limit=201", "/api/next?n=101", "/api/runs?limit=-1", "/api/runs?status=sad", "/api/runs?before=3",
			"/api/runs?since=today", "/api/why?id=a", "/api/why?id=a&at=x", "/api/next?n=0", "/api/transitions?id=a&before=x", "/api/occurrences?id=a&from=x"} {
			assert.Equal(t, http.StatusBadRequest, get(h, target).Code, target)
		}
	})
}

// program.md: older runs and transitions are a link away.
func TestHistoryGoesBackPageByPage(t *testing.T) {
	bubble(t, func(t *testing.T, s *pawl.Scheduler) {
		require.NoError(t, s.Every("a", time.Minute, pawl.JobFunc(nothing)))
		h := web.Handler(start(t, s))
		time.Sleep(49*time.Minute + time.Second)
		has(t, page(t, h, "/flow?id=a"), ">50</a>", ">31</a>", "before=31", "version=82")
		text := page(t, h, "/flow?before=31&id=a")
		has(t, text, ">30</a>", ">11</a>", "before=11")
		last := page(t, h, "/flow?before=11&id=a")
		has(t, last, ">10</a>", ">1</a>")
		lacks(t, last, "Older runs")
		has(t, page(t, h, "/flow?version=3&id=a"), "adopt")
	})
}

// program.md: a run, with output, error, attempts.
func TestRunPageTellsOfOutputErrorAndAttempts(t *testing.T) {
	bubble(t, func(t *testing.T, s *pawl.Scheduler) {
		require.NoError(t, s.Manual("a", pawl.JobFunc(func(ctx context.Context) error {
			run, _ := pawl.RunFrom(ctx)
			switch {
			case run.Number == 1 && run.Attempt < 3:
				return broken(ctx)
			case run.Number == 2:
				return pawl.SetOutput(ctx, "line 1\nline <2>")
			case run.Number == 3:
				time.Sleep(time.Hour)
			}
			return pawl.SetOutput(ctx, map[string]any{"rows": 7})
		}), pawl.WithRetry(5, pawl.BackoffPolicy{Initial: time.Second, Jitter: pawl.NoJitter})))
		r := start(t, s)
		h := web.Handler(r)
		_, err := r.Trigger(t.Context(), "a", pawl.WithInput([]int{1, 2}))
		require.NoError(t, err)
		time.Sleep(500 * time.Millisecond)
		has(t, page(t, h, "/run?id=a&number=1"), "waiting", "no such host", "do-cancel")
		time.Sleep(time.Minute)
		text := page(t, h, "/run?id=a&number=1")
		has(t, text, "completed", "<dd><span class=\"num\">3</span>", "&#34;rows&#34;: 7", "[\n  1,\n  2\n]", "reserve", "outcome", "manual")
		lacks(t, text, "do-cancel", `rel="prev"`, `rel="next"`)
		// found B2: each attempt with its error, also of a run that has none.
		assert.Equal(t, 2, strings.Count(text, "no such host</span></td></tr>"), text)
		has(t, text, `id="h-attempts"`, `<th scope="row" class="num">3</th>`)
		tried, err := r.Attempts(t.Context(), "a", 1)
		require.NoError(t, err)
		want, err := json.Marshal(tried)
		require.NoError(t, err)
		assert.Equal(t, string(want)+"\n", page(t, h, "/api/attempts?id=a&number=1"))
		for target, code := range map[string]int{"id=a&number=9": 404, "id=none&number=1": 404, "id=a&number=x": 400, "id=a": 404} {
			assert.Equal(t, code, get(h, "/api/attempts?"+target).Code, target)
		}
		for range 2 {
			run, err := r.Trigger(t.Context(), "a")
			require.NoError(t, err)
			if run == 2 {
				_, err = r.WaitRun(t.Context(), "a", run)
				require.NoError(t, err)
			}
		}
		lacks(t, page(t, h, "/run?id=a&number=2"), "h-attempts")
		has(t, page(t, h, "/run?id=a&number=2"), "line 1\nline &lt;2&gt;", `rel="prev"`, `rel="next"`)
		time.Sleep(time.Minute)
		has(t, page(t, h, "/run?id=a&number=3"), "running", "Has taken", "1m", "do-cancel")
		time.Sleep(time.Hour)
	})
}

// program.md: the day, with ghost ticks for what was skipped and why.
func TestDayTellsWhatRanWhatWillAndWhatDidNot(t *testing.T) {
	bubble(t, func(t *testing.T, s *pawl.Scheduler) {
		require.NoError(t, s.Cron("hourly", "0 * * * *", pawl.JobFunc(nothing)))
		require.NoError(t, s.Cron("slow", "*/10 * * * *", pawl.JobFunc(func(context.Context) error {
			time.Sleep(15 * time.Minute)
			return nil
		})))
		require.NoError(t, s.Cron("held", "*/30 * * * *", pawl.JobFunc(nothing)))
		r := start(t, s)
		require.NoError(t, r.Pause(t.Context(), "held", "not in January"))
		time.Sleep(30*time.Hour + time.Minute)
		h := web.Handler(r, web.WithLocation(time.UTC))
		today := page(t, h, "/day")
		has(t, today, "Sunday, 2 January 2000", "7 runs, 0 failed, 0 not run, 17 to come", `<td class="num count">18</td>`, "skipped: a run was in flight",
			"paused: not in January", "since 1 Jan 00:30:00", "b-ghost", "b-next", `class="now"`, "day?date=2000-01-01")
		past := page(t, h, "/day?date=2000-01-01")
		has(t, past, "Saturday, 1 January 2000", "23 runs, 0 failed, 0 not run, 0 to come", ">Today<")
		lacks(t, past, `class="now"`)
		has(t, page(t, h, "/day?date=2000-01-03"), "0 runs, 0 failed, 0 not run, 24 to come")
		assert.False(t, strings.Contains(page(t, h, "/day?q=hourly"), ">slow<"))
		time.Sleep(26 * time.Minute) // until the slow one is over
	})
}

// found B6: occurrences that a pause holds are suppressed; none of them is "now".
func TestOccurrencesOfAPausedFlowAreSuppressed(t *testing.T) {
	bubble(t, func(t *testing.T, s *pawl.Scheduler) {
		require.NoError(t, s.Every("often", time.Minute, pawl.JobFunc(nothing)))
		r := start(t, s)
		h := web.Handler(r, web.WithLocation(time.UTC))
		agenda := func() string {
			_, text, _ := strings.Cut(page(t, h, "/flow?id=often"), `<ol class="agenda`)
			text, _, _ = strings.Cut(text, "</ol>")
			return text
		}
		lacks(t, agenda(), "suppressed")
		require.NoError(t, r.Pause(t.Context(), "often", "not now"))
		time.Sleep(time.Hour)
		has(t, agenda(), "suppressed")
		lacks(t, agenda(), ">now<", ">in 1m<")
	})
}

// A day of local time may have 23 or 25 hours.
func TestDayFollowsTheZone(t *testing.T) {
	bubble(t, func(t *testing.T, s *pawl.Scheduler) {
		require.NoError(t, s.Cron("hourly", "0 * * * *", pawl.JobFunc(nothing)))
		r := start(t, s)
		berlin, err := time.LoadLocation("Europe/Berlin")
		require.NoError(t, err)
		h := web.Handler(r, web.WithLocation(berlin))
		has(t, page(t, h, "/day?date=2000-03-26"), "23 to come", "CEST")
		has(t, page(t, h, "/day?date=2000-10-29"), "25 to come", "CET")
	})
}

// program.md: buttons with confirmation, also without JavaScript.
func TestButtonsAskAndAct(t *testing.T) {
	bubble(t, func(t *testing.T, s *pawl.Scheduler) {
		var inputs []string
		require.NoError(t, s.Every("a", time.Hour, pawl.JobFunc(func(ctx context.Context) error {
			input, err := pawl.InputOf[string](ctx)
			inputs = append(inputs, input)
			if input == "wait" {
				<-ctx.Done()
				return context.Cause(ctx)
			}
			if err == nil && len(inputs) < 4 {
				err = broken(ctx)
			}
			return err
		}), pawl.WithBackoff(pawl.TripAfter(3))))
		r := start(t, s)
		h := web.Handler(r)
		synctest.Wait()
		info := func() pawl.FlowInfo {
			synctest.Wait()
			f, _ := r.Status("a")
			return f
		}
		act := func(want string, form url.Values) {
			t.Helper()
			synctest.Wait() // what was started before is over
			form.Set("id", "a")
			has(t, page(t, h, "/confirm?"+form.Encode()), `method="post"`, `value="`+form.Get("do")+`"`, "a?")
			w := post(h, form)
			require.Equal(t, http.StatusSeeOther, w.Code)
			assert.Equal(t, want, w.Header().Get("Location"))
			has(t, page(t, h, "/"+want), `class="banner notice"`)
		}
		act("flow?did=trigger&id=a&run=2", url.Values{"do": {"trigger"}, "input": {`"now"`}})
		act("flow?did=trigger&id=a&run=3", url.Values{"do": {"trigger"}})
		assert.Equal(t, pawl.StatusTripped, info().Status)
		assert.Equal(t, []string{"", "now", ""}, inputs)

		text := page(t, h, "/flow?id=a")
		has(t, text, "do-probe", "do-reset", "Tripped after 3 failures in a row")
		lacks(t, text, "do-trigger")
		w := post(h, url.Values{"do": {"trigger"}, "id": {"a"}})
		require.Equal(t, http.StatusConflict, w.Code)
		has(t, w.Body.String(), "flow is tripped")

		act("flow?did=probe&id=a&run=4", url.Values{"do": {"probe"}})
		assert.Equal(t, pawl.StatusCompleted, info().Status)
		act("flow?did=pause&id=a", url.Values{"do": {"pause"}, "reason": {" not now "}})
		assert.Equal(t, "not now", info().PauseNote)
		has(t, page(t, h, "/flow?id=a"), "do-resume", "not now")
		act("flow?did=resume&id=a", url.Values{"do": {"resume"}})
		assert.True(t, info().PausedAt.IsZero())
		act("flow?did=pause&id=a", url.Values{"do": {"pause"}, "for": {" 1d2h "}, "reason": {"moving"}})
		assert.Equal(t, 26*time.Hour, info().PausedUntil.Sub(info().PausedAt))
		for _, where := range []string{"/flow?id=a", "/"} {
			has(t, page(t, h, where), "aused until 2 Jan 02:00:00 (in 1d 2h)", "moving")
		}
		for text, says := range map[string]string{"soon": "is not a duration", "0s": "A pause for 0s", "-1h": "is not a duration"} {
			w := post(h, url.Values{"do": {"pause"}, "id": {"a"}, "for": {text}, "reason": {"why"}})
			assert.Equal(t, http.StatusUnprocessableEntity, w.Code, text)
			has(t, w.Body.String(), `name="for" value="`+text+`"`, `name="reason" value="why"`)
			assert.Contains(t, strings.ToLower(w.Body.String()), strings.ToLower(says))
		}
		act("flow?did=resume&id=a", url.Values{"do": {"resume"}})
		act("flow?did=reset&id=a", url.Values{"do": {"reset"}, "reason": {"it was the network"}})
		has(t, page(t, h, "/flow?id=a"), "it was the network")

		act("flow?did=trigger&id=a&run=5", url.Values{"do": {"trigger"}, "input": {`"wait"`}})
		has(t, page(t, h, "/flow?id=a"), "confirm?do=cancel&amp;id=a&amp;number=5")
		assert.Equal(t, http.StatusConflict, post(h, url.Values{"do": {"trigger"}, "id": {"a"}}).Code, "it runs")
		act("flow?did=cancel&id=a&run=5", url.Values{"do": {"cancel"}, "number": {"5"}})
		run, err := r.WaitRun(t.Context(), "a", 5)
		require.NoError(t, err)
		assert.Equal(t, pawl.RunCancelled, run.Status)

		assert.Equal(t, http.StatusConflict, post(h, url.Values{"do": {"cancel"}, "id": {"a"}, "number": {"5"}}).Code, "it is over")
		assert.Equal(t, http.StatusNotFound, post(h, url.Values{"do": {"cancel"}, "id": {"a"}, "number": {"99"}}).Code)
		assert.Equal(t, http.StatusNotFound, post(h, url.Values{"do": {"reset"}, "id": {"b"}}).Code)
		assert.Equal(t, http.StatusNotFound, post(h, url.Values{"do": {"forget"}, "id": {"a"}}).Code)
		w = post(h, url.Values{"do": {"trigger"}, "id": {"a"}, "input": {"{"}})
		assert.Equal(t, http.StatusUnprocessableEntity, w.Code)
		has(t, w.Body.String(), "The input is not JSON.", "{</textarea>")
	})
}

// A client shows, and asks for the same, in another process.
func TestDashboardOfAClientDoesTheSame(t *testing.T) {
	db := t.TempDir() + "/jobs.db"
	synctest.Test(t, func(t *testing.T) {
		s := pawl.NewScheduler(db, pawl.WithLogger(slog.New(slog.DiscardHandler)))
		require.NoError(t, s.Manual("a", pawl.JobFunc(nothing)))
		r := start(t, s)
		c, err := pawl.Open(db)
		require.NoError(t, err)
		defer c.Close()
		h := web.Handler(c)
		assert.Equal(t, http.StatusSeeOther, post(h, url.Values{"do": {"trigger"}, "id": {"a"}}).Code)
		_, err = r.WaitRun(t.Context(), "a", 1)
		require.NoError(t, err)
		has(t, page(t, h, "/"), "last 1 run: 1 completed")
		has(t, page(t, h, "/flow?id=a"), ">1</a>")
		assert.Equal(t, "ready\n", page(t, h, "/readyz"))
		require.NoError(t, r.Stop(t.Context()))
		has(t, page(t, h, "/"), "No scheduler runs these flows now.")
		assert.Equal(t, http.StatusServiceUnavailable, get(h, "/readyz").Code)
		assert.Equal(t, http.StatusServiceUnavailable, post(h, url.Values{"do": {"trigger"}, "id": {"a"}}).Code)
		w := post(web.Handler(c.Queueing()), url.Values{"do": {"trigger"}, "id": {"a"}})
		assert.Equal(t, http.StatusSeeOther, w.Code)
		has(t, page(t, h, "/"+w.Header().Get("Location")), "Trigger was left in the inbox")
	})
}
