package browsertest

import (
	"context"
	"errors"
	"time"

	"github.com/pawl-go/pawl"
	"github.com/pawl-go/pawl/workflow"
)

// order is a state of an order on its way: each is paid, offered to three carriers,
// packed and picked up, and is undone when the carrier refuses it.
type order string

const fulfilment = "orders/fulfil"

// fulfil is the machine of orders. The second is refused, and every one is packed twice
// when the first time does not do.
func fulfil() *workflow.Workflow[order] {
	w := workflow.New[order]()
	undo := workflow.WithUndo(func(ctx context.Context, _ *workflow.Resources, _ string) error {
		wait(ctx, 20*time.Second)
		return nil
	})
	does := func(about time.Duration, next order) workflow.Task[order] {
		return func(ctx context.Context, _ *workflow.Resources) (order, error) {
			wait(ctx, about)
			return next, workflow.SetUndo(ctx, string(next))
		}
	}
	w.Register("new", does(2*time.Second, "reserved"), workflow.To[order]("reserved", "out of stock"))
	w.Register("reserved", does(3*time.Second, "charged"), undo, workflow.To[order]("charged"))
	w.Register("charged", does(time.Second, "carriers asked"), undo, workflow.To[order]("carriers asked"))
	w.RegisterSplit("carriers asked", []workflow.Branch{carrier(2 * time.Second), carrier(9 * time.Second), carrier(4 * time.Second)},
		workflow.Quorum[order](2, "packing"))
	w.Register("packing", workflow.Steps(order("checked"), pack), workflow.To[order]("checked"))
	w.Register("checked", check, workflow.To[order]("awaiting pickup", "packing"))
	w.Register("awaiting pickup", workflow.After[order]("handed over", 45*time.Minute), workflow.To[order]("handed over"))
	w.Register("handed over", handOver, workflow.WithoutRetry(), workflow.To[order]("delivered"))
	w.Exit("delivered", "out of stock")
	return w
}

func carrier(takes time.Duration) workflow.Branch {
	return func(ctx context.Context, _ *workflow.Resources) error {
		wait(ctx, takes)
		return ctx.Err()
	}
}

// pack packs one thing after the other.
func pack(ctx context.Context, _ *workflow.Resources, packed int) (int, bool, error) {
	wait(ctx, 25*time.Second)
	return packed + 1, packed == 4, ctx.Err()
}

func check(ctx context.Context, _ *workflow.Resources) (order, error) {
	wait(ctx, 10*time.Second)
	checks, _, err := workflow.Value[int](ctx, "checks")
	if err == nil {
		err = workflow.Put(ctx, "checks", checks+1)
	}
	if checks == 0 {
		return "packing", err
	}
	return "awaiting pickup", err
}

func handOver(ctx context.Context, _ *workflow.Resources) (order, error) {
	wait(ctx, 30*time.Second)
	if run, _ := pawl.RunFrom(ctx); run.Number == 2 {
		return "", errors.New("carrier: 422 parcel refused: the label does not match the weight of 31.4 kg")
	}
	return "delivered", ctx.Err()
}
