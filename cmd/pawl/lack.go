package main

import (
	"context"
	"errors"
	"fmt"
	"syscall"
	"time"
)

const (
	lackPause    = time.Second      // before the second try; it doubles each time
	mostPause    = time.Minute      // and is not longer than that
	lackPatience = 10 * time.Minute // after that a lack is the failure of the flow
)

// shortOf says that a command could not be started because the daemon, or the machine,
// lacks descriptors, memory or processes. The flow is not to blame for that.
func shortOf(err error) bool {
	for _, lack := range []error{syscall.EMFILE, syscall.ENFILE, syscall.ENOMEM, syscall.EAGAIN} {
		if errors.Is(err, lack) {
			return true
		}
	}
	return false
}

// patiently tries to start something, and again while that fails for a lack, within the
// same attempt of the run. waits receives each lack.
func patiently(ctx context.Context, dismissed <-chan struct{}, waits func(lack error, pause time.Duration), try func() error) error {
	begun := time.Now()
	for pause := lackPause; ; pause = min(2*pause, mostPause) {
		err := try()
		if err == nil || !shortOf(err) || time.Since(begun) >= lackPatience {
			return err
		}
		waits(err, pause)
		again := time.NewTimer(pause)
		select {
		case <-again.C:
		case <-ctx.Done():
			again.Stop()
			return fmt.Errorf("%w before it could start: %w", context.Cause(ctx), err)
		case <-dismissed:
			again.Stop()
			return errDismissed
		}
	}
}
