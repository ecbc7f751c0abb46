package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/pawl-go/pawl"
	"github.com/pawl-go/pawl/cmd/pawl/internal/term"
	"github.com/pawl-go/pawl/internal/holdup"
	"github.com/pawl-go/pawl/internal/lengths"
)

const (
	askLimit    = 30 * time.Second // how long a verb waits for the daemon's answer
	askPatience = 2 * time.Second  // and how long in silence
)

// timeoutFlag is how long a verb waits for the daemon's answer.
func timeoutFlag(cmd *cobra.Command) *duration {
	limit := duration(askLimit)
	cmd.Flags().Var(&limit, "timeout", "how long to wait for the daemon's answer; 0 is for ever")
	return &limit
}

// asked asks the daemon for something and waits for its answer, but not for longer than
// limit if there is one. What it waits for is said on stderr when it takes a while, and in
// the error.
func asked[T any](ctx context.Context, c *pawl.Client, limit time.Duration, ask func(context.Context) (T, error)) (answer T, err error) {
	if limit <= 0 {
		limit = math.MaxInt64 // for ever, which is a deadline too
	}
	ctx, cancel := context.WithTimeoutCause(ctx, limit, errWaitTimeout)
	defer cancel()
	ctx, note := holdup.With(ctx)
	why := func() string { return cmp.Or(note.String(), hindrance(c)) }
	quiet := speak(ctx, os.Stderr, why)
	answer, err = ask(ctx)
	quiet()
	if err != nil && ctx.Err() != nil && errors.Is(context.Cause(ctx), errWaitTimeout) {
		err = givenUp(limit, err, why)
	}
	return answer, err
}

// givenUp says of a request that was given up after limit why, and what becomes of it.
func givenUp(limit time.Duration, err error, hindrance func() string) error {
	if !errors.Is(err, pawl.ErrUnanswered) {
		return fmt.Errorf("%w after %s: the database takes no request, as while another program has a transaction open; nothing was asked for", errWaitTimeout, lengths.Exact(limit))
	}
	return fmt.Errorf("%w after %s: %s; the request stays in the inbox and may still take effect", errWaitTimeout, lengths.Exact(limit), hindrance())
}

// speak says what keeps the daemon from answering, once a wait has lasted for
// askPatience, and whenever that changes, until ctx is over or quiet is called.
func speak(ctx context.Context, out io.Writer, hindrance func() string) (quiet func()) {
	ctx, cancel := context.WithCancel(ctx)
	over := make(chan struct{}) // closed by the goroutine, for which quiet waits
	go func() {
		defer close(over)
		tick := time.NewTicker(askPatience)
		defer tick.Stop()
		for said := ""; ; {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
			}
			if why := hindrance(); why != said && why != answering {
				fmt.Fprintln(out, "pawl: waiting: "+term.Printable(why))
				said = why
			}
		}
	}()
	return func() { cancel(); <-over }
}

// answering is the hindrance of a daemon that has none.
const answering = "the daemon has not answered yet"

// hindrance is what keeps the daemon from answering, as far as others can see.
func hindrance(c *pawl.Client) string {
	ctx, cancel := context.WithTimeout(context.Background(), askPatience)
	defer cancel()
	o, owned, err := c.Owner(ctx)
	switch {
	case err != nil:
		return "whether a daemon runs cannot be read: " + err.Error()
	case !owned:
		return "no daemon runs"
	case suspended(o.PID):
		return fmt.Sprintf("process %d is stopped by a signal, until somebody sends it SIGCONT (kill -CONT %[1]d)", o.PID)
	case o.Degraded != "":
		return fmt.Sprintf("process %d is degraded until its database takes writes again: %s", o.PID, o.Degraded)
	case !o.StoppingAt.IsZero():
		return fmt.Sprintf("process %d is stopping since %s", o.PID, o.StoppingAt.Local().Format("15:04:05"))
	}
	if why, err := c.Passive(ctx); err == nil && why != "" {
		return fmt.Sprintf("process %d runs nothing until the database is claimed (pawl claim): it was %s", o.PID, why)
	}
	return answering
}
