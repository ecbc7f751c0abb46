package pawl_test

import (
	"context"
	"errors"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/pawl-go/pawl"
)

func TestSlice(t *testing.T) {
	db := filepath.Join(t.TempDir(), "jobs.db")
	synctest.Test(t, func(t *testing.T) {
		s := pawl.NewScheduler(db, pawl.WithInboxPoll(0))
		n := 0
		require.NoError(t, s.Every("tick", time.Hour, pawl.JobFunc(func(ctx context.Context) error { n++; return nil })))
		require.NoError(t, s.Cron("cron", "0 9 * * *", pawl.JobFunc(func(ctx context.Context) error { return errors.New("boom") }), pawl.WithBackoff(pawl.TripAfter(2))))
		r, err := s.Start(t.Context())
		require.NoError(t, err)
		start := time.Now()
		time.Sleep(100*time.Hour + time.Minute)
		synctest.Wait()
		require.Equal(t, 101, n)
		for _, f := range r.List() {
			t.Logf("%+v", f)
		}
		runs, err := r.Runs(t.Context(), pawl.RunsQuery{Flow: "cron"})
		require.NoError(t, err)
		t.Logf("%+v", runs)
		require.NoError(t, r.Stop(t.Context()))
		_ = start
	})
}
