package core

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// An event has one word: the name of its type is the word in pawl_transitions.
func TestEventsAreCalledAsInTheHistory(t *testing.T) {
	text, err := os.ReadFile("event.go")
	require.NoError(t, err)
	found := regexp.MustCompile(`(?m)^func \((\w+)\) name\(\) string +\{ return "(\w+)" \}$`).FindAllStringSubmatch(string(text), -1)
	require.Len(t, found, strings.Count(string(text), ") name() string"))
	for _, m := range found {
		assert.Equal(t, m[2], strings.ToLower(m[1]))
	}
}
