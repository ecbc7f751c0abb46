package workflow_test

import (
	"context"
	"fmt"

	"github.com/pawl-go/pawl/workflow"
)

// State is one of the machine's: any comparable type will do.
type State string

func count(ctx context.Context, _ *workflow.Resources) (State, error) {
	return "judge", workflow.Put(ctx, "words", 1200)
}

func judge(ctx context.Context, _ *workflow.Resources) (State, error) {
	words, _, err := workflow.Value[int](ctx, "words")
	if words > 1000 {
		return "too long", err
	}
	return "fine", err
}

// A machine of two states and two exits.
func Example() {
	w := workflow.New[State]()
	w.Register("count", count)
	w.Register("judge", judge)
	w.Exit("fine", "too long")
	fmt.Println(w.Run(context.Background(), "count"))
	// Output: too long <nil>
}
