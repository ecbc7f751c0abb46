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
	"github.com/pawl-go/pawl/internal/harness"
)

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
	_ = s.Manual("order", harness.Orders(time.Millisecond).Job("new")) // two days, if it were not an example
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
	assert.Contains(t, string(text), "```mermaid\n"+harness.Orders(0).Mermaid()+"```")
}
