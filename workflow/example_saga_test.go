package workflow_test

import (
	"context"
	"errors"
	"fmt"

	"github.com/pawl-go/pawl/workflow"
)

// payment is what the undo of a charge needs.
type payment struct {
	ID    string
	Cents int
}

func reserve(ctx context.Context, _ *workflow.Resources) (State, error) {
	fmt.Println("reserve a chair")
	return "reserved", workflow.SetUndo(ctx, "chair")
}

func release(_ context.Context, _ *workflow.Resources, item string) error {
	fmt.Println("release the", item)
	return nil
}

func charge(ctx context.Context, _ *workflow.Resources) (State, error) {
	p := payment{ID: "p-17", Cents: 12900}
	fmt.Println("charge", p.Cents, "cents")
	return "paid", workflow.SetUndo(ctx, p)
}

func refund(_ context.Context, _ *workflow.Resources, p payment) error {
	fmt.Println("refund", p.Cents, "cents of", p.ID)
	return nil
}

// No lorry comes here, and none will: no use to try again.
func ship(context.Context, *workflow.Resources) (State, error) {
	return "", workflow.Permanent(errors.New("no lorry goes there"))
}

// When the last step of a payment fails for good, what was done before is undone.
func ExampleWithUndo() {
	w := workflow.New[State]()
	w.Register("new", reserve, workflow.WithUndo(release))
	w.Register("reserved", charge, workflow.WithUndo(refund))
	w.Register("paid", ship)
	w.Exit("shipped")
	_, err := w.Run(context.Background(), "new")
	fmt.Println(err)
	// Output:
	// reserve a chair
	// charge 12900 cents
	// refund 12900 cents of p-17
	// release the chair
	// state paid: no lorry goes there
}
