package main

import (
	"log/slog"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/pawl-go/pawl"
)

// time S1 to time S6, time C1, time C2, time O1, time Q4, time Q5, time X1, time K1: what a config says reaches the scheduler.
func TestConfigKeysOfPoliciesAreTheFlowsOwn(t *testing.T) {
	t.Parallel()
	flows := registered(t, `
max_running: 10
groups: {smtp: 5}
defaults: {zone: Europe/Berlin, dst: gap_skip, catch_up: earliest, retention: {runs: 100}, retry: {max: 2, jitter: 0}}
flows:
  berlin:  {cron: "30 2 * * *", run: [x], dst: [gap_skip, fold_both], jitter: 30s}
  named:   {cron: "CRON_TZ=Asia/Tokyo 0 9 * * *", run: [x]}
  once:    {once: 2037-07-01 09:00, run: [x]}
  exact:   {once: "2037-07-01T09:00:00Z", run: [x]}
  rate:    {every: 90m, run: [x], fixed_rate: true, aligned: false}
  grid:    {every: 1h, run: [x], aligned: true, limit: 10, retention: {failures: none}}
  ranged:  {every: 1h, run: [x], aligned: true, zone: America/New_York, between: {start: 2037-01-01, end: "2037-02-01 12:00"}}
  caught:  {cron: "0 9 * * *", run: [x], catch_up: all 100, catch_up_within: 1d, overlap: "allow 5, buffer 100"}
  queue:   {manual: true, run: [x], overlap: buffer 10, group: smtp, retry: {max: 3, initial: 5s, max_delay: 1m}, timeout: 10m, key_window: 1h, retention: {failures: {runs: 20}}}
  plain:   {manual: true, run: [x], retry: none, retention: all, catch_up: latest, overlap: skip}
`)
	berlin := flows["berlin"]
	assert.Equal(t, "30 2 * * *, gap skip, fold both", berlin.Schedule)
	assert.Equal(t, "Europe/Berlin", berlin.TimeZone)
	assert.Equal(t, "catch-up earliest, retry 2, 1s x2 up to 5m0s, jitter 30s", berlin.Policy)
	assert.Equal(t, "100 runs, 90 days; 1000 failures, 90 days", berlin.Retention)
	assert.Equal(t, "Asia/Tokyo", flows["named"].TimeZone, "an expression's own zone wins over that of defaults")

	assert.Equal(t, time.Date(2037, 7, 1, 7, 0, 0, 0, time.UTC), flows["once"].NextRun, "in the flow's zone")
	assert.Equal(t, time.Date(2037, 7, 1, 9, 0, 0, 0, time.UTC), flows["exact"].NextRun)

	assert.False(t, flows["rate"].Anchor.IsZero())
	assert.Contains(t, flows["grid"].Schedule, "aligned")
	assert.Contains(t, flows["grid"].Policy, "limit 10")
	assert.Equal(t, time.Date(2037, 1, 1, 5, 0, 0, 0, time.UTC), flows["ranged"].NextRun)
	assert.Contains(t, flows["ranged"].Schedule, "until 2037-02-01T17:00:00.000Z")

	assert.Contains(t, flows["caught"].Policy, "overlap allow 5, buffer 100, catch-up all 100 within 24h0m0s")
	queue := flows["queue"]
	assert.Equal(t, "overlap buffer 10, catch-up earliest, retry 3, 5s x2 up to 1m0s, timeout 10m0s", queue.Policy)
	assert.Equal(t, "smtp", queue.Group)
	assert.Equal(t, "100 runs, 90 days; 20 failures, 90 days", queue.Retention, "found Q5")
	assert.Equal(t, "100 runs, 90 days", flows["grid"].Retention)
	assert.Equal(t, "all", flows["plain"].Retention)
	assert.Empty(t, flows["plain"].Policy)
}

// registered is the flows of a config as a scheduler has them, by id.
func registered(t *testing.T, config string) map[string]pawl.FlowInfo {
	t.Helper()
	p, err := parseConfig("pawl.yaml", "/", []byte(config))
	require.NoError(t, err)
	s := pawl.NewScheduler(filepath.Join(t.TempDir(), "pawl.db"), append(p.options(), pawl.WithLogger(slog.New(slog.DiscardHandler)))...)
	for _, f := range p.flows {
		require.NoError(t, f.register(s, nothing))
	}
	r, err := s.Start(t.Context())
	require.NoError(t, err)
	flows := map[string]pawl.FlowInfo{}
	for _, f := range r.List() {
		flows[f.ID] = f
	}
	require.NoError(t, r.Stop(t.Context()))
	return flows
}

func TestConfigErrorsOfPoliciesSayWhereAndWhat(t *testing.T) {
	t.Parallel()
	flow := func(keys string) string { return "flows:\n  a: {run: [x], " + keys + "}\n" }
	for _, c := range []struct{ name, config, want string }{
		{"once", flow("once: tomorrow"), `2:23: once: "tomorrow" is no time: write it as 2026-11-22T09:00:00Z, or as "2026-11-22 09:00" in UTC`},
		{"once and cron", flow("once: 2027-01-01, cron: '* * * * *'"), `2:3: flow "a" has once and cron: keep one`},
		{"zone", flow("cron: '* * * * *', zone: Europe/Berln"), `2:42: zone: "Europe/Berln" is no time zone`},
		{"zone Local", flow("cron: '* * * * *', zone: Local"), `2:42: zone: "Local" depends on the machine`},
		{"zone twice", flow("cron: 'CRON_TZ=Asia/Tokyo * * * * *', zone: Europe/Berlin"), "2:61: "},
		{"zone of an interval", flow("every: 1h, zone: Europe/Berlin"), "2:34: register flow \"a\": invalid schedule: zone is for a schedule of the kind cron, this one is every"},
		{"zone by default", "defaults: {zone: Moon}\n" + flow("every: 1h"), `1:18: zone: "Moon" is no time zone`},
		{"dst", flow("cron: '* * * * *', dst: [gap_skip, fold_secnd]"), `2:52: unknown policy "fold_secnd" for dst: did you mean "fold_second"?`},
		{"dst of an interval", flow("every: 1h, dst: gap_skip"), "2:33: register flow \"a\": invalid schedule: dst is for"},
		{"dst both", flow("cron: '* * * * *', dst: [fold_second, fold_both]"), "2:41: "},
		{"fixed rate of cron", flow("cron: '* * * * *', fixed_rate: true"), "2:48: register flow \"a\": invalid schedule: fixed_rate is for a schedule of the kind every"},
		{"fixed rate and aligned", flow("every: 1h, fixed_rate: true, aligned: true"), "2:55: register flow \"a\": invalid schedule: fixed_rate and aligned exclude each other"},
		{"fixed rate maybe", flow("every: 1h, fixed_rate: maybe"), "2:40: fixed_rate is true or false"},
		{"jitter", flow("every: 1h, jitter: some"), `2:36: jitter: "some" is not a duration`},
		{"between", flow("every: 1h, between: {from: 2027-01-01}"), `2:38: unknown key "from" in between: there is start, end`},
		{"between the wrong way", flow("every: 1h, between: {start: 2027-01-01, end: 2026-01-01}"), "2:37: "},
		{"between none", flow("cron: '0 0 29 2 *', between: {start: 2027-01-01, end: 2027-12-31}"), "2:46: "},
		{"limit", flow("every: 1h, limit: 0"), "2:35: limit is a whole number of at least 1"},
		{"overlap", flow("every: 1h, overlap: skipp"), `2:37: overlap "skipp": want skip, cancel, buffer 10, or allow 5, buffer 100`},
		{"catch up", flow("every: 1h, catch_up: last"), `2:38: catch_up "last": want latest, earliest, none, or all 100`},
		{"catch up all, overlap skip", flow("cron: '0 9 * * *', catch_up: all 3"), "2:46: register flow \"a\": invalid flow: catch_up: all gives each missed instant a run, overlap: skip skips"},
		{"catch up within", flow("every: 1h, catch_up_within: 0s"), "2:45: catch_up_within is zero"},
		{"retry", flow("every: 1h, retry: {initial: 5s}"), "2:35: retry needs max"},
		{"retry max", flow("every: 1h, retry: {max: 0}"), "2:41: max is a whole number of at least 1"},
		{"retry key", flow("every: 1h, retry: {max: 1, trip: 3}"), `2:44: unknown key "trip" in retry`},
		{"retry delay", flow("every: 1h, backoff: {trip: 3}, retry: {max: 1, multiplier: 0.5}"), "2:55: "},
		{"group", "groups: {smtp: 5}\n" + flow("every: 1h, group: smpt"), `3:35: group "smpt" has no limit: did you mean "smtp"?`},
		{"group without limits", flow("every: 1h, group: smtp"), `2:35: group "smtp" has no limit: give it one beside flows, as in groups: {smtp: 5}`},
		{"groups", "groups: {smtp: 0}\n" + flow("every: 1h"), "1:16: smtp is a whole number of at least 1"},
		{"max running", "max_running: all\n" + flow("every: 1h"), `1:14: max_running is a whole number of at least 1, not "all"`},
		{"retention", flow("every: 1h, retention: {days: 3}"), `2:40: unknown key "days" in retention: there is runs, age, failures`},
		{"former id", flow("every: 1h, former_id: a"), "2:39: "},
		{"key window", flow("every: 1h, key_window: -1h"), `2:40: key_window: "-1h" is not a duration`},
		{"own key in defaults", "defaults: {limit: 3}\n" + flow("every: 1h"), `1:12: unknown key "limit" in defaults`},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := parseConfig("pawl.yaml", "/", []byte(c.config))
			require.ErrorIs(t, err, errConfig)
			assert.Contains(t, err.Error()+"\n", "pawl.yaml:"+c.want)
		})
	}
}
