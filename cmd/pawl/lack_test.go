package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
)

// found A10: a lack of descriptors, memory or processes is not the flow's failure, until it
// has lasted for 10 minutes.
func TestLackAtTheDaemonIsNotTheFailureOfAFlow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		lack := fmt.Errorf("start: %w", os.NewSyscallError("pipe2", syscall.EMFILE))
		var pauses []time.Duration
		waits := func(_ error, pause time.Duration) { pauses = append(pauses, pause) }
		tries := 0
		assert.NoError(t, patiently(t.Context(), nil, waits, func() error {
			if tries++; tries < 9 {
				return lack
			}
			return nil
		}))
		assert.Equal(t, []time.Duration{1e9, 2e9, 4e9, 8e9, 16e9, 32e9, time.Minute, time.Minute}, pauses)

		begun := time.Now()
		assert.Equal(t, lack, patiently(t.Context(), nil, waits, func() error { return lack }))
		assert.GreaterOrEqual(t, time.Since(begun), 10*time.Minute)
		assert.Less(t, time.Since(begun), 12*time.Minute)

		missing := errors.New("no such program")
		assert.Equal(t, missing, patiently(t.Context(), nil, nil, func() error { return missing }))

		ctx, stop := context.WithTimeout(t.Context(), time.Minute)
		defer stop()
		err := patiently(ctx, nil, waits, func() error { return lack })
		assert.ErrorIs(t, err, context.DeadlineExceeded)
		assert.ErrorIs(t, err, syscall.EMFILE)
		dismissed := make(chan struct{})
		close(dismissed)
		assert.Equal(t, errDismissed, patiently(t.Context(), dismissed, waits, func() error { return lack }))
	})
}
