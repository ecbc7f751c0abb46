package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/pawl-go/pawl"
	"github.com/pawl-go/pawl/cmd/pawl/internal/term"
)

func backupVerb(database *string) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "backup DEST",
		Short: "Copy the database into a new file, while the daemon runs or not",
		Long: `Copy the database, as it is at one instant, into a new file. The daemon may go on.

The file has mode 0600, is checked, and is there whole or not at all. A file that
exists is not overwritten. To restore: stop the daemon, move the database and its
-wal and -shm files away, put the backup in their place, and start the daemon; it
tells that the file was restored, and from when it catches up (see pawl claim).`,
		Args: cobra.ExactArgs(1),
	}
	out := formatFlag(cmd)
	cmd.RunE = does(func(cmd *cobra.Command, args []string) error {
		ctx, stop := untilSignal(cmd.Context())
		defer stop()
		over := term.ShowElapsed("copying")
		size, err := pawl.BackupFile(ctx, *database, args[0])
		over()
		if err != nil {
			return explained(ctx, *database, advised(err))
		}
		return showDone(*out, done{Verb: "backup", Database: args[0], Bytes: size}, fmt.Sprintf("%s: %d bytes, checked", args[0], size))
	})
	return cmd
}
