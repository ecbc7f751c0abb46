package browsertest

import (
	"context"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/pawl-go/pawl"
	"github.com/pawl-go/pawl/workflow"
)

// workflow F12: who looks at a run sees it go on through its machine, at any width, and what was
// folded out stays so.
func TestPathGoesOnWhileOneLooks(t *testing.T) {
	gate := make(chan struct{}) // the test sends, a task receives
	passes := func(next string) workflow.Task[string] {
		return func(ctx context.Context, _ *workflow.Resources) (string, error) {
			select {
			case <-gate:
				return next, nil
			case <-ctx.Done():
				return "", context.Cause(ctx)
			}
		}
	}
	w := workflow.New[string]()
	w.Register("first <b>", passes("second"), workflow.To("second"))
	w.Register("second", passes("third"), workflow.To("third", "first <b>"))
	w.Exit("third")
	b := look(t, func(s *pawl.Scheduler) error { return s.Manual("machine", w.Job("first <b>")) })
	_, err := b.runner.Trigger(b.ctx, "machine")
	require.NoError(t, err)
	b.do(chromedp.EmulateViewport(400, 800))
	b.open("run?id=machine&number=1")
	b.shows(".path .here b", "first <b>")
	b.until(`document.querySelector(".machine .m-here text").textContent == "first <b>"`)
	b.until(`!!document.querySelector("#stream.on")`)
	b.click("#result summary")
	gate <- struct{}{}
	b.shows(".path .here b", "second")
	b.until(`document.querySelector(".machine .m-here text").textContent == "second"`)
	b.shows("#result details[open] pre", "class s1 here")
	gate <- struct{}{}
	b.until(`!document.querySelector(".path .here, .machine .m-here")`)
	b.shows(".path li:last-child b", "third")
	assert.Equal(t, int64(3), ask[int64](b, `document.querySelectorAll(".machine .taken").length`))
	for _, width := range []int64{400, 1280} {
		b.do(chromedp.EmulateViewport(width, 800))
		for _, path := range []string{"run?id=machine&number=1", "flow?id=machine"} {
			b.open(path)
			assert.LessOrEqual(t, ask[int64](b, `document.documentElement.scrollWidth`), width, "%q at %d", path, width)
			assert.Equal(t, "img", ask[string](b, `document.querySelector(".machine").getAttribute("role")`))
		}
	}
	b.clean()
}
