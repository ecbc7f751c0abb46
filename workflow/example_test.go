package workflow_test

import (
	"context"
	"fmt"

	"github.com/pawl-go/pawl/workflow"
)

// A machine of two states and two exits.
func Example() {
	type State string
	w := workflow.New[State]()
	w.Register("count", func(ctx context.Context, _ *workflow.Resources) (State, error) {
		return "judge", workflow.Put(ctx, "words", 1200)
	})
	w.Register("judge", func(ctx context.Context, _ *workflow.Resources) (State, error) {
		words, _, err := workflow.Value[int](ctx, "words")
		if words > 1000 {
			return "too long", err
		}
		return "fine", err
	})
	w.Exit("fine", "too long")
	fmt.Println(w.Run(context.Background(), "count"))
	// Output: too long <nil>
}
