// Pawl is a durable crontab: a YAML file of flows that run commands, and one
// SQLite file that remembers, over any kill -9, what ran, what failed how often,
// and what is due.
//
//	pawl init                   an example of a pawl.yaml; pawl import crontab takes yours
//	pawl run                    the daemon: runs the flows of pawl.yaml
//	pawl status                 how every flow is; --watch, and --check for monitoring
//	pawl history                what ran; pawl logs backup, what it printed
//	pawl trigger backup --wait  run one now, and see what it prints
//	pawl reset backup           let one run again that failed too often
//	pawl pause backup           hold its schedule back, until pawl resume backup, or --for 2h
//	pawl cancel backup 17       end a run, or one that waits
//	pawl backfill backup ...    run instants that are past
//	pawl next                   what is to run next
//	pawl why backup 02:30       why it ran then, or did not
//	pawl explain '30 2 * * *'   a cron expression in words
//	pawl simulate --for 30d     what pawl.yaml would run, on virtual time
//	pawl validate               check pawl.yaml
//	pawl doctor                 look for all that can be wrong
//	pawl backup copy.db         copy the database while the daemon runs
//	pawl at "2026-11-22 09:00"  how every flow stood then
//
// `pawl help` tells of the others, `pawl help config` and `pawl help exit-codes` tell the rest.
package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	_ "time/tzdata" // for machines that know no time zones

	"github.com/spf13/cobra"

	"github.com/pawl-go/pawl"
	"github.com/pawl-go/pawl/cmd/pawl/internal/moment"
	"github.com/pawl-go/pawl/cmd/pawl/internal/term"
)

func main() {
	cmd, err := newRoot().ExecuteC()
	if lost := term.Stdout.Flush(); lost != nil && (err == nil || errors.As(err, new(silent))) {
		err = failure{lost}
	}
	if err != nil {
		explain(err, cmd)
		os.Exit(exitStatus(err))
	}
}

// explain prints what went wrong.
func explain(err error, cmd *cobra.Command) {
	switch {
	case errors.As(err, new(silent)):
	case errors.As(err, new(fault)): // lines that begin with a place in a file
		fmt.Fprintln(os.Stderr, term.Printable(err.Error()))
	case exitStatus(err) == exitUsage:
		fmt.Fprintf(os.Stderr, "pawl: %s\nSee '%s --help'.\n", term.Printable(err.Error()), cmd.CommandPath())
	default:
		fmt.Fprintf(os.Stderr, "pawl: %s\n", term.Printable(err.Error()))
	}
}

func newRoot() *cobra.Command {
	root := &cobra.Command{
		Use:           "pawl",
		Short:         "A durable crontab: runs commands on schedules and forgets nothing",
		Version:       version(),
		SilenceErrors: true,
		SilenceUsage:  true,
	}
	root.SetOut(term.Stdout)
	var database string
	globalFlags(root, &database)
	addVerbs(root, &database)
	return root
}

const exitUsage = 2

// The exit codes of errors, the most telling first.
var exits = []struct {
	err  error
	code int
}{
	{errWaitTimeout, 124},
	{pawl.ErrFlowNotFound, 4},
	{pawl.ErrRunNotFound, 4},
	{pawl.ErrForeignDatabase, 65},
	{pawl.ErrSchemaTooNew, 65},
	{pawl.ErrSchemaTooOld, 65},
	{pawl.ErrDatabaseDamaged, exitCorrupt},
	{pawl.ErrNoOwner, 69},
	{pawl.ErrPassive, 69},
	{pawl.ErrDatabaseOwned, 75},
	{pawl.ErrQueueFull, 75},
	{pawl.ErrStopped, 75},
	{pawl.ErrDatabaseChanged, 75},
	{fs.ErrPermission, 77},
	{errConfig, 78},
	{term.ErrOutput, 74},
	{fs.ErrNotExist, 74},
	{fs.ErrExist, 74},
}

// exitStatus is the exit code that tells of err. What no verb returned is about
// how the program was called.
func exitStatus(err error) int {
	failed, ok := errors.AsType[failure](err)
	if !ok {
		return exitUsage
	}
	if s, ok := errors.AsType[silent](err); ok {
		return int(s)
	}
	if s, ok := errors.AsType[errSignal](err); ok {
		return 128 + int(s.Signal)
	}
	if _, ok := errors.AsType[moment.WallError](err); ok {
		return exitUsage
	}
	for _, e := range exits {
		if errors.Is(err, e.err) {
			return e.code
		}
	}
	return sqliteStatus(failed.error)
}

// sqliteStatus is the exit code of what the database library found, by SQLite's
// result codes, which outlast any library.
func sqliteStatus(err error) int {
	var coded interface{ Code() int }
	if !errors.As(err, &coded) {
		return 1
	}
	switch coded.Code() & 0xff {
	case 11, 26: // SQLITE_CORRUPT, SQLITE_NOTADB
		return exitCorrupt
	case 10, 13, 14: // SQLITE_IOERR, SQLITE_FULL, SQLITE_CANTOPEN
		return 74
	case 5, 6: // SQLITE_BUSY, SQLITE_LOCKED
		return 75
	case 3, 8, 23: // SQLITE_PERM, SQLITE_READONLY, SQLITE_AUTH
		return 77
	}
	return 1
}

// A failure is an error of a verb that was called as it should be.
type failure struct{ error }

func (f failure) Unwrap() error { return f.error }

// A silent error is an exit code that needs no words, or has had them.
type silent int

func (s silent) Error() string { return fmt.Sprintf("exit status %d", int(s)) }

// does makes a function the work of a verb.
func does(work func(*cobra.Command, []string) error) func(*cobra.Command, []string) error {
	return func(cmd *cobra.Command, args []string) error {
		if err := work(cmd, args); err != nil {
			return failure{err}
		}
		return nil
	}
}
