package main

import (
	"context"

	"github.com/pawl-go/pawl"
)

// stripLength is how many of a flow's runs are shown as symbols.
const stripLength = 20

// strip reads the last runs of each flow, the newest at the end.
func (s *statusReport) strip(ctx context.Context, c *pawl.Client) error {
	s.strips = make(map[string]string, len(s.flows))
	var ran []string
	for _, f := range s.flows {
		if f.LastNumber != 0 {
			ran = append(ran, f.ID)
		}
	}
	runs, err := c.View().Window(ctx, pawl.WindowQuery{Flows: ran, Limit: stripLength})
	for id, some := range runs {
		s.strips[id] = stripOf(some)
	}
	return err
}

// stripOf is a symbol for each run of a list that begins with the newest. One that
// ended well is a dot, so that the others stand out.
func stripOf(runs []pawl.RunInfo) string {
	symbols := make([]rune, len(runs))
	for i, r := range runs {
		symbol := []rune(runStates[r.Status])[0]
		if r.Status == pawl.RunCompleted {
			symbol = '·'
		}
		symbols[len(runs)-1-i] = symbol
	}
	return string(symbols)
}
