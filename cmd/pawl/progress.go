package main

import (
	"fmt"
	"os"
	"time"
)

// A ticker is a line on a terminal that says how far long work has come. Where stderr is
// no terminal, and before a second has passed, it says nothing.
type ticker struct {
	on          bool
	begun, told time.Time
}

func newTicker() *ticker {
	_, on := terminal(os.Stderr)
	return &ticker{on: on, begun: time.Now()}
}

// tell shows a text, a few times a second.
func (p *ticker) tell(text string) {
	now := time.Now()
	if !p.on || now.Sub(p.begun) < time.Second || now.Sub(p.told) < 200*time.Millisecond {
		return
	}
	p.told = now
	fmt.Fprintf(os.Stderr, "\r%s\x1b[K", text)
}

// done clears the line.
func (p *ticker) done() {
	if !p.told.IsZero() {
		fmt.Fprint(os.Stderr, "\r\x1b[K")
	}
}
