//go:build unix

package main

import (
	"context"
	"log/slog"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/pawl-go/pawl"
	"github.com/pawl-go/pawl/workflow"
)

func init() { scriptCommands["machine"] = machine }

// machine FILE makes a database with a run of a workflow.
func machine(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: machine file")
	}
	w := workflow.New[string]()
	w.Register("new", func(ctx context.Context, _ *workflow.Resources) (string, error) {
		return "paid", workflow.Put(ctx, "receipt", 4711)
	})
	w.Register("paid", workflow.After("sent", 0))
	w.Exit("sent")
	s := pawl.NewScheduler(ts.MkAbs(args[0]), pawl.WithLogger(slog.New(slog.DiscardHandler)))
	ts.Check(s.Manual("order", w.Job("new")))
	ctx := context.Background()
	r, err := s.Start(ctx)
	ts.Check(err)
	run, err := r.Trigger(ctx, "order")
	ts.Check(err)
	_, err = r.WaitRun(ctx, "order", run)
	ts.Check(err)
	ts.Check(r.Stop(ctx))
}
