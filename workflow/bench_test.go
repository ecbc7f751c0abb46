package workflow_test

import (
	"context"
	"testing"

	"github.com/pawl-go/pawl/workflow"
)

// Ten states that do nothing, alone: what a run and its states cost by themselves.
func BenchmarkTenStates(b *testing.B) {
	benchmarkStates(b, 10)
}

// A thousand of them: the difference, by 990, is a state.
func BenchmarkThousandStates(b *testing.B) {
	benchmarkStates(b, 1000)
}

func benchmarkStates(b *testing.B, n int) {
	w := workflow.New[int]()
	for i := range n {
		w.Register(i, func(context.Context, *workflow.Resources) (int, error) { return i + 1, nil })
	}
	w.Exit(n)
	ctx := context.Background()
	b.ReportAllocs()
	for b.Loop() {
		if final, err := w.Run(ctx, 0); final != n || err != nil {
			b.Fatal(final, err)
		}
	}
}
