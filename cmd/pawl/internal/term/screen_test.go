package term

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestFrameTakesThePlaceOfTheLast(t *testing.T) {
	assert.Equal(t, "\x1b[Hone\x1b[K\r\ntwo\x1b[K\x1b[J", frame("one\ntwo\n", 10))
	assert.Equal(t, "\x1b[Hone\x1b[K\r\n… 2 more lines\x1b[K\x1b[J", frame("one\ntwo\nthree\n", 2))
	assert.Equal(t, 2, strings.Count(frame("one\ntwo\nthree", 0), "\r\n"), "the height is not known")
}
