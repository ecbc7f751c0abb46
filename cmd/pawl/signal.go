package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"
)

// An errSignal is why a verb was ended before it was done.
type errSignal struct{ syscall.Signal }

func (s errSignal) Error() string { return "stopped by a signal (" + s.String() + ")" }

// caught are the signals that stop the daemon, or end a verb. A terminal that goes
// away does so too, unless nohup wants that ignored.
func caught() []os.Signal {
	signals := []os.Signal{os.Interrupt, syscall.SIGTERM}
	if !signal.Ignored(syscall.SIGHUP) {
		signals = append(signals, syscall.SIGHUP)
	}
	return signals
}

// untilSignal returns a context that the first signal ends, with an errSignal as the
// cause. From then on, and after stop, signals do what they do to any program.
func untilSignal(parent context.Context) (ctx context.Context, stop func()) {
	ctx, cancel := context.WithCancelCause(parent)
	signals := make(chan os.Signal, 1) // the runtime sends, once is enough
	for _, s := range caught() {
		if !signal.Ignored(s) { // as a shell has it for what it runs in the background
			signal.Notify(signals, s)
		}
	}
	over := make(chan struct{}) // closed by the goroutine, for which stop waits
	go func() {
		defer close(over)
		defer signal.Stop(signals)
		select {
		case s := <-signals:
			cancel(errSignal{s.(syscall.Signal)})
		case <-ctx.Done():
		}
	}()
	return ctx, func() {
		cancel(nil)
		<-over
	}
}

// signalled is the exit code of a verb that goes on until a signal comes.
func signalled(ctx context.Context) error {
	if s, ok := context.Cause(ctx).(errSignal); ok {
		return silent(128 + int(s.Signal))
	}
	return context.Cause(ctx)
}
