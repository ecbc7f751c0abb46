package main

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/pawl-go/pawl"
)

// The program has a symbol for each status of a run, and takes for failures what the one
// table says.
//
// found B10.
func TestEveryStatusOfARunHasASymbol(t *testing.T) {
	seen := map[string]bool{}
	for _, fact := range pawl.RunStatuses() {
		symbol := runStates[fact.Word]
		assert.NotEmpty(t, symbol, fact.Word)
		assert.False(t, seen[symbol], symbol)
		seen[symbol] = true
		assert.Equal(t, fact.Failure, historyQuery{failed: true}.takes(pawl.RunInfo{Status: fact.Word}), fact.Word)
	}
}
