package web_test

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/pawl-go/pawl"
	"github.com/pawl-go/pawl/web"
	"github.com/pawl-go/pawl/workflow"
)

// parcel is a machine with a split, steps, a timer, an undo and a loop. Of its runs the
// second fails at the end, and the third has nothing to undo when it fails.
func parcel() *workflow.Workflow[string] {
	w := workflow.New[string]()
	takes := func(d time.Duration, err error) workflow.Branch {
		return func(context.Context, *workflow.Resources) error { time.Sleep(d); return err }
	}
	undo := workflow.WithUndo(func(_ context.Context, _ *workflow.Resources, what string) error {
		time.Sleep(time.Minute)
		return nil
	})
	w.Register("new", func(ctx context.Context, _ *workflow.Resources) (string, error) {
		if run, _ := pawl.RunFrom(ctx); run.Number == 3 {
			return "", errors.New("no <stock>")
		}
		return "paid", workflow.SetUndo(ctx, "x")
	}, undo, workflow.WithoutRetry(), workflow.To("paid", "out of stock"))
	w.RegisterSplit("paid", []workflow.Branch{takes(time.Second, nil), takes(2*time.Second, nil), takes(0, workflow.Permanent(errors.New("closed")))},
		workflow.Quorum(2, "packing"))
	w.Register("packing", workflow.Steps("resting", func(_ context.Context, _ *workflow.Resources, n int) (int, bool, error) {
		time.Sleep(10 * time.Second)
		return n + 1, n == 3, nil
	}), workflow.To("resting"))
	w.Register("resting", workflow.After("sent", time.Hour), workflow.To("sent"))
	w.Register("sent", func(ctx context.Context, _ *workflow.Resources) (string, error) {
		if run, _ := pawl.RunFrom(ctx); run.Number == 2 {
			return "", errors.New("refused & returned")
		}
		return "here", nil
	}, workflow.WithRetry(1, workflow.Fixed(time.Second)), workflow.To("here", "packing"))
	w.Exit("here", "out of stock")
	return w
}

// ship starts a scheduler of parcels and triggers a run of them.
func ship(t *testing.T, s *pawl.Scheduler, runs int) (*pawl.Runner, http.Handler) {
	t.Helper()
	require.NoError(t, s.Manual("parcel", parcel().Job("new")))
	require.NoError(t, s.Manual("plain", pawl.JobFunc(nothing)))
	r := start(t, s)
	for n := range runs {
		run, err := r.Trigger(t.Context(), "parcel")
		require.NoError(t, err)
		if n < runs-1 {
			_, err = r.WaitRun(t.Context(), "parcel", run)
			require.NoError(t, err)
		}
	}
	synctest.Wait()
	return r, web.Handler(r, web.WithLocation(time.UTC))
}

// words is the text of a page from one mark to another, without its tags.
func words(text, from, to string) string {
	_, text, _ = strings.Cut(text, from)
	text, _, _ = strings.Cut(text, to)
	text = regexp.MustCompile(`<[^>]*>`).ReplaceAllString(text, " ")
	return strings.Join(strings.Fields(text), " ")
}

func pathIn(text string) string { return words(text, `<ol class="path">`, "</ol>") }

// workflow F12: a run's path through it can be seen, while it runs and afterwards.
func TestPathOfARunIsSeenAsItGoes(t *testing.T) {
	bubble(t, func(t *testing.T, s *pawl.Scheduler) {
		_, h := ship(t, s, 1)
		text := page(t, h, "/run?id=parcel&number=1")
		assert.Equal(t, "new 0ms 00:00:00 paid here since now 00:00:00", pathIn(text))
		has(t, text, `aria-current="step"`, "2 states entered", "It is in paid.")
		time.Sleep(30 * time.Second)
		assert.Equal(t, "new 0ms 00:00:00 paid 2.0s 00:00:00 branches: 2 succeeded, 1 failed branch 2: closed packing here since 28s ago 00:00:02 steps so far to cursor 2 00:00:22",
			pathIn(page(t, h, "/run?id=parcel&number=1")))
		time.Sleep(30 * time.Second)
		has(t, pathIn(page(t, h, "/run?id=parcel&number=1")), "packing 40s 00:00:02", "resting here since 18s ago 00:00:42 waits until 01:00:42 in 59m 42s 00:00:42")
		time.Sleep(time.Hour)
		text = page(t, h, "/run?id=parcel&number=1")
		has(t, pathIn(text), "resting 1h 00:00:42", "sent 0ms 01:00:42 here 01:00:42")
		lacks(t, text, `aria-current="step"`)
		has(t, text, "The run went new, paid, packing, resting, sent, here.")
	})
}

// workflow F12: where it failed, and what was undone.
func TestPathShowsFailuresAndUndos(t *testing.T) {
	bubble(t, func(t *testing.T, s *pawl.Scheduler) {
		r, h := ship(t, s, 2)
		time.Sleep(time.Hour + 50*time.Second)
		text := page(t, h, "/run?id=parcel&number=2")
		has(t, pathIn(text), "failed after 2 attempts undoing since 7s ago", "refused &amp; returned")
		_, err := r.WaitRun(t.Context(), "parcel", 2)
		require.NoError(t, err)
		text = page(t, h, "/run?id=parcel&number=2")
		has(t, pathIn(text), "new undone")
		has(t, text, "It failed in sent. Undone: new.", `<g class="m-undone"><title>new: undone</title>`, `<g class="m-failed"><title>sent: failed</title>`)
		lacks(t, text, `aria-current="step"`)

		_, err = r.Trigger(t.Context(), "parcel")
		require.NoError(t, err)
		time.Sleep(time.Minute)
		text = page(t, h, "/run?id=parcel&number=3")
		has(t, pathIn(text), "new 0ms", "failed")
		has(t, text, "It failed in new.", "no &lt;stock&gt;")
	})
}

// workflow F12: the flow page draws the machine, and both give its Mermaid text.
func TestMachineIsDrawn(t *testing.T) {
	bubble(t, func(t *testing.T, s *pawl.Scheduler) {
		r, h := ship(t, s, 1)
		text := page(t, h, "/flow?id=parcel")
		has(t, text, `role="img" aria-labelledby="machine-title machine-words"`, "The machine of parcel", "It begins in new. new leads to paid, out of stock.",
			"paid, a split of 3 branches that joins with quorum of 2, leads to packing.", "sent leads to here, packing. It ends in here, out of stock.",
			`<title>branch 2</title>`, ">quorum of 2</text>", "<summary>As Mermaid</summary>", "s1join --&gt; s2 : quorum of 2")
		lacks(t, text, "m-passed", "m-here", `class="arrow taken"`)
		time.Sleep(2 * time.Hour)
		text = page(t, h, "/run?id=parcel&number=1")
		has(t, text, "The way of run 1 of parcel through its machine", `<title>branch 2: failed: closed</title>`, "class s5 here", "m-passed", `class="arrow taken"`)
		assert.Equal(t, 6, strings.Count(text, `class="arrow taken"`), "from the start, and between six states")

		_, err := r.Trigger(t.Context(), "plain")
		require.NoError(t, err)
		synctest.Wait()
		lacks(t, page(t, h, "/run?id=plain&number=1"), "h-path", "h-machine")
		lacks(t, page(t, h, "/flow?id=plain"), "h-machine")
	})
}

// workflow F12: a client does not know the machine, and shows the states that a run went through.
func TestClientShowsThePathAlone(t *testing.T) {
	db := filepath.Join(t.TempDir(), "jobs.db")
	synctest.Test(t, func(t *testing.T) {
		ship(t, pawl.NewScheduler(db, pawl.WithLogger(slog.New(slog.DiscardHandler)), pawl.WithInboxPoll(0)), 1)
		time.Sleep(2 * time.Hour)
		c, err := pawl.Open(db)
		require.NoError(t, err)
		h := web.Handler(c)
		text := page(t, h, "/run?id=parcel&number=1")
		has(t, text, "the states that the run went through", "new leads to paid.", ">resting</text>", ">here</text>")
		lacks(t, text, "out of stock", "As Mermaid")
		lacks(t, page(t, h, "/flow?id=parcel"), "h-machine")
		require.NoError(t, c.Close())
	})
}

// workflow F12: a machine of more states than can be drawn is told of, and so is the part of it
// that a run went through.
func TestLargeMachinesAreNotDrawnWhole(t *testing.T) {
	bubble(t, func(t *testing.T, s *pawl.Scheduler) {
		w := workflow.New[int]()
		for n := range 80 {
			w.Register(n, func(context.Context, *workflow.Resources) (int, error) { return n + 40, nil }, workflow.To(n+1, n+40))
		}
		for n := range 40 {
			w.Exit(80 + n)
		}
		require.NoError(t, s.Manual("large", w.Job(0)))
		r := start(t, s)
		_, err := r.Trigger(t.Context(), "large")
		require.NoError(t, err)
		_, err = r.WaitRun(t.Context(), "large", 1)
		require.NoError(t, err)
		h := web.Handler(r)
		text := page(t, h, "/flow?id=large")
		has(t, text, "It has 120 states, too many to draw.", "As Mermaid")
		lacks(t, text, `class="machine`)
		text = page(t, h, "/run?id=large&number=1")
		has(t, text, "the part of its 120 states that the run went through", "0 leads to 40. 40 leads to 80.", "class s80 here")
		assert.Equal(t, 3, strings.Count(text, `<g class="m-passed">`))
	})
}

// workflow F12: a run is shown with its path also when its flow is not there any more.
func TestPathOfAFlowThatIsGone(t *testing.T) {
	db := filepath.Join(t.TempDir(), "jobs.db")
	synctest.Test(t, func(t *testing.T) {
		scheduler := func() *pawl.Scheduler {
			return pawl.NewScheduler(db, pawl.WithLogger(slog.New(slog.DiscardHandler)), pawl.WithInboxPoll(0))
		}
		s := scheduler()
		require.NoError(t, s.Manual("parcel", parcel().Job("new")))
		r, err := s.Start(context.WithoutCancel(t.Context()))
		require.NoError(t, err)
		_, err = r.Trigger(t.Context(), "parcel")
		require.NoError(t, err)
		_, err = r.WaitRun(t.Context(), "parcel", 1)
		require.NoError(t, err)
		require.NoError(t, r.Stop(t.Context()))
		h := web.Handler(start(t, scheduler()))
		has(t, page(t, h, "/run?id=parcel&number=1"), "the states that the run went through", ">resting</text>")
		lacks(t, page(t, h, "/flow?id=parcel"), "h-machine")
	})
}

// workflow F12: the same objects as those of the public package.
func TestAPIAnswersWithCheckpoints(t *testing.T) {
	bubble(t, func(t *testing.T, s *pawl.Scheduler) {
		r, h := ship(t, s, 1)
		time.Sleep(2 * time.Hour)
		list, err := r.Checkpoints(t.Context(), "parcel", 1)
		require.NoError(t, err)
		require.NotEmpty(t, list)
		want, err := json.Marshal(list)
		require.NoError(t, err)
		assert.Equal(t, string(want)+"\n", page(t, h, "/api/checkpoints?id=parcel&number=1"))
		_, err = r.Trigger(t.Context(), "plain")
		require.NoError(t, err)
		synctest.Wait()
		assert.Equal(t, "[]\n", page(t, h, "/api/checkpoints?id=plain&number=1"))
		for target, code := range map[string]int{"id=parcel&number=9": 404, "id=none&number=1": 404, "id=parcel&number=x": 400, "id=parcel": 404} {
			assert.Equal(t, code, get(h, "/api/checkpoints?"+target).Code, target)
		}
	})
}
