package web

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/pawl-go/pawl"
)

// The pages show each status of a run with a symbol and a word, and the failures, as the
// one table has them, in the colour of failures and at full height.
//
// found B10.
func TestEveryStatusOfARunIsShown(t *testing.T) {
	css, err := os.ReadFile("assets/style.css")
	require.NoError(t, err)
	parts, err := os.ReadFile("templates/parts.html")
	require.NoError(t, err)
	bad := func(prefix string) string { // the selectors of the colour of failures
		rule := regexp.MustCompile(`(?m)(` + regexp.QuoteMeta(prefix) + `[^{}]*) \{ (?:--c|fill): var\(--bad\); \}`).FindSubmatch(css)
		require.NotNil(t, rule, prefix)
		return " " + strings.ReplaceAll(string(rule[1]), ",", " ") + " "
	}
	groups := map[string]string{".b-": bad(".strip .b-failed"), ".k-": bad(".k-failed")}
	assert.Len(t, runOrder, len(pawl.RunStatuses()))
	for _, fact := range pawl.RunStatuses() {
		assert.Contains(t, runOrder, fact.Word)
		assert.Contains(t, string(parts), `id="i-`+string(fact.Word)+`"`)
		assert.Equal(t, fact.Failure, heightOf(fact.Word) == stripHeight, fact.Word)
		for prefix, selectors := range groups {
			assert.Equal(t, fact.Failure, strings.Contains(selectors, prefix+string(fact.Word)+" "), "%s%s", prefix, fact.Word)
		}
	}
}
