package main

import (
	"context"
	"path/filepath"
	"slices"
	"testing"

	"github.com/pawl-go/pawl"
	"github.com/pawl-go/pawl/store"
)

func TestMadeHistoryIsOneThatPawlCouldHaveWritten(t *testing.T) {
	ctx, file := context.Background(), filepath.Join(t.TempDir(), "history.db")
	if err := makeHistory(ctx, file, 25*knownFlows); err != nil {
		t.Fatal(err)
	}
	if err := audit(ctx, file); err != nil {
		t.Error(err)
	}
	r, err := store.OpenReader(ctx, file)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	found, err := r.Verify(ctx)
	if err != nil || len(found) > 0 {
		t.Errorf("Verify: %v, %d violations, such as %q", err, len(found), found[:min(3, len(found))])
	}
	runs, err := r.Runs(ctx, pawl.RunsQuery{Flow: flowID(7)})
	if err != nil || len(runs) != 25 || runs[0].Number != 25 {
		t.Errorf("Runs: %v, %d of 25", err, len(runs))
	}
	if !slices.IsSortedFunc(runs, func(a, b pawl.RunInfo) int { return b.StartedAt.Compare(a.StartedAt) }) {
		t.Error("runs are not ordered by their starts")
	}
}

func TestPawlGoesOnAfterAMadeHistory(t *testing.T) {
	ctx, file := context.Background(), filepath.Join(t.TempDir(), "history.db")
	if err := makeHistory(ctx, file, 3*knownFlows); err != nil {
		t.Fatal(err)
	}
	r, err := start(ctx, file, knownFlows, noop)
	if err != nil {
		t.Fatal(err)
	}
	number, err := r.Trigger(ctx, flowID(0))
	if err != nil || number != 4 {
		t.Errorf("Trigger: run %d, %v; want run 4", number, err)
	}
	if err := r.Stop(ctx); err != nil {
		t.Fatal(err)
	}
}
