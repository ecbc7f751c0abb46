package term

import (
	"fmt"
	"os"
	"time"

	"github.com/pawl-go/pawl/internal/lengths"
)

// A Progress is a line on a terminal that says how far long work has come. Where stderr is
// no terminal, and before a second has passed, it says nothing.
type Progress struct {
	on          bool
	begun, told time.Time
}

func NewProgress() *Progress {
	_, on := Terminal(os.Stderr)
	return &Progress{on: on, begun: time.Now()}
}

// Show shows a text, a few times a second.
func (p *Progress) Show(text string) {
	now := time.Now()
	if !p.on || now.Sub(p.begun) < time.Second || now.Sub(p.told) < 200*time.Millisecond {
		return
	}
	p.told = now
	fmt.Fprintf(os.Stderr, "\r%s\x1b[K", text)
}

// Clear clears the line.
func (p *Progress) Clear() {
	if !p.told.IsZero() {
		fmt.Fprint(os.Stderr, "\r\x1b[K")
	}
}

// ShowElapsed shows on a terminal how long work takes that says nothing of how far it is,
// until the function that it returns is called.
func ShowElapsed(what string) (over func()) {
	if _, ok := Terminal(os.Stderr); !ok {
		return func() {}
	}
	line, begun := NewProgress(), time.Now()
	stop, stopped := make(chan struct{}), make(chan struct{}) // closed by over, and by the goroutine that it waits for
	go func() {
		defer close(stopped)
		again := time.NewTicker(time.Second)
		defer again.Stop()
		for {
			select {
			case <-again.C:
				line.Show(fmt.Sprintf("%s, %s so far", what, lengths.Coarse(time.Since(begun))))
			case <-stop:
				line.Clear()
				return
			}
		}
	}()
	return func() {
		close(stop)
		<-stopped
	}
}
