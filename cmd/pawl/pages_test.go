package main

import (
	"bufio"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/pawl-go/pawl"
)

// TestPagesAreTheListThatShowPrints prints lists in pages of any size, in every form but
// a table, whose widths are those of its first page.
func TestPagesAreTheListThatShowPrints(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		out := format(rapid.SampledFrom([]string{"json", "jsonl", "csv", "md"}).Draw(t, "format"))
		runs := make([]pawl.RunInfo, rapid.IntRange(0, 7).Draw(t, "runs"))
		for i := range runs {
			runs[i] = pawl.RunInfo{FlowID: "a]", Number: int64(i), Error: "\n]\n"}
		}
		list := func(l []pawl.RunInfo) table { return historyTable(l, time.Unix(0, 0)) }
		whole := printed(t, func() error { return show(out, runs, func() table { return list(runs) }, nil) })
		paged := printed(t, func() error {
			p := pages[pawl.RunInfo]{out: out, table: list}
			for rest := runs; len(rest) > 0; {
				n := rapid.IntRange(1, len(rest)).Draw(t, "page")
				require.NoError(t, p.print(rest[:n]...))
				rest = rest[n:]
			}
			return p.end()
		})
		assert.Equal(t, whole, paged)
		if out == "json" {
			assert.True(t, json.Valid([]byte(paged)))
		}
	})
}

func printed(t require.TestingT, print func() error) string {
	var b strings.Builder
	old := stdout
	defer func() { stdout = old }()
	stdout = bufio.NewWriter(&b)
	require.NoError(t, print())
	require.NoError(t, stdout.Flush())
	return b.String()
}
