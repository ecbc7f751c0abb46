package wording

import (
	"errors"
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Names are said in the words of the reader, and what only looks like a name stays. facts T4.
func TestNamesAloneAreReworded(t *testing.T) {
	sentinel := errors.New("invalid Jitter")
	inner := Errorf("%w: %s is %v, must be at least %s, %s", sentinel, Jitter, "Jitter", Initial, FoldBoth)
	err := Errorf("register %q: %w", "InitialJitterLoad", inner)
	require.EqualError(t, err, `register "InitialJitterLoad": invalid Jitter: Jitter is Jitter, must be at least Initial, FoldBoth`)
	words := map[Name]string{Jitter: "jitter", Initial: "initial"}
	assert.Equal(t, `register "InitialJitterLoad": invalid Jitter: jitter is Jitter, must be at least initial, FoldBoth`, In(err, words))
	assert.Equal(t, inner, Inner(err))
	require.ErrorIs(t, err, sentinel)
	require.ErrorIs(t, err, inner)

	plain := fmt.Errorf("outside: %w", err)
	assert.Equal(t, plain.Error(), In(plain, words), "only what Errorf made")
	assert.Equal(t, plain, Inner(plain))
	assert.Equal(t, Errorf("no error %d", 1), Inner(Errorf("no error %d", 1)))
}
