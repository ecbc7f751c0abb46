package pawl_test

import (
	"context"
	"errors"
	"math"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/pawl-go/pawl"
)

// instantsOutside are instants that no text or view has four digits of a year for.
var instantsOutside = []time.Time{
	time.Unix(1<<62, 0), time.Unix(-1<<62, 0), time.Unix(math.MaxInt64, 0), time.Unix(math.MinInt64, 0),
	time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC), time.Date(0, 12, 31, 0, 0, 0, 0, time.UTC), time.Date(292277026597, 1, 1, 0, 0, 0, 0, time.UTC),
}

// found C5: an instant outside of the years 1 to 9999 is refused wherever somebody can give
// one, and leaves nothing behind.
func TestInstantsOutsideOfTheYearsAreRefused(t *testing.T) {
	bubble(t, func(t *testing.T, db string) {
		s := quiet(db)
		require.NoError(t, s.Manual("queue", job(ok), pawl.WithOverlap(pawl.OverlapBuffer(10))))
		require.NoError(t, s.Cron("hourly", "@hourly", job(ok)))
		r := start(t, s)
		c := openClient(t, db)
		defer c.Close()
		ctx := t.Context()
		for _, at := range instantsOutside {
			s := quiet(db)
			calls := map[string]error{
				"once":            s.Once("once", at, job(ok)),
				"between start":   s.Every("start", time.Hour, job(ok), pawl.WithBetween(at, time.Time{})),
				"between end":     s.Cron("end", "@hourly", job(ok), pawl.WithBetween(time.Time{}, at)),
				"pause":           r.Pause(ctx, "hourly", "", pawl.PauseUntil(at)),
				"client pause":    c.Pause(ctx, "hourly", "", pawl.PauseUntil(at)),
				"client resume":   c.ResumeFrom(ctx, "hourly", at),
				"client trigger":  second(c.Trigger(ctx, "queue", pawl.WithStartAt(at))),
				"trigger":         second(r.Trigger(ctx, "queue", pawl.WithStartAt(at))),
				"backfill":        second(r.Backfill(ctx, "hourly", pawl.Backfill{From: at, To: time.Now()})),
				"client backfill": second(c.Backfill(ctx, "hourly", pawl.Backfill{From: time.Unix(0, 0), To: at})),
				"instants":        second(r.Instants("hourly", at, time.Now())),
				"why":             second(r.Why(ctx, "hourly", at)),
				"client why":      second(c.Why(ctx, "hourly", at)),
				"at":              second(c.At(ctx, at)),
				"runs":            second(c.Runs(ctx, pawl.RunsQuery{Since: at})),
				"next":            second(r.View().Next(status(t, r, "hourly"), at, 3)),
				"occurrences":     second(r.View().Occurrences(ctx, nil, at, time.Now(), 3)),
				"window":          second(r.View().Window(ctx, pawl.WindowQuery{From: at, To: time.Now()})),
				"cron instants":   second(pawl.CronInstants("@hourly", at, 1)),
				"cron oddities":   second(pawl.CronOddities("@hourly", time.Unix(0, 0), at)),
			}
			require.NoError(t, r.Pause(ctx, "hourly", ""))
			calls["resume"] = r.ResumeFrom(ctx, "hourly", at)
			require.NoError(t, r.Resume(ctx, "hourly"))
			for what, err := range calls {
				assert.ErrorContains(t, err, "the years 1 to 9999", "%s at %d", what, at.Unix())
			}
		}
		assert.Zero(t, status(t, r, "queue").Waiting)
		assert.Zero(t, status(t, r, "hourly").PausedUntil)
		stop(t, r, db)
	})
}

// found C5: no schedule has an instant outside of the years 1 to 9999, whoever asks for it.
func TestSchedulesHaveNoInstantOutsideOfTheCalendar(t *testing.T) {
	bubble(t, func(t *testing.T, db string) {
		first, last := time.Date(1, 1, 1, 0, 0, 0, 0, time.UTC), time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC)
		s := quiet(db)
		require.NoError(t, s.Cron("daily", "0 9 * * *", job(ok)))
		require.NoError(t, s.Every("grid", 24*time.Hour, job(ok), pawl.WithAligned()))
		r := start(t, s)
		for _, id := range []string{"daily", "grid"} {
			for at, want := range map[time.Time]string{first.Add(time.Hour): ", the one after 0001-01-0", last: "; the one before is 9999-12-31 "} {
				why, err := r.Why(t.Context(), id, at)
				require.NoError(t, err)
				assert.Contains(t, why.Text, want, id)
				assert.NotContains(t, why.Text, "0000-", id)
				assert.NotContains(t, why.Text, "10000-", id)
			}
		}
		list, err := pawl.CronInstants("0 9 * * *", last.AddDate(0, 0, -2), 5)
		require.NoError(t, err)
		assert.Len(t, list, 2)
		stop(t, r, db)
	})
}

// second is the error of a call.
func second[T any](_ T, err error) error { return err }

// found C5: the longest duration and the last instant are taken everywhere, and the runner
// goes on as usual.
func TestLongestDurationsAndLastInstantsAreKept(t *testing.T) {
	bubble(t, func(t *testing.T, db string) {
		const longest = time.Duration(math.MaxInt64)
		last := time.Date(9999, 12, 31, 23, 59, 59, 999_000_000, time.UTC)
		policy := pawl.BackoffPolicy{Initial: longest, MaxDelay: longest, Multiplier: 1e300, Jitter: 1}
		failing := job(func(context.Context) error { return errors.New("no") })
		s := quiet(db)
		require.NoError(t, s.Every("every", longest, job(ok), pawl.WithJitter(longest), pawl.WithTimeout(longest)))
		require.NoError(t, s.Every("rate", longest.Truncate(time.Millisecond), job(ok), pawl.WithFixedRate()))
		require.NoError(t, s.Every("grid", longest.Truncate(time.Millisecond), job(ok), pawl.WithAligned()))
		require.NoError(t, s.Every("late", longest, job(ok), pawl.WithBetween(last, last)))
		require.NoError(t, s.Cron("cron", "* * * * *", job(ok), pawl.WithJitter(longest), pawl.WithCatchUpWithin(longest)))
		require.NoError(t, s.Once("once", last, job(ok)))
		require.NoError(t, s.Manual("queue", job(ok), pawl.WithOverlap(pawl.OverlapAllow(5, math.MaxInt)), pawl.WithKeyWindow(longest), pawl.WithRetention(0, longest)))
		require.NoError(t, s.Manual("backoff", failing, pawl.WithBackoff(policy)))
		require.NoError(t, s.Manual("retry", failing, pawl.WithRetry(math.MaxInt, policy)))
		require.NoError(t, s.Manual("after", job(func(context.Context) error { return pawl.RetryAfter(longest, errors.New("no")) }), pawl.WithRetry(1, pawl.BackoffPolicy{Jitter: pawl.NoJitter})))
		r := start(t, s)
		ctx := t.Context()
		require.NoError(t, r.Pause(ctx, "every", "", pawl.PauseFor(longest)))
		require.NoError(t, r.Pause(ctx, "cron", "", pawl.PauseUntil(last)))
		_, err := r.Trigger(ctx, "queue", pawl.WithStartAt(last), pawl.WithKey("k"))
		require.NoError(t, err)
		_, err = r.TriggerMany(ctx, "queue", make([]any, 20))
		require.NoError(t, err)
		for _, id := range []string{"backoff", "retry", "after"} {
			_, err = r.Trigger(ctx, id)
			require.NoError(t, err)
		}
		time.Sleep(90 * time.Minute)
		synctest.Wait()
		now := time.Now()
		for _, id := range []string{"every", "rate", "grid", "late", "once", "backoff"} {
			f := status(t, r, id)
			for _, at := range []time.Time{f.NextRun, f.NextEligible, f.PausedUntil} {
				assert.True(t, at.IsZero() || at.After(now) && !at.After(last), "%s: %s", id, at)
			}
		}
		assert.Equal(t, 1, status(t, r, "queue").Waiting)
		assert.Equal(t, 1, status(t, r, "retry").Waiting)
		assert.Equal(t, 1, status(t, r, "after").Waiting)
		list, err := r.Next("late", 3)
		require.NoError(t, err)
		require.Len(t, list, 1)
		assert.Equal(t, last, list[0].At)
		stop(t, r, db)
		again := quiet(db)
		require.NoError(t, again.Manual("queue", job(ok)))
		r = start(t, again)
		assert.Equal(t, 1, status(t, r, "queue").Waiting)
		stop(t, r, db)
	})
}
