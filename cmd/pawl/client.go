package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"

	"github.com/pawl-go/pawl"
	"github.com/pawl-go/pawl/cmd/pawl/internal/term"
	"github.com/spf13/cobra"
)

// withClient opens the database for a verb, and closes it. A signal ends the verb's
// context, so that it leaves nothing half done behind; a second one ends it at once.
func withClient(cmd *cobra.Command, database string, use func(*pawl.Client) error) error {
	ctx, stop := untilSignal(cmd.Context())
	defer stop()
	cmd.SetContext(ctx)
	c, err := pawl.Open(database)
	if err != nil {
		return advised(err)
	}
	defer c.Close()
	return explained(ctx, database, use(c))
}

// explained adds to the error of a verb which signal ended it, or that the database is
// damaged.
func explained(ctx context.Context, database string, err error) error {
	if s, ok := errors.AsType[errSignal](context.Cause(ctx)); ok && err != nil {
		if !errors.Is(err, s) {
			err = fmt.Errorf("%w: %w", s, err)
		}
		return err
	}
	if sqliteStatus(err) == exitCorrupt && !errors.Is(err, pawl.ErrDatabaseDamaged) {
		err = fmt.Errorf("the database %s is damaged; see what pawl doctor says: %w", database, err)
	}
	return err
}

// advised adds to the error of a database that is missing what to do.
func advised(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%w: pawl run makes it, --db says where one is", err)
	}
	return err
}

// list is the flows with these ids, in the order of registration; all if there
// are none.
func list(ctx context.Context, c *pawl.Client, ids []string) ([]pawl.FlowInfo, error) {
	if len(ids) == 0 {
		return c.List(ctx)
	}
	var flows []pawl.FlowInfo
	for _, id := range slices.Compact(slices.Sorted(slices.Values(ids))) {
		f, err := known(ctx, c, id)
		if err != nil {
			return nil, err
		}
		flows = append(flows, f)
	}
	slices.SortFunc(flows, func(a, b pawl.FlowInfo) int { return cmp.Compare(a.Position, b.Position) })
	return flows, nil
}

// known looks a flow up, and has a good answer to a mistyped id.
func known(ctx context.Context, c *pawl.Client, id string) (pawl.FlowInfo, error) {
	flow, found, err := c.Status(ctx, id)
	if found || err != nil {
		return flow, err
	}
	flows, err := c.List(ctx)
	if err != nil {
		return pawl.FlowInfo{}, err
	}
	ids := make([]string, len(flows))
	for i, f := range flows {
		ids[i] = f.ID
	}
	return pawl.FlowInfo{}, fmt.Errorf("%w: %q%s", pawl.ErrFlowNotFound, id, term.DidYouMean(id, ids))
}
