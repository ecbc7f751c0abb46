package engine

import (
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	gotoken "go/token"
	"strings"
	"testing"

	"github.com/pawl-go/pawl/engine/core"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// What a row of the inbox says in its code is the error of its owner for every Client: the
// text may say anything. facts T2.
func TestAnswerIsTheErrorOfItsCode(t *testing.T) {
	for _, c := range errorCodes {
		err := fmt.Errorf("flow is running already, or so: %w: more", c.err)
		assert.Equal(t, c.code, errorCode(err))
		got := Answer{Error: err.Error(), Code: errorCode(err)}.AnswerError()
		require.ErrorIs(t, got, c.err)
		assert.EqualError(t, got, err.Error())
		for _, other := range errorCodes {
			assert.Equal(t, other == c, errors.Is(got, other.err), other.code)
		}
	}
	require.NoError(t, Answer{Result: "done"}.AnswerError())
	for what, a := range map[string]Answer{
		"an older owner":                     {Error: "flow is tripped: flow \"a\""},
		"a newer owner":                      {Error: "flow is tripped: flow \"a\"", Code: "on_fire"},
		"an error that nobody can act on":    {Error: `unknown command "explode"`, Code: errorCode(errors.New("flow is tripped"))},
		"an error that only looks like ours": {Error: core.ErrTripped.Error()},
	} {
		err := a.AnswerError()
		require.EqualError(t, err, a.Error, what)
		require.NotErrorIs(t, err, core.ErrTripped, what)
	}
}

// Every error of this package that a caller can act on has a code, and one alone.
func TestEveryErrorHasACode(t *testing.T) {
	file, err := parser.ParseFile(gotoken.NewFileSet(), "core/errors.go", nil, 0)
	require.NoError(t, err)
	var named []string
	for _, d := range file.Decls {
		d, ok := d.(*ast.GenDecl)
		if !ok || d.Tok != gotoken.VAR {
			continue
		}
		for _, s := range d.Specs {
			if name := s.(*ast.ValueSpec).Names[0].Name; strings.HasPrefix(name, "Err") {
				named = append(named, name)
			}
		}
	}
	codes := map[string]bool{}
	for _, c := range errorCodes {
		assert.False(t, codes[c.code], c.code)
		codes[c.code] = true
	}
	assert.Len(t, errorCodes, len(named)+1, "%v, and the error of schedules", named)
}
