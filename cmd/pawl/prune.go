package main

import (
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/pawl-go/pawl"
	"github.com/pawl-go/pawl/cmd/pawl/internal/term"
)

func pruneVerb(database *string) *cobra.Command {
	var keep int
	var age duration
	cmd := &cobra.Command{
		Use:   "prune [FLOW...] --runs N --age D",
		Short: "Delete old history, while no daemon runs",
		Long: `Delete of all flows, or of some, the runs that are more than the newest N, and those
that ended longer than D ago, for good, and give the space back. The daemon does that by
itself, as retention in the config says: this is for once, while it does not run. Runs
that wait, the newest of a flow, and failures in a row stay; other failures go as
successes do.`,
		PreRunE: func(*cobra.Command, []string) error {
			switch {
			case keep < 0:
				return fmt.Errorf("--runs %d: want 0, no bound, or more", keep)
			case keep == 0 && age == 0:
				return errors.New("say what is to stay, with --runs, --age or both")
			}
			return nil
		},
		ValidArgsFunction: completeFlows(database, 0),
	}
	out := formatFlag(cmd)
	cmd.Flags().IntVar(&keep, "runs", 0, "keep the newest `N` of a flow (default all)")
	cmd.Flags().Var(&age, "age", "and none that ended longer ago (default any)")
	cmd.RunE = does(func(cmd *cobra.Command, flows []string) error {
		ctx, stop := untilSignal(cmd.Context())
		defer stop()
		if err := allKnown(cmd, *database, flows); err != nil {
			return err
		}
		before := sizeOf(*database) + sizeOf(*database+"-wal")
		line := term.NewProgress()
		p := pawl.Prune{Runs: keep, Age: time.Duration(age), Told: func(rows int) { line.Show(fmt.Sprintf("%d rows deleted", rows)) }}
		if len(flows) > 0 {
			p.Flows = flows
		}
		rows, err := pawl.PruneHistory(ctx, *database, p)
		line.Clear()
		switch {
		case ctx.Err() != nil:
			return signalled(ctx)
		case errors.Is(err, pawl.ErrDatabaseOwned):
			return fmt.Errorf("%w; it deletes as retention in its config says: change that, or stop it first", err)
		case err != nil:
			return advised(err)
		}
		after := sizeOf(*database)
		freed := max(before-after, 0)
		return showDone(*out, done{Verb: "prune", Database: *database, Rows: rows, Bytes: after, Freed: freed},
			fmt.Sprintf("%s deleted, %s given back; %s is %s, it was %s", term.Count(int64(rows), "row"), term.Bytes(freed), *database, term.Bytes(after), term.Bytes(before)))
	})
	return cmd
}

// allKnown says which flow is none.
func allKnown(cmd *cobra.Command, database string, flows []string) error {
	if len(flows) == 0 {
		return nil
	}
	return withClient(cmd, database, func(c *pawl.Client) error {
		_, err := list(cmd.Context(), c, flows)
		return err
	})
}

// sizeOf is how large a file is; 0 if nobody knows.
func sizeOf(path string) int64 {
	info, err := os.Stat(path)
	if err != nil {
		return 0
	}
	return info.Size()
}

func migrateVerb(database *string) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "migrate",
		Short: "Bring the schema of a database up to date, without running anything",
		Long: `Bring the schema of a database up to date, without running anything. pawl run does that
by itself; the other verbs do not. There is no way back but a backup: pawl backup copies
a database of an older schema too.`,
		Args: cobra.NoArgs,
	}
	out := formatFlag(cmd)
	cmd.RunE = does(func(cmd *cobra.Command, _ []string) error {
		if err := pawl.Migrate(cmd.Context(), *database); err != nil {
			return advised(err)
		}
		return showDone(*out, done{Verb: "migrate", Database: *database}, *database+": the schema is up to date")
	})
	return cmd
}
