package web_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/pawl-go/pawl"
	"github.com/pawl-go/pawl/web"
)

// found Q8: the page of a failure that is kept for longer than its transitions says so.
func TestPageOfARunSaysThatItsTransitionsWereDeleted(t *testing.T) {
	bubble(t, func(t *testing.T, s *pawl.Scheduler) {
		require.NoError(t, s.Manual("a", pawl.JobFunc(func(ctx context.Context) error {
			if run, _ := pawl.RunFrom(ctx); run.Number == 1 {
				return errors.New("no disk")
			}
			return nil
		}), pawl.WithRetention(3, 0)))
		r := start(t, s)
		for range 80 {
			run, err := r.Trigger(t.Context(), "a")
			require.NoError(t, err)
			_, err = r.WaitRun(t.Context(), "a", run)
			require.NoError(t, err)
		}
		time.Sleep(2 * time.Minute) // history is deleted
		const deleted = "Earlier transitions of this run were deleted"
		page := func(run int) string {
			return get(web.Handler(r), fmt.Sprintf("/run?id=a&number=%d", run)).Body.String()
		}
		assert.Contains(t, page(1), deleted)
		assert.NotContains(t, page(80), deleted)
	})
}
