package pawl_test

import (
	"context"
	"fmt"
	"log"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/pawl-go/pawl"
	"github.com/pawl-go/pawl/workflow"
)

// orders is the workflow of the README.
func orders(wait time.Duration) *workflow.Workflow[string] {
	reserve := func(ctx context.Context, _ *workflow.Resources) (string, error) {
		return "reserved", workflow.SetUndo(ctx, "shelf 7")
	}
	release := func(_ context.Context, _ *workflow.Resources, shelf string) error {
		fmt.Println("released", shelf)
		return nil
	}
	fine := func(context.Context, *workflow.Resources) error { return nil }
	charge := func(ctx context.Context, _ *workflow.Resources) (string, error) {
		return "paid", workflow.Put(ctx, "receipt", 4711)
	}
	ship := func(ctx context.Context, _ *workflow.Resources) (string, error) {
		receipt, _, err := workflow.Value[int](ctx, "receipt")
		fmt.Println("shipped, receipt", receipt)
		return "shipped", err
	}

	w := workflow.New[string](workflow.Version(1))
	w.Register("new", reserve, workflow.To("reserved"), workflow.WithUndo(release))
	w.RegisterSplit("reserved", []workflow.Branch{fine, fine}, workflow.All("checked"))
	w.Register("checked", charge, workflow.To("paid", "declined"))
	w.Register("paid", workflow.After("ready", wait), workflow.To("ready"))
	w.Register("ready", ship, workflow.To("shipped"))
	w.Exit("shipped", "declined")
	w.Initial("new")
	return w
}

// A workflow is a job like any other. Each state is committed before its task begins, so a
// run goes on where it was after a crash, and one can see where it is.
func Example_workflow() {
	folder, err := os.MkdirTemp("", "pawl")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(folder)
	ctx := context.Background()
	s := pawl.NewScheduler(filepath.Join(folder, "jobs.db"), silent)
	_ = s.Manual("order", orders(time.Millisecond).Job("new")) // two days, if it were not an example
	r, err := s.Start(ctx)
	if err != nil {
		log.Fatal(err)
	}
	run, err := r.Trigger(ctx, "order")
	if err != nil {
		log.Fatal(err)
	}
	if _, err := r.WaitRun(ctx, "order", run); err != nil {
		log.Fatal(err)
	}
	path, err := r.Checkpoints(ctx, "order", run)
	if err != nil {
		log.Fatal(err)
	}
	for _, c := range path {
		fmt.Println(c.Seq, c.Kind, c.State)
	}
	_ = r.Stop(ctx)
	// Output:
	// shipped, receipt 4711
	// 1 enter new
	// 2 enter reserved
	// 3 enter checked
	// 4 enter paid
	// 5 timer paid
	// 6 enter ready
	// 7 enter shipped
}

// The README shows the picture of that machine. workflow F12.
func TestReadmeDrawsTheWorkflow(t *testing.T) {
	text, err := os.ReadFile("README.md")
	require.NoError(t, err)
	assert.Contains(t, string(text), "```mermaid\n"+orders(0).Mermaid()+"```")
}
