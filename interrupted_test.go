package pawl_test

import (
	"context"
	"errors"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/pawl-go/pawl"
)

// interrupting ends the start's context, and fails as SQLite does then.
type interrupting struct{ stop context.CancelFunc }

func (i interrupting) Setup(context.Context) error {
	i.stop()
	return errors.New("sqlite: step: interrupted")
}
func (interrupting) Teardown(context.Context) error { return nil }

// found A11: whatever a start fails with after its context has ended, the error is that
// of the context, so that a signal during the recovery is a clean stop.
func TestStartThatIsToldToEndSaysSo(t *testing.T) {
	ctx, stop := context.WithCancel(t.Context())
	s := quiet(filepath.Join(t.TempDir(), "jobs.db"))
	s.AddResource(interrupting{stop})
	_, err := s.Start(ctx)
	require.ErrorIs(t, err, context.Canceled)
	require.ErrorContains(t, err, "sqlite: step: interrupted")

	s = pawl.NewScheduler(filepath.Join(t.TempDir(), "jobs.db"))
	_, err = s.Start(ctx)
	require.ErrorIs(t, err, context.Canceled)
}
