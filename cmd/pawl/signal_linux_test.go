package main

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/spf13/cobra"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/pawl-go/pawl"
)

// A verb that a signal ends has the time to remove what it has half done, and exits
// as the signal would have made it.
func TestSignalEndsTheContextOfAVerb(t *testing.T) {
	o := &orphanage{database: filepath.Join(t.TempDir(), "pawl.db")}
	runOnce(t, o, "a")
	for s, code := range map[syscall.Signal]int{syscall.SIGTERM: 143, syscall.SIGINT: 130, syscall.SIGHUP: 129} {
		verb := &cobra.Command{}
		verb.SetContext(t.Context())
		err := withClient(verb, o.database, func(*pawl.Client) error {
			require.NoError(t, syscall.Kill(os.Getpid(), s))
			<-verb.Context().Done()
			return verb.Context().Err()
		})
		assert.ErrorIs(t, err, context.Canceled)
		assert.ErrorContains(t, err, "stopped by a signal ("+s.String()+")")
		assert.Equal(t, code, exitStatus(failure{err}))
	}
	broken := errors.New("broken")
	verb := &cobra.Command{}
	verb.SetContext(t.Context())
	assert.Equal(t, broken, withClient(verb, o.database, func(*pawl.Client) error { return broken }))
}
