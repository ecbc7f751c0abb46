package pawl_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/pawl-go/pawl"
)

// What the program knows of a copy counts like what the lock file tells, which comes
// first, and only where it knows something.
func TestDoubtOfTheProgramMakesAStartPassive(t *testing.T) {
	bubble(t, func(t *testing.T, db string) {
		var asked []string
		begin := func(why string) *pawl.Runner {
			s := quiet(db, pawl.WithRestoreGuard(), pawl.WithDoubt(func(_ context.Context, id string) string {
				asked = append(asked, id)
				return why
			}))
			require.NoError(t, s.Manual("a", job(ok)))
			return start(t, s)
		}
		r := begin("")
		_, err := r.Trigger(t.Context(), "a")
		require.NoError(t, err)
		stop(t, r, db)
		c := openClient(t, db)
		assert.Equal(t, []string{c.Database()}, asked)
		require.NoError(t, c.Close())

		r = begin("copied: its twin was seen")
		_, err = r.Trigger(t.Context(), "a")
		require.ErrorIs(t, err, pawl.ErrPassive)
		require.ErrorContains(t, err, "copied: its twin was seen")
		stop(t, r, db)
		r = begin("copied: its twin was seen again")
		_, err = r.Trigger(t.Context(), "a")
		require.ErrorContains(t, err, "its twin was seen;", "until it is claimed")
		assert.Len(t, asked, 2)
		require.NoError(t, r.Claim(t.Context()))
		stop(t, r, db)
	})
}
