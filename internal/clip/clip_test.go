package clip

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func TestTextThatFitsStays(t *testing.T) {
	assert.Equal(t, strings.Repeat("a", 100), Text(strings.Repeat("a", 100), 100))
	assert.Equal(t, "a\uFFFDb\uFFFDc", Text("a\x00b\xffc", 100), "but for what cannot be stored")
	assert.Equal(t, strings.Repeat("a", 91)+"... [cut]", Text(strings.Repeat("a", 101), 100))
}

// Whatever the text, what is kept fits, is valid, and is not clipped again.
func TestCutTextFits(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		pieces := rapid.SliceOfN(rapid.SampledFrom([]string{"a", "é", "\U0001F600", "\x00", "\xff", "\xb6\xb6\xb6\xb6\xb6\xb6\xb6"}), 0, 60).Draw(t, "pieces")
		limit := rapid.IntRange(20, 60).Draw(t, "limit")
		text := Text(strings.Join(pieces, ""), limit)
		require.LessOrEqual(t, len(text), limit)
		require.True(t, utf8.ValidString(text))
		require.NotContains(t, text, "\x00")
		require.Equal(t, text, Text(text, limit))
	})
}
