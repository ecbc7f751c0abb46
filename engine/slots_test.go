package engine_test

import (
	"context"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/pawl-go/pawl/engine/core"
)

// speed P2. A slot is not empty from one commit to the next: what ends in a commit makes
// room for as many that wait, in the same commit.
func TestRunsThatWaitStartInTheCommitThatMakesRoom(t *testing.T) {
	bubble(t, func(t *testing.T, path string) {
		release := make(chan struct{})
		queue := manual("queue", func(ctx context.Context) error {
			<-release
			return nil
		})
		queue.Plan.Overlap = core.OverlapAllow(10, 100)
		r := startRig(t, path, queue)
		for range 50 {
			_, err := r.Trigger(t.Context(), "queue")
			require.NoError(t, err)
		}
		synctest.Wait()
		before := len(r.store.batches)
		close(release)
		synctest.Wait()
		info, _ := r.Status("queue")
		assert.Equal(t, []int64{50, 0, 0}, []int64{info.RunCount, int64(info.InFlight), int64(info.Waiting)})
		starts := 0
		for _, b := range r.store.batches[before:] {
			ends, began := 0, 0
			for _, c := range b.Changes {
				if c.Event == "outcome" {
					ends++
				} else {
					began++
				}
				assert.LessOrEqual(t, c.InFlight, 10)
			}
			starts += began
			assert.Equal(t, min(ends, 40-starts+began), began, "as many as ended, while any wait")
		}
		assert.Equal(t, 40, starts)
		require.NoError(t, r.end(t))
	})
}

// time Q5. Room under a limit that others have waited for longer is theirs.
func TestRunsThatWaitLeaveALimitToThoseBefore(t *testing.T) {
	bubble(t, func(t *testing.T, path string) {
		step := make(chan struct{})
		work := func(context.Context) error { <-step; return nil }
		queue, other := manual("queue", work), manual("other", work)
		queue.Plan.Overlap = core.OverlapBuffer(10)
		r := startLimited(t, path, 1, queue, other)
		for _, id := range []string{"queue", "other", "queue"} {
			_, err := r.Trigger(t.Context(), id)
			require.NoError(t, err)
		}
		var order []string
		for range 3 {
			synctest.Wait()
			for _, f := range r.List() {
				if f.InFlight > 0 {
					order = append(order, f.ID)
				}
			}
			step <- struct{}{}
		}
		synctest.Wait()
		assert.Equal(t, []string{"queue", "other", "queue"}, order)
		require.NoError(t, r.end(t))
	})
}
