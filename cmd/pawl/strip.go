package main

import (
	"context"
	"unicode/utf8"

	"github.com/pawl-go/pawl"
)

// stripLength is how many of a flow's runs are shown as symbols.
const stripLength = 20

// strip reads the last runs of flows, of all if none is named, the newest at the end.
func (s *statusReport) strip(ctx context.Context, c *pawl.Client, ids []string) error {
	s.strips = map[string]string{}
	runs, err := c.View().Recent(ctx, stripLength, ids...)
	for id, some := range runs {
		s.strips[id] = stripOf(some)
	}
	return err
}

// stripOf is a symbol for each run of a list that begins with the newest. One that
// ended well is a dot, so that the others stand out.
func stripOf(runs []pawl.RunStatus) string {
	symbols := make([]rune, len(runs))
	for i, status := range runs {
		symbol, _ := utf8.DecodeRuneInString(runStates[status])
		switch {
		case status == pawl.RunCompleted:
			symbol = '·'
		case runStates[status] == "": // the row was edited
			symbol = '?'
		}
		symbols[len(runs)-1-i] = symbol
	}
	return string(symbols)
}
