package workflow_test

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pawl-go/pawl/workflow"
)

// A request waits two days for the answer. Under a scheduler the end of the two days
// is recorded, so a restart does not prolong them.
func ExampleTimer() {
	synctest.Test(new(testing.T), func(t *testing.T) {
		w := workflow.New[State]()
		w.Register("ask", func(ctx context.Context, _ *workflow.Resources) (State, error) {
			fmt.Println("may I have a new chair?")
			return "wait", workflow.Put(ctx, "asked", time.Now())
		})
		w.Register("wait", workflow.Timer[State]("look", func(ctx context.Context, _ *workflow.Resources) (time.Time, error) {
			asked, _, err := workflow.Value[time.Time](ctx, "asked")
			return asked.Add(48 * time.Hour), err
		}))
		w.Register("look", func(context.Context, *workflow.Resources) (State, error) { return "refused", nil })
		w.Exit("approved", "refused")

		final, err := w.Run(t.Context(), "ask")
		fmt.Println(time.Now().UTC().Format(time.DateTime), final, err)
	})
	// Output:
	// may I have a new chair?
	// 2000-01-03 00:00:00 refused <nil>
}

// It asks until the answer is there, every hour at last.
func ExamplePoll() {
	synctest.Test(new(testing.T), func(t *testing.T) {
		answers := []string{"", "", "approved"}
		w := workflow.New[State]()
		w.Register("wait", workflow.Poll[State]("read", workflow.Backoff{Initial: time.Minute, Multiplier: 60, MaxDelay: time.Hour},
			func(ctx context.Context, _ *workflow.Resources) (bool, error) {
				answer := answers[0]
				answers = answers[1:]
				fmt.Printf("%s %q\n", time.Now().UTC().Format(time.TimeOnly), answer)
				return answer != "", workflow.Put(ctx, "answer", answer)
			}))
		w.Register("read", func(ctx context.Context, _ *workflow.Resources) (State, error) {
			answer, _, err := workflow.Value[State](ctx, "answer")
			return answer, err
		})
		w.Exit("approved", "refused")
		fmt.Println(w.Run(t.Context(), "wait"))
	})
	// Output:
	// 00:00:00 ""
	// 00:01:00 ""
	// 01:01:00 "approved"
	// approved <nil>
}
