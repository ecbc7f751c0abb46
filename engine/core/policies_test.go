package core

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// time O1: a policy is a text in the inbox, in a config and in pawl_flows.
func TestOverlapIsReadAsItIsWritten(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		o := rapid.OneOf(rapid.Just(OverlapSkip), rapid.Just(OverlapCancel), rapid.Just(OverlapBufferOne),
			rapid.Map(rapid.IntRange(1, 1<<40), OverlapBuffer),
			rapid.Custom(func(t *rapid.T) Overlap {
				return OverlapAllow(rapid.IntRange(2, maxParallel).Draw(t, "n"), rapid.IntRange(0, 1<<40).Draw(t, "buffer"))
			})).Draw(t, "overlap")
		read, err := ParseOverlap(o.String())
		require.NoError(t, err, o.String())
		assert.Equal(t, o, read)
	})
}

// time O1.
func TestOverlapThatIsNoneIsRefused(t *testing.T) {
	for _, text := range []string{"", "skipp", "buffer", "buffer ten", "buffer 10 or so", "buffer -1", "allow 5, buffer x", "allow 5,",
		"allow 10001", "allow 99999999999999999999", "cancel 3"} {
		o, err := ParseOverlap(text)
		assert.ErrorIs(t, err, ErrInvalidFlow, "%q: %v", text, o)
	}
}

// time C1, time C2.
func TestCatchUpIsReadAsItIsWritten(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := rapid.OneOf(rapid.Just(CatchUpLatest), rapid.Just(CatchUpEarliest), rapid.Just(CatchUpNone),
			rapid.Map(rapid.IntRange(1, 1<<40), CatchUpAll)).Draw(t, "catch-up")
		c.Within = time.Duration(rapid.Int64Range(0, 1<<60).Draw(t, "within"))
		read, err := ParseCatchUp(c.String())
		require.NoError(t, err, c.String())
		assert.Equal(t, c, read)
	})
}

// time C1, time C2.
func TestCatchUpThatIsNoneIsRefused(t *testing.T) {
	for _, text := range []string{"", "last", "all", "all 0", "all -1", "all many", "latest within", "latest within soon", "none within -1s"} {
		c, err := ParseCatchUp(text)
		assert.ErrorIs(t, err, ErrInvalidFlow, "%q: %v", text, c)
	}
}
