package main

import (
	"fmt"
	"os"
	"time"

	"github.com/pawl-go/pawl/internal/lengths"
)

// A done is what a verb did that is about a database, and has no list to show.
type done struct {
	Verb     string `json:"verb"`
	Database string `json:"database"`
	Bytes    int64  `json:"bytes,omitempty"`       // of the file
	Rows     int    `json:"rows,omitempty"`        // that were deleted
	Freed    int64  `json:"freed_bytes,omitempty"` // by which the database became smaller
	Doubt    string `json:"doubt,omitempty"`
	Queued   bool   `json:"queued,omitempty"`
}

// showDone prints it, to people as a sentence.
func showDone(out format, d done, sentence string) error {
	t := func() table {
		return table{columns: []column{{title: "DONE"}}, rows: [][]string{{printable(sentence)}}}
	}
	return show(out, []done{d}, t, func() { fmt.Fprintln(stdout, printable(sentence)) })
}

// waiting shows on a terminal how long work takes that says nothing of how far it is,
// until the function that it returns is called.
func waiting(what string) (over func()) {
	if _, ok := terminal(os.Stderr); !ok {
		return func() {}
	}
	line, begun := newTicker(), time.Now()
	stop, stopped := make(chan struct{}), make(chan struct{}) // closed by over, and by the goroutine that it waits for
	go func() {
		defer close(stopped)
		again := time.NewTicker(time.Second)
		defer again.Stop()
		for {
			select {
			case <-again.C:
				line.tell(fmt.Sprintf("%s, %s so far", what, lengths.Coarse(time.Since(begun))))
			case <-stop:
				line.done()
				return
			}
		}
	}()
	return func() {
		close(stop)
		<-stopped
	}
}
