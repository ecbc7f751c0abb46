package term

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"pgregory.net/rapid"
)

func TestTablesFitAndHaveNoEmptyCell(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		width := rapid.IntRange(40, 200).Draw(t, "width")
		tab := Table{MinLast: 12, Columns: []Column{{Title: "FLOW", Max: 16}, {Title: "STATE"}, {Title: "NEXT", Drop: 2, Max: 20}, {Title: "RUNS", Drop: 1, Max: 12}, {Title: "WHY"}}}
		for range rapid.IntRange(0, 5).Draw(t, "rows") {
			row := []string{rapid.StringMatching(`[a-z表é]{1,60}`).Draw(t, "flow"), "✓ completed"}
			for range 3 {
				row = append(row, rapid.StringMatching(`[a-z 表]{0,90}`).Draw(t, "cell"))
			}
			tab.Rows = append(tab.Rows, row)
		}
		var b strings.Builder
		tab.Print(&b, width)
		for line := range strings.Lines(b.String()) {
			assert.LessOrEqual(t, TextWidth(strings.TrimSuffix(line, "\n")), width)
			assert.Contains(t, b.String(), "WHY")
		}
	})
	var b strings.Builder
	Table{Columns: []Column{{Title: "A"}, {Title: "B"}, {Title: "C"}}, Rows: [][]string{{"", "表", ""}}}.Print(&b, 80)
	assert.Equal(t, "A     B   C\nnone  表  none\n", b.String())
}

// found A11: what a cell holds is neither a link nor an image.
func TestMarkdownCellsAreNotLinks(t *testing.T) {
	var b strings.Builder
	Table{Columns: []Column{{Title: "A"}}, Rows: [][]string{{"![x](http://a.b/c) www.a.b a@b.c"}}}.markdown(&b, false)
	assert.Equal(t, "| \\!\\[x\\](http\\://a.b/c) www\\.a.b a\\@b.c |\n", b.String())
}

func TestMarkdownKeepsCellsAsTheyAre(t *testing.T) {
	var b strings.Builder
	Table{Columns: []Column{{Title: "A"}, {Title: "B"}}, Rows: [][]string{{"a|b", ""}, {"*", "<i>"}, {"~~a~~", "&lt;"}}}.markdown(&b, true)
	assert.Equal(t, "| A | B |\n| --- | --- |\n| a\\|b | none |\n| \\* | &lt;i> |\n| \\~\\~a\\~\\~ | &amp;lt; |\n", b.String())
}
