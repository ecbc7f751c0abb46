package web_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/pawl-go/pawl"
	"github.com/pawl-go/pawl/web"
)

// program.md: JSON under /api with the shapes of the program's -o json: the objects of
// the public package.
func TestAPIAnswersWithThePublicObjects(t *testing.T) {
	bubble(t, func(t *testing.T, s *pawl.Scheduler) {
		require.NoError(t, s.Cron("a/b", "* * * * *", pawl.JobFunc(nothing)))
		require.NoError(t, s.Cron("c", "30 * * * *", pawl.JobFunc(broken)))
		require.NoError(t, s.Manual("d", pawl.JobFunc(nothing)))
		r := start(t, s)
		require.NoError(t, r.Pause(t.Context(), "c", "x"))
		time.Sleep(10*time.Minute + 30*time.Second)
		require.NoError(t, r.Resume(t.Context(), "c"))
		h, ctx := web.Handler(r), t.Context()
		same := func(target string, want any, err error) {
			t.Helper()
			require.NoError(t, err)
			text, err := json.Marshal(want)
			require.NoError(t, err)
			w := get(h, target)
			assert.Equal(t, "application/json", w.Header().Get("Content-Type"))
			assert.Equal(t, string(text)+"\n", w.Body.String(), target)
		}
		same("/api/flows", r.List(), nil)
		f, _ := r.Status("a/b")
		same("/api/flow?id=a%2Fb", f, nil)
		same("/api/flows?q=30", r.List()[1:2], nil)
		same("/api/flows?state=failing", []pawl.FlowInfo{}, nil)
		runs, err := r.Runs(ctx, pawl.RunsQuery{})
		same("/api/runs", runs, err)
		runs, err = r.Runs(ctx, pawl.RunsQuery{Flow: "a/b", Before: 7, Limit: 2})
		same("/api/runs?id=a%2Fb&before=7&limit=2", runs, err)
		runs, err = r.Runs(ctx, pawl.RunsQuery{Since: time.Date(2000, 1, 1, 0, 8, 0, 0, time.UTC), Status: pawl.RunCompleted})
		same("/api/runs?since=2000-01-01T00:08:00Z&status=completed", runs, err)
		same("/api/run?id=a%2Fb&number=8", runs[len(runs)-1:][0], nil)
		same("/api/runs?status=failed", []pawl.RunInfo{}, nil)
		reason, err := r.Why(ctx, "a/b", time.Date(2000, 1, 1, 0, 5, 0, 0, time.UTC))
		same("/api/why?id=a%2Fb&at=2000-01-01T00:05:00Z", reason, err)
		steps, err := r.View().Transitions(ctx, pawl.TransitionsQuery{Flow: "a/b", Before: 9, Limit: 3})
		same("/api/transitions?id=a%2Fb&before=9&limit=3", steps, err)
		steps, err = r.View().Transitions(ctx, pawl.TransitionsQuery{Flow: "a/b", Run: 4})
		same("/api/transitions?id=a%2Fb&number=4", steps, err)
		// found Q8: what a list leaves out is marked.
		more := get(h, "/api/runs?id=a%2Fb&before=7&limit=2").Header()
		assert.Equal(t, "true", more.Get("Pawl-More"))
		assert.Equal(t, `<?before=5&id=a%2Fb&limit=2>; rel="next"`, more.Get("Link"))
		assert.Equal(t, "true", get(h, "/api/runs?limit=2").Header().Get("Pawl-More"))
		assert.Equal(t, `<?before=6&id=a%2Fb&limit=3>; rel="next"`, get(h, "/api/transitions?id=a%2Fb&before=9&limit=3").Header().Get("Link"))
		assert.Empty(t, get(h, "/api/runs?id=a%2Fb").Header().Get("Pawl-More"))
		same("/api/occurrences?id=c", []pawl.Occurrence{}, nil)

		var next []struct {
			Flow string    `json:"flow_id"`
			At   time.Time `json:"at"`
		}
		require.NoError(t, json.Unmarshal(get(h, "/api/next?n=22").Body.Bytes(), &next))
		require.Len(t, next, 22)
		assert.Equal(t, "a/b", next[0].Flow)
		assert.Equal(t, "c", next[20].Flow, "in the order of time")
		require.NoError(t, json.Unmarshal(get(h, "/api/next?n=3&id=c").Body.Bytes(), &next))
		require.Len(t, next, 3)
		assert.Equal(t, time.Date(2000, 1, 1, 2, 30, 0, 0, time.UTC), next[2].At)
		require.Equal(t, "[]\n", get(h, "/api/next?id=d").Body.String())
		assert.JSONEq(t, `{"error": "There is no flow called \"z\"."}`, get(h, "/api/flow?id=z").Body.String())
	})
}
