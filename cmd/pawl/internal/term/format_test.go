package term

import (
	"bufio"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/pawl-go/pawl"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func TestJSONIsAnArrayThatDrivesNoTerminal(t *testing.T) {
	var b strings.Builder
	require.NoError(t, printJSON[pawl.RunInfo](&b, nil))
	assert.Equal(t, "[]\n", b.String())

	b.Reset()
	want := []string{"a\x1b[31m\u009b\u202e\x7f <&> 表\n\U000e0001"}
	require.NoError(t, printJSON(&b, want))
	assert.Equal(t, "[\n  \"a\\u001b[31m\\u009b\\u202e\\u007f <&> 表\\n\\udb40\\udc01\"\n]\n", b.String())
	var got []string
	require.NoError(t, json.Unmarshal([]byte(b.String()), &got))
	assert.Equal(t, want, got)
}

func TestCSVHasTheNamesAndValuesOfJSON(t *testing.T) {
	var b strings.Builder
	type entry struct {
		Flow string `json:"flow_id"`
		pawl.Instant
	}
	require.NoError(t, printCSV(&b, []entry{{"a,b\x1b[31m", pawl.Instant{At: time.Unix(0, 0).UTC(), Estimate: true}}, {Flow: "c"}}))
	rows, err := csv.NewReader(strings.NewReader(b.String())).ReadAll()
	require.NoError(t, err)
	assert.Equal(t, [][]string{
		{"flow_id", "at", "held", "estimate"},
		{"a,b", "1970-01-01T00:00:00Z", "", "true"},
		{"c", "0001-01-01T00:00:00Z", "", ""},
	}, rows)

	b.Reset()
	require.NoError(t, printCSV(&b, []string{"one", `say "two"`}))
	assert.Equal(t, "value\none\n\"say \"\"two\"\"\"\n", b.String())
	b.Reset()
	require.NoError(t, printCSV[pawl.RunInfo](&b, nil))
	assert.Equal(t, 1, strings.Count(b.String(), "\n"), "the titles are there without a row, too")
}

// found A11: no cell is a formula to a spreadsheet.
func TestCSVHasNoFormulas(t *testing.T) {
	var b strings.Builder
	require.NoError(t, printCSV(&b, []string{"=1+1", "+1", "-1", "@SUM(A1)", "a=b"}))
	assert.Equal(t, "value\n'=1+1\n'+1\n'-1\n'@SUM(A1)\na=b\n", b.String())
	b.Reset()
	require.NoError(t, printCSV(&b, []string{" =1+1", "\n=1+1", "＝1+1", "", " a"}))
	assert.Equal(t, "value\n' =1+1\n\"'\n=1+1\"\n'＝1+1\n\n\" a\"\n", b.String(), "white space before it, and wide forms")
	b.Reset()
	require.NoError(t, printCSV(&b, []int{-1}))
	assert.Equal(t, "value\n-1\n", b.String(), "a number is none")
}

// TestPagesAreTheListThatShowPrints prints lists in pages of any size, in every form but
// a table, whose widths are those of its first page.
func TestPagesAreTheListThatShowPrints(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		out := Format(rapid.SampledFrom([]string{"json", "jsonl", "csv", "md"}).Draw(t, "format"))
		runs := make([]pawl.RunInfo, rapid.IntRange(0, 7).Draw(t, "runs"))
		for i := range runs {
			runs[i] = pawl.RunInfo{FlowID: "a]", Number: int64(i), Error: "\n]\n"}
		}
		list := func(runs []pawl.RunInfo) Table {
			t := Table{Columns: []Column{{Title: "FLOW"}, {Title: "RUN"}, {Title: "ERROR"}}}
			for _, r := range runs {
				t.Rows = append(t.Rows, []string{r.FlowID, fmt.Sprint(r.Number), FirstLine(r.Error)})
			}
			return t
		}
		whole := printed(t, func() error { return Show(out, runs, func() Table { return list(runs) }, nil) })
		paged := printed(t, func() error {
			p := Pages[pawl.RunInfo]{Format: out, Table: list}
			for rest := runs; len(rest) > 0; {
				n := rapid.IntRange(1, len(rest)).Draw(t, "page")
				require.NoError(t, p.Print(rest[:n]...))
				rest = rest[n:]
			}
			return p.End()
		})
		assert.Equal(t, whole, paged)
		if out == "json" {
			assert.True(t, json.Valid([]byte(paged)))
		}
	})
}

func printed(t require.TestingT, print func() error) string {
	var b strings.Builder
	old := Stdout
	defer func() { Stdout = old }()
	Stdout = bufio.NewWriter(&b)
	require.NoError(t, print())
	require.NoError(t, Stdout.Flush())
	return b.String()
}
