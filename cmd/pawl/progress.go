package main

import (
	"fmt"
	"os"
	"time"
)

// A progress is a line on a terminal that says how far long work has come. Where stderr
// is no terminal, and before a second has passed, it says nothing.
type progress struct {
	what  string
	whole time.Duration
	begun time.Time
	told  time.Time
	on    bool
}

func newProgress(what string, whole time.Duration) *progress {
	_, on := terminal(os.Stderr)
	return &progress{what: what, whole: whole, begun: time.Now(), on: on && whole > 0}
}

// at tells how much is done, a few times a second.
func (p *progress) at(done time.Duration) {
	if !p.on {
		return
	}
	now := time.Now()
	if now.Sub(p.begun) < time.Second || now.Sub(p.told) < 200*time.Millisecond {
		return
	}
	p.told = now
	fmt.Fprintf(os.Stderr, "\r%s %.0f %%\x1b[K", p.what, 100*float64(done)/float64(p.whole))
}

// done clears the line.
func (p *progress) done() {
	if !p.told.IsZero() {
		fmt.Fprint(os.Stderr, "\r\x1b[K")
	}
}
