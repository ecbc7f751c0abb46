package main

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"os"
	"time"

	"github.com/pawl-go/pawl"
	"github.com/pawl-go/pawl/cmd/pawl/internal/files"
	"github.com/pawl-go/pawl/cmd/pawl/internal/term"
)

// A follower shows what a run prints, from the spool that its daemon keeps, which has
// to be on this machine. Of a run that was over too soon it shows what was kept.
type follower struct {
	c        *pawl.Client
	database string
	silent   bool // only wait
	file     *os.File
	shown    int64 // bytes
}

// follow shows the output of a run until it is over.
func (f *follower) follow(ctx context.Context, flow string, number int64) (run pawl.RunInfo, err error) {
	quiet := speak(ctx, os.Stderr, func() string { return hindrance(f.c) })
	defer quiet()
	if f.silent {
		return f.c.WaitRun(ctx, flow, number)
	}
	over := make(chan struct{}) // closed by the goroutine, with which run and err are set
	go func() {
		defer close(over)
		run, err = f.c.WaitRun(ctx, flow, number)
	}()
	defer func() { f.close() }()
	path := spoolPath(f.database, flow, number)
	for again := time.NewTicker(50 * time.Millisecond); ; {
		select {
		case <-over:
			again.Stop()
			f.show()
			if err == nil && f.shown == 0 {
				showOutput(run)
			}
			return run, err
		case <-again.C:
			f.open(path)
			f.show()
			f.reopen(path)
		}
	}
}

// open opens the spool if it is there.
func (f *follower) open(path string) {
	if f.file == nil {
		f.file, _, _ = files.OpenRegular(path, files.NoFollow) // if not, then the next time
	}
}

// show prints what is new.
func (f *follower) show() {
	if f.file == nil {
		return
	}
	n, _ := io.Copy(cleaned{}, f.file)
	f.shown += n
	if n > 0 {
		term.Stdout.Flush()
	}
}

// reopen lets go of a spool that was removed: that of another attempt may follow.
func (f *follower) reopen(path string) {
	if _, err := os.Stat(path); err != nil && f.file != nil {
		f.show()
		f.close()
	}
}

func (f *follower) close() {
	if f.file != nil {
		f.file.Close()
		f.file = nil
	}
}

// cleaned writes to stdout what a command has printed: to a terminal, only what does
// not drive it.
type cleaned struct{}

func (cleaned) Write(p []byte) (int, error) {
	if _, ok := term.Terminal(os.Stdout); !ok {
		return term.Stdout.Write(p)
	}
	_, err := term.Stdout.WriteString(term.Printable(string(p)))
	return len(p), err
}

// showOutput prints what was kept of the output of a run.
func showOutput(run pawl.RunInfo) {
	text := outputOf(run)
	if text == "" {
		return
	}
	if text[len(text)-1] != '\n' {
		text += "\n"
	}
	_, _ = io.Copy(cleaned{}, bytes.NewBufferString(text)) // stdout keeps its error
}

// outputOf is what was kept of the output of a run: a text, or JSON of a job in Go.
func outputOf(run pawl.RunInfo) string {
	var text string
	if json.Unmarshal([]byte(run.Output), &text) != nil {
		return string(run.Output)
	}
	return text
}
