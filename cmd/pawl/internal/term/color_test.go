package term

import (
	"math"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// program.md: states carry a symbol; its colour can be read on white and on black, with
// at least 3.5:1 on either. More than 4.58:1 on both there is none.
func TestColoursCanBeReadOnWhiteAndOnBlack(t *testing.T) {
	for symbol, code := range symbolColors {
		number, ok := strings.CutPrefix(strings.TrimPrefix(code, "1;"), "38;5;")
		if !ok {
			assert.Equal(t, faint, code, string(symbol))
			continue
		}
		n, err := strconv.Atoi(number)
		require.NoError(t, err)
		l := luminance(t, n)
		assert.GreaterOrEqual(t, (l+0.05)/0.05, 3.5, "%c on black", symbol)
		assert.GreaterOrEqual(t, 1.05/(l+0.05), 3.5, "%c on white", symbol)
	}
}

// luminance is that of WCAG 2 of a colour of the cube of 6x6x6.
func luminance(t *testing.T, n int) float64 {
	require.True(t, n >= 16 && n < 232, "%d is not in the cube", n)
	part := func(i int) float64 {
		c := float64([]int{0, 95, 135, 175, 215, 255}[i]) / 255
		if c <= 0.04045 {
			return c / 12.92
		}
		return math.Pow((c+0.055)/1.055, 2.4)
	}
	n -= 16
	return 0.2126*part(n/36) + 0.7152*part(n/6%6) + 0.0722*part(n%6)
}
