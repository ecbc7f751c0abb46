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
	for _, f := range s.flows {
		if f.LastNumber == 0 {
			continue
		}
		runs, err := c.Runs(ctx, pawl.RunsQuery{Flow: f.ID, Limit: stripLength})
		if err != nil {
			return err
		}
		s.strips[f.ID] = stripOf(runs)
	}
	return nil
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
