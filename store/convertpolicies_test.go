package store

import (
	"context"
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/pawl-go/pawl/engine/core"
	"github.com/pawl-go/pawl/engine/schedule"
)

// The values of a flow's policies are lossless as JSON, and the text of an older version gives
// the same ones, so that no flow is taken for changed after an upgrade. facts T3.
func TestPoliciesAreTheSameAsValuesAndAsTexts(t *testing.T) {
	length := rapid.OneOf(rapid.SampledFrom([]time.Duration{1, time.Millisecond, 90 * time.Second, 36 * time.Hour, math.MaxInt64}),
		rapid.Custom(func(t *rapid.T) time.Duration {
			return time.Duration(rapid.Int64Range(1, math.MaxInt64).Draw(t, "length"))
		}))
	maybe := rapid.Custom(func(t *rapid.T) time.Duration {
		if rapid.Bool().Draw(t, "none") {
			return 0
		}
		return length.Draw(t, "length")
	})
	backoff := rapid.Custom(func(t *rapid.T) core.BackoffPolicy {
		p := core.BackoffPolicy{Initial: maybe.Draw(t, "initial"), StreakLimit: rapid.IntRange(0, 9).Draw(t, "limit"),
			Multiplier: rapid.SampledFrom([]float64{0, 1, 1.5, 2, 1e21}).Draw(t, "multiplier"),
			Jitter:     rapid.SampledFrom([]float64{core.NoJitter, 0, 0.1, 1e-7, 1}).Draw(t, "jitter")}
		if p.Initial > 0 && rapid.Bool().Draw(t, "max") {
			p.MaxDelay = max(p.Initial, length.Draw(t, "max delay"))
		}
		return p
	})
	overlaps := []core.Overlap{core.OverlapSkip, core.OverlapBufferOne, core.OverlapBuffer(9), core.OverlapCancel, core.OverlapAllow(1, 0),
		core.OverlapAllow(1, 10), core.OverlapAllow(3, 0), core.OverlapAllow(3, 20), {Parallel: 1, Buffer: 1, Cancel: true}}
	modes := []core.CatchUp{core.CatchUpLatest, core.CatchUpEarliest, core.CatchUpAll(7), core.CatchUpNone}
	rapid.Check(t, func(t *rapid.T) {
		p := core.Plan{Schedule: schedule.Manual(), Overlap: rapid.SampledFrom(overlaps).Draw(t, "overlap"), CatchUp: rapid.SampledFrom(modes).Draw(t, "catch-up"),
			Timeout: maybe.Draw(t, "timeout"), AttemptTimeout: maybe.Draw(t, "attempt timeout"), Jitter: maybe.Draw(t, "jitter"),
			Limit: rapid.SampledFrom([]int64{0, 5, math.MaxInt64}).Draw(t, "limit"), StopCancels: rapid.Bool().Draw(t, "stop cancels")}
		p.CatchUp.Within = maybe.Draw(t, "within")
		if rapid.Bool().Draw(t, "retry") {
			p.Retry = &core.Retry{Max: rapid.IntRange(1, 9).Draw(t, "max"), Delay: backoff.Draw(t, "delay")}
		}
		if rapid.Bool().Draw(t, "backoff") {
			b := backoff.Draw(t, "backoff policy")
			p.Backoff = &b
		}
		d := p.Describe()
		data, err := json.Marshal(d.Policies)
		require.NoError(t, err)
		require.Equal(t, d.Policies, readPolicies(string(data)), "%s", data)
		got, ok := policiesOf(d.Policy, d.Backoff)
		require.True(t, ok, "%q %q", d.Policy, d.Backoff)
		require.Equal(t, d.Policies, got, "%q %q", d.Policy, d.Backoff)
	})
	for _, text := range []string{"overlap often", "limit 5, overlap skip", "limit many", "retry 3", "timeout soon", "limit 99999999999999999999", "a stop cancels, perhaps", "no limit 5"} {
		_, ok := policiesOf(text, "")
		assert.False(t, ok, text)
	}
	_, ok := policiesOf("", "slowly")
	assert.False(t, ok)
}

// The start of a newer program makes values of the texts, once, and leaves those that somebody
// edited; Verify reads the values alone, and says which it cannot read. facts T3.
func TestUpgradeMakesValuesOfPolicyTexts(t *testing.T) {
	file, err := os.ReadFile(filepath.Join("testdata", "before_facts.sqlite"))
	require.NoError(t, err)
	path := filepath.Join(t.TempDir(), "jobs.db")
	require.NoError(t, os.WriteFile(path, file, 0o600))
	edit := func(query string) {
		db := plainDB(t, path)
		_, err := db.Exec(query)
		require.NoError(t, err)
		require.NoError(t, db.Close())
	}
	edit(`UPDATE pawl_flow_plan SET policy = 'limit many' WHERE id = 'asked'`)
	require.NoError(t, openStore(t, path, Options{}).Close())
	values := func() (lines []string) {
		s := openStore(t, path, Options{})
		defer s.Close()
		require.NoError(t, s.Reader.db.Select(&lines, `SELECT id || ' ' || policies FROM pawl_flows WHERE policies IS NOT NULL ORDER BY id`))
		return lines
	}
	want := []string{
		`again {"retry":{"max":3,"initial":3600,"multiplier":2,"max_delay":7200,"jitter":0.1}}`,
		`buffered {"overlap":{"buffer":10}}`,
		`long {"timeout":0.3}`,
		`often {"overlap":{"parallel":3,"buffer":20},"catch_up":{"mode":"all","max":5,"within":129600},"timeout":3600,"attempt_timeout":600,"jitter":90,"limit":400,"stop_cancels":true}`,
		`trips {"overlap":{"buffer":1,"cancel":true},"backoff":{"initial":7200,"multiplier":3,"max_delay":32400,"jitter":0.25,"streak_limit":2}}`,
		`twice {"retry":{"max":4,"initial":5,"multiplier":1.5,"max_delay":60,"jitter":0.1},"limit":2}`,
	}
	assert.Equal(t, want, values())
	edit(`UPDATE pawl_flow_plan SET policy = 'limit 5' WHERE id = 'fine'`)
	assert.Equal(t, want, values(), "nothing reads a text any more")

	edit(`UPDATE pawl_flow_plan SET policies = '{"limit":"many"}' WHERE id = 'fine'`)
	s := openStore(t, path, Options{})
	defer s.Close()
	found, err := s.Verify(context.Background())
	require.NoError(t, err)
	require.Len(t, found, 1)
	assert.Contains(t, found[0], `flow "fine": its policies cannot be read: `)
	flow, _, err := s.Flow(t.Context(), "often")
	require.NoError(t, err)
	assert.Equal(t, int64(400), flow.Policies.Limit)
}
