package main

import (
	"fmt"
	"github.com/pawl-go/pawl/cmd/pawl/internal/term"
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
func showDone(out term.Format, d done, sentence string) error {
	t := func() term.Table {
		return term.Table{Columns: []term.Column{{Title: "DONE"}}, Rows: [][]string{{term.Printable(sentence)}}}
	}
	return term.Show(out, []done{d}, t, func() { fmt.Fprintln(term.Stdout, term.Printable(sentence)) })
}
