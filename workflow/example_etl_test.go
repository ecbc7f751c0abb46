package workflow_test

import (
	"context"
	"fmt"
	"log"
	"strings"
	"time"

	"github.com/pawl-go/pawl/workflow"
)

// Stage is a state of the machine below. Its text is its name.
type Stage int

const (
	Extract Stage = iota
	Transform
	Load
	Loaded
)

func (s Stage) String() string { return [...]string{"extract", "transform", "load", "loaded"}[s] }

// warehouse is a resource: what is set up before a run and torn down after it.
type warehouse struct{ rows []string }

func (w *warehouse) Setup(context.Context) error    { fmt.Println("connected"); return nil }
func (w *warehouse) Teardown(context.Context) error { fmt.Println("closed"); return nil }

func extract(ctx context.Context, _ *workflow.Resources) (Stage, error) {
	return Transform, workflow.Put(ctx, "lines", []string{"ada;36", "alan;41"})
}

// column is a branch that takes one column out of the lines.
func column(name string, i int) workflow.Branch {
	return func(ctx context.Context, _ *workflow.Resources) error {
		lines, _, err := workflow.Value[[]string](ctx, "lines")
		if err != nil {
			return err
		}
		var values []string
		for _, line := range lines {
			values = append(values, strings.Split(line, ";")[i])
		}
		return workflow.Put(ctx, name, values)
	}
}

func load(ctx context.Context, res *workflow.Resources) (Stage, error) {
	db, err := workflow.Get[*warehouse](res, "warehouse")
	if err != nil {
		return Load, err
	}
	for _, name := range []string{"names", "ages"} {
		values, _, err := workflow.Value[[]string](ctx, name)
		if err != nil {
			return Load, err
		}
		db.rows = append(db.rows, name+": "+strings.Join(values, ", "))
	}
	return Loaded, nil
}

// Extract, transform, load: the transformation is split into branches, two of which are
// at work at once.
func ExampleWorkflow_RegisterSplit() {
	db := &warehouse{}
	w := workflow.New[Stage](workflow.WithTimeout(time.Hour))
	w.Provide("warehouse", db)
	w.Register(Extract, extract, workflow.To(Transform), workflow.WithRetry(5, workflow.Fixed(time.Second)))
	w.RegisterSplit(Transform, []workflow.Branch{column("names", 0), column("ages", 1)}, workflow.All(Load),
		workflow.WithBulkhead(2), workflow.WithJoinTimeout(time.Minute))
	w.Register(Load, load, workflow.To(Loaded))
	w.Exit(Loaded)

	final, err := w.Run(context.Background(), Extract)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(final)
	fmt.Println(strings.Join(db.rows, "\n"))
	// Output:
	// connected
	// closed
	// loaded
	// names: ada, alan
	// ages: 36, 41
}
