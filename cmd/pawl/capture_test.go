package main

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func TestOutputKeepsBeginningAndEnd(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var out output
		var all []byte
		for range rapid.IntRange(0, 20).Draw(t, "chunks") {
			chunk := []byte(strings.Repeat(rapid.StringMatching(`[a-z€\n]{1,40}`).Draw(t, "text"), rapid.IntRange(1, 300).Draw(t, "times")))
			all = append(all, chunk...)
			out.add(chunk)
		}
		text := out.String()
		if len(all) <= headSize+tailSize {
			assert.Equal(t, strings.TrimSpace(string(all)), strings.TrimSpace(text))
			return
		}
		assert.True(t, utf8.ValidString(text))
		assert.NotContains(t, text, "?", "no character is cut in two")
		head, rest, found := strings.Cut(text, "\n[")
		_, tail, _ := strings.Cut(rest, " omitted]\n")
		require.True(t, found)
		assert.True(t, strings.HasPrefix(string(all), head))
		assert.True(t, strings.HasSuffix(strings.TrimSpace(string(all)), tail))
		trimmed := len(all) - len(strings.TrimRight(string(all), "\n"))
		assert.GreaterOrEqual(t, len(tail), tailSize-3-trimmed)
		assert.LessOrEqual(t, len(text), headSize+tailSize+40)
	})
}
