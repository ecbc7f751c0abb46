// Package spec checks that the specification in docs/spec is complete, and that what the
// tests cite exists. docs/spec/README.md says what a citation is.
package spec

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const root = "../.."

func TestEveryNumberIsThereOnce(t *testing.T) {
	for _, fault := range gaps(lines(t)) {
		t.Error(fault)
	}
}

func TestEveryCitationResolves(t *testing.T) {
	all := lines(t)
	cited := map[string]bool{}
	for path, text := range sources(t) {
		for _, c := range citations(documents(all), text) {
			cited[c.id] = cited[c.id] || isTest(path)
			if !slices.Contains(all, c.id) {
				t.Errorf("%s:%d cites %s, and docs/spec has no such line", path, c.line, c.id)
			}
		}
	}
	uncited := slices.DeleteFunc(slices.Clone(all), func(id string) bool { return cited[id] })
	t.Logf("%d of %d lines are cited by no test: %s", len(uncited), len(all), strings.Join(uncited, ", "))
}

// Letters repeat between the documents, so a citation without its document says nothing.
func TestEveryCitationNamesItsDocument(t *testing.T) {
	names := documents(lines(t))
	for path, text := range sources(t) {
		if !strings.HasSuffix(path, "_test.go") || strings.HasPrefix(path, "internal/spec/") {
			continue
		}
		for i, line := range strings.Split(text, "\n") {
			for _, id := range bare(names, line) {
				t.Errorf("%s:%d cites %s without the name of its document, such as %q", path, i+1, id, names[0]+" "+id)
			}
		}
	}
}

func TestBareCitationsAreFound(t *testing.T) {
	names := []string{"alpha", "beta"}
	assert.Empty(t, bare(names, "x := A1 // alpha A1, beta B2: at UTF8 and ABC1, a1, A123"))
	assert.Equal(t, []string{"C3", "C4"}, bare(names, "// alpha A1, C3 and gamma C4"))
	assert.Equal(t, []string{"D2"}, bare(names, "f() // what D2 says"))
}

func TestFaultsOfDocumentsAreFound(t *testing.T) {
	text := "- **A1** One.\n- **A2** Two.\n- **A2** Again.\n| **A5** | a row |\n- **B2** No first.\nSee **C1**.\n"
	ids := read("alpha", text)
	assert.Equal(t, []string{"alpha A1", "alpha A2", "alpha A2", "alpha A5", "alpha B2"}, ids)
	assert.Equal(t, []string{
		"docs/spec/alpha.md has A2 twice",
		"docs/spec/alpha.md has A5 and no A3",
		"docs/spec/alpha.md has A5 and no A4",
		"docs/spec/alpha.md has B2 and no B1",
	}, gaps(ids))
}

func TestCitationsAreFound(t *testing.T) {
	text := "// alpha A1, beta B12.\n// A3 and (alpha C4)\n// at alpha-A5, the beta B6b, gamma A1, alphabet A1"
	assert.Equal(t, []citation{{"alpha A1", 1}, {"beta B12", 1}, {"alpha C4", 2}}, citations([]string{"alpha", "beta"}, text))
}

// lines returns the citation of every line of the documents, in their order.
func lines(t *testing.T) (ids []string) {
	paths, err := filepath.Glob(filepath.Join(root, "docs/spec/*.md"))
	require.NoError(t, err)
	for _, path := range paths {
		text, err := os.ReadFile(path)
		require.NoError(t, err)
		ids = append(ids, read(strings.TrimSuffix(filepath.Base(path), ".md"), string(text))...)
	}
	require.NotEmpty(t, ids, "docs/spec has no numbered line")
	return ids
}

// numbered matches the start of a line that can be cited: an item of a list or a row of a table.
var numbered = regexp.MustCompile(`(?m)^(?:- |\| )\*\*([A-Z])(\d+)\*\*`)

func read(document, text string) (ids []string) {
	for _, m := range numbered.FindAllStringSubmatch(text, -1) {
		ids = append(ids, document+" "+m[1]+m[2])
	}
	return ids
}

// gaps names numbers that are used twice, and those that are missing below the highest of
// their letter.
func gaps(ids []string) (faults []string) {
	seen := map[string]int{}
	for _, id := range ids {
		if seen[id]++; seen[id] == 2 {
			document, number, _ := strings.Cut(id, " ")
			faults = append(faults, fmt.Sprintf("docs/spec/%s.md has %s twice", document, number))
		}
	}
	missing := map[string]bool{}
	for _, id := range ids {
		document, number, _ := strings.Cut(id, " ")
		letter := number[:1]
		highest, _ := strconv.Atoi(number[1:])
		for n := 1; n < highest; n++ {
			below := fmt.Sprintf("%s %s%d", document, letter, n)
			if seen[below] == 0 && !missing[below] {
				missing[below] = true
				faults = append(faults, fmt.Sprintf("docs/spec/%s.md has %s and no %s%d", document, number, letter, n))
			}
		}
	}
	return faults
}

// documents returns the names of the documents.
func documents(ids []string) (names []string) {
	for _, id := range ids {
		name, _, _ := strings.Cut(id, " ")
		names = append(names, name)
	}
	return slices.Compact(names)
}

// isTest says whether a file is a test, or a script or transcript that a test plays.
func isTest(path string) bool {
	return strings.HasSuffix(path, "_test.go") || strings.HasSuffix(path, ".txtar") || strings.Contains(path, "/testdata/transcripts/")
}

// sources returns the text of every test of the repository, and of the documents, which cite
// each other, by path.
func sources(t *testing.T) map[string]string {
	files := map[string]string{}
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && path != root && strings.HasPrefix(d.Name(), "."):
			return fs.SkipDir
		}
		name := strings.TrimPrefix(filepath.ToSlash(path), root+"/")
		if isTest(name) || strings.HasPrefix(name, "docs/spec/") {
			text, err := os.ReadFile(path)
			files[name] = string(text)
			return err
		}
		return nil
	})
	require.NoError(t, err)
	return files
}

var lone = regexp.MustCompile(`(?:(\w+) )?\b([A-Z]\d{1,2})\b`)

// bare returns what the comment of a line cites without one of the documents.
func bare(documents []string, line string) (ids []string) {
	_, comment, _ := strings.Cut(line, "//")
	for _, m := range lone.FindAllStringSubmatch(comment, -1) {
		if !slices.Contains(documents, m[1]) {
			ids = append(ids, m[2])
		}
	}
	return ids
}

type citation struct {
	id   string
	line int // in the file, from 1
}

// citations finds what a text cites, in order.
func citations(documents []string, text string) (found []citation) {
	pattern := regexp.MustCompile(`\b(` + strings.Join(documents, "|") + `) ([A-Z]\d+)\b`)
	for i, line := range strings.Split(text, "\n") {
		for _, m := range pattern.FindAllStringSubmatch(line, -1) {
			found = append(found, citation{m[1] + " " + m[2], i + 1})
		}
	}
	return found
}
