package spec

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Fields and methods that are texts for people.
var prose = []string{"Note", "PauseNote", "Policy", "Backoff", "Retention", "Reason", "Why", "LastError", "Error"}

// What looks into a text, of package strings, and what scans one, of package fmt.
var readers = []string{"Contains", "ContainsAny", "Cut", "CutPrefix", "CutSuffix", "EqualFold", "Fields", "FieldsFunc", "HasPrefix", "HasSuffix", "Index",
	"LastIndex", "Replace", "ReplaceAll", "Split", "SplitN", "TrimPrefix", "TrimSuffix", "Sscan", "Sscanf", "Sscanln", "MatchString", "FindStringSubmatch", "FindString"}

// Where a text is read for its look alone, or because another module has nothing else.
var allowed = map[string]string{
	"cmd/pawl/logs.go restOfError": "the first line of the error is shown already",
	"cmd/pawl/yaml.go syntax":      "the YAML library says the line in the text alone",
	"pawltest/ran.go fits":         "the user of the package asks for a part of the text",
	"pawltest/ran.go describe":     "the first line",
	"workflow/limits.go firstLine": "the first line",
}

// Nothing parses a text that was written for people: no note, reason, policy or error is an
// argument of a function that looks into texts. facts T1 to T5.
func TestNothingReadsTextsForPeople(t *testing.T) {
	found := map[string]bool{}
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && (strings.HasPrefix(d.Name(), ".") && path != root || d.Name() == "testdata"):
			return filepath.SkipDir
		case !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go"):
			return nil
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, 0)
		if err != nil {
			return err
		}
		name, err := filepath.Rel(root, path)
		for _, f := range readsProse(file) {
			found[filepath.ToSlash(name)+" "+f] = true
		}
		return err
	})
	require.NoError(t, err)
	for place := range found {
		assert.NotEmpty(t, allowed[place], "%s looks into a text for people: make the fact a field, a code or a column", place)
	}
	for place := range allowed {
		assert.True(t, found[place], "%s does so no more: take it off the list", place)
	}
}

// readsProse returns the functions of a file that look into texts for people.
func readsProse(file *ast.File) (names []string) {
	for _, d := range file.Decls {
		name := "a declaration"
		if f, ok := d.(*ast.FuncDecl); ok {
			name = f.Name.Name
		}
		ast.Inspect(d, func(n ast.Node) bool {
			call, ok := n.(*ast.CallExpr)
			if !ok {
				return true
			}
			if s, ok := call.Fun.(*ast.SelectorExpr); ok && isReader(s) && slices.ContainsFunc(call.Args, isProse) {
				names = append(names, name)
			}
			return true
		})
	}
	return names
}

// isReader says whether a function is one of the readers: of package strings or fmt, or a
// method of a regular expression.
func isReader(s *ast.SelectorExpr) bool {
	x, ok := s.X.(*ast.Ident)
	of := ok && (x.Name == "strings" || x.Name == "fmt")
	return slices.Contains(readers, s.Sel.Name) && (of || strings.HasPrefix(s.Sel.Name, "Match") || strings.HasPrefix(s.Sel.Name, "Find"))
}

// isProse says whether an expression has a text for people in it.
func isProse(e ast.Expr) (is bool) {
	ast.Inspect(e, func(n ast.Node) bool {
		s, ok := n.(*ast.SelectorExpr)
		is = is || ok && slices.Contains(prose, s.Sel.Name)
		return !is
	})
	return is
}

func TestReadersOfTextsAreFound(t *testing.T) {
	for body, want := range map[string]bool{
		`strings.HasPrefix(err.Error(), "no such flow")`:     true,
		`fmt.Sscanf(f.Policy, "limit %d", &n)`:               true,
		`ended.FindStringSubmatch(run.Error)`:                true,
		`strings.TrimSpace(strings.Cut(t.Note[6:], ": "))`:   true,
		`strings.Contains(schedule, " until ")`:              false,
		`fmt.Errorf("%s: %s", firstLine(run.Error), f.Note)`: false,
		`strings.HasPrefix(path, "/")`:                       false,
	} {
		file, err := parser.ParseFile(token.NewFileSet(), "a.go", fmt.Sprintf("package a\nfunc f() { _ = %s }\n", body), 0)
		require.NoError(t, err)
		assert.Equal(t, want, len(readsProse(file)) > 0, body)
	}
}
