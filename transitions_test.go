package pawl_test

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/pawl-go/pawl"
	"github.com/pawl-go/pawl/internal/harness"
)

// follower notes what a tail yields, and how it ended.
type follower struct {
	mu   sync.Mutex
	seqs []int64
	end  error
}

func (f *follower) follow(tail func(func(pawl.Transition, error) bool)) {
	for transition, err := range tail {
		f.note(transition.Seq, err)
	}
}

func (f *follower) note(seq int64, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.end = err; err == nil {
		f.seqs = append(f.seqs, seq)
	}
}

func (f *follower) seen() []int64 {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.seqs)
}

func (f *follower) ended() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.end
}

// time V1: the tail begins where it is told, has every transition once and in order, old
// ones and new, and ends with its context.
func TestTailMissesNothing(t *testing.T) {
	harness.Bubble(t, func(t *testing.T, db string) {
		s := harness.Quiet(db)
		for i := range 250 { // some pages
			require.NoError(t, s.Manual(fmt.Sprint(i), harness.Job(harness.OK)))
		}
		require.NoError(t, s.Every("tick", time.Minute, harness.Job(harness.OK)))
		r := harness.Start(t, s)
		c := harness.OpenClient(t, db)
		ctx, cancel := context.WithCancel(t.Context())
		var fromOldest, fromMiddle, fromFuture, client follower
		go fromOldest.follow(r.Transitions(ctx, 0))
		go fromMiddle.follow(r.Transitions(ctx, 123))
		go fromFuture.follow(r.Transitions(ctx, 260))
		go client.follow(c.Transitions(ctx, 251))
		time.Sleep(time.Hour + time.Second)
		last := int64(251 + 2*61)
		assert.Equal(t, upTo(1, last), fromOldest.seen())
		assert.Equal(t, upTo(124, last), fromMiddle.seen())
		assert.Equal(t, upTo(261, last), fromFuture.seen())
		assert.Equal(t, upTo(252, last), client.seen())
		cancel()
		synctest.Wait()
		for _, f := range []*follower{&fromOldest, &fromMiddle, &fromFuture, &client} {
			require.ErrorIs(t, f.ended(), context.Canceled)
		}
		require.NoError(t, c.Close())
		harness.Stop(t, r, db)
	})
}

// time V1: new ones are there at once, without a look now and then.
func TestTailIsWokenByTheCommit(t *testing.T) {
	harness.Bubble(t, func(t *testing.T, db string) {
		s := harness.Quiet(db)
		require.NoError(t, s.Cron("noon", "0 12 * * *", harness.Job(harness.OK)))
		r := harness.Start(t, s)
		var noted []time.Time
		go func() {
			for _, err := range r.Transitions(t.Context(), 1) {
				if err != nil {
					return
				}
				noted = append(noted, time.Now().UTC())
			}
		}()
		time.Sleep(24 * time.Hour)
		synctest.Wait()
		noon := time.Date(2000, 1, 1, 12, 0, 0, 0, time.UTC)
		assert.Equal(t, []time.Time{noon, noon}, noted)
		harness.Stop(t, r, db)
	})
}

// time V1: the end of the runner ends its tails; whoever goes on where he was misses nothing
// over a restart, and who breaks off is not called again.
func TestTailGoesOnOverARestart(t *testing.T) {
	harness.Bubble(t, func(t *testing.T, db string) {
		build := func() *pawl.Scheduler {
			s := harness.Quiet(db)
			require.NoError(t, s.Every("tick", time.Minute, harness.Job(harness.OK)))
			return s
		}
		r := harness.Start(t, build())
		var before, after follower
		go before.follow(r.Transitions(t.Context(), 0))
		time.Sleep(10 * time.Second)
		harness.Stop(t, r, db)
		synctest.Wait()
		require.ErrorIs(t, before.ended(), pawl.ErrStopped)
		var late follower
		late.follow(r.Transitions(t.Context(), 0))
		require.ErrorIs(t, late.ended(), pawl.ErrStopped)

		r = harness.Start(t, build())
		go after.follow(r.Transitions(t.Context(), before.seen()[len(before.seen())-1]))
		time.Sleep(time.Hour)
		assert.Equal(t, upTo(1, int64(len(before.seen())+len(after.seen()))), append(before.seen(), after.seen()...))
		assert.Greater(t, len(after.seen()), 100)
		for range r.Transitions(t.Context(), 0) {
			break
		}
		harness.Stop(t, r, db)
	})
}

// time V1: a Client needs no owner to read, and sees the next one's transitions.
func TestClientTailOutlivesTheOwner(t *testing.T) {
	harness.Bubble(t, func(t *testing.T, db string) {
		build := func() *pawl.Scheduler {
			s := harness.Quiet(db)
			require.NoError(t, s.Manual("a", harness.Job(harness.OK)))
			return s
		}
		harness.Stop(t, harness.Start(t, build()), db)
		c := harness.OpenClient(t, db)
		ctx, cancel := context.WithCancel(t.Context())
		var f follower
		go f.follow(c.Transitions(ctx, 0))
		time.Sleep(time.Minute)
		assert.Equal(t, upTo(1, 1), f.seen())
		r := harness.Start(t, build())
		_, err := r.Trigger(t.Context(), "a")
		require.NoError(t, err)
		harness.Stop(t, r, db)
		time.Sleep(time.Second)
		assert.Equal(t, upTo(1, 3), f.seen())
		cancel()
		synctest.Wait()
		require.ErrorIs(t, f.ended(), context.Canceled)
		require.NoError(t, c.Close())
		for _, err := range c.Transitions(t.Context(), 0) {
			require.Error(t, err)
		}
	})
}

// time V1, scheduler D6: its JSON names are the columns of the view.
func TestTransitionReadsLikeTheView(t *testing.T) {
	now := time.Now()
	data, err := json.Marshal(pawl.Transition{RunNumber: 1, LastRun: now, NextEligible: now, NextRun: now, Note: "note", PausedUntil: now})
	require.NoError(t, err)
	var fields map[string]any
	require.NoError(t, json.Unmarshal(data, &fields))
	harness.Bubble(t, func(t *testing.T, db string) {
		harness.Stop(t, harness.Start(t, harness.Quiet(db)), db)
		assert.ElementsMatch(t, columns(t, db, "pawl_transitions"), slices.Collect(maps.Keys(fields)))
	})
}

// columns are the names of those of a table or view.
func columns(t *testing.T, db, table string) []string {
	t.Helper()
	conn, err := sql.Open("sqlite", db)
	require.NoError(t, err)
	defer conn.Close()
	rows, err := conn.QueryContext(t.Context(), "SELECT * FROM "+table+" LIMIT 0")
	require.NoError(t, err)
	defer rows.Close()
	names, err := rows.Columns()
	require.NoError(t, err)
	require.NoError(t, rows.Err())
	return names
}

// time V1: from the newest transition on a tail tells only what is new.
func TestTailFromTheNewestTellsWhatIsNew(t *testing.T) {
	harness.Bubble(t, func(t *testing.T, db string) {
		s := harness.Quiet(db)
		require.NoError(t, s.Manual("a", harness.Job(harness.OK)))
		r := harness.Start(t, s)
		defer harness.Stop(t, r, db)
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
