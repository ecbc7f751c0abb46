package pawl_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/pawl-go/pawl"
)

// time V1: from the newest transition on a tail tells only what is new.
func TestTailFromTheNewestTellsWhatIsNew(t *testing.T) {
	bubble(t, func(t *testing.T, db string) {
		s := quiet(db)
		require.NoError(t, s.Manual("a", job(ok)))
		r := start(t, s)
		defer stop(t, r, db)
		c, err := pawl.Open(db)
		require.NoError(t, err)
		defer c.Close()
		seq, err := c.NewestTransition(t.Context())
		require.NoError(t, err)
		_, err = r.Trigger(t.Context(), "a")
		require.NoError(t, err)
		for transition, err := range c.Transitions(t.Context(), seq) {
			require.NoError(t, err)
			assert.Equal(t, seq+1, transition.Seq)
			assert.Equal(t, "reserve", transition.Event)
			break
		}
	})
}
