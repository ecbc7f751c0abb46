package main

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// found C4: a reload does not log, or register, a flow whose schedule or policies are only
// spelled in another way.
func TestAnotherSpellingIsNoChange(t *testing.T) {
	for _, test := range []struct{ before, after, what string }{
		{"cron: '0 9 * * *'", "cron: '0   9  * * *'", ""},
		{"cron: '0 9 * * *'", "cron: 0 00 09 * * *", ""},
		{"cron: '0 9 * JAN sat,sun'", "cron: '0 9 * 1 6,7'", ""},
		{"cron: '@hourly'", "cron: '0 * * * *'", ""},
		{"cron: '0 9 * * *', zone: Europe/Berlin", "cron: 'CRON_TZ=Europe/Berlin 0 9 * * *'", ""},
		{"cron: '0 9 * * *'", "cron: '0 9 * * *', zone: UTC", ""},
		{"every: 1h, timeout: 60s, jitter: 1m", "every: 60m, timeout: 1m, jitter: 60s", ""},
		{"once: 2030-01-01T09:00:00Z", "once: 2030-01-01T10:00:00+01:00", ""},
		{"every: 1h, retry: {max: 2, initial: 60s}", "every: 1h, retry: {initial: 1m, max: 2}", ""},
		{"cron: '0 9 * * *'", "cron: '0 10 * * *'", "schedule: cron 0 10 * * *, it was cron 0 9 * * *"},
		{"cron: '0 9 * * *', zone: Europe/Berlin", "cron: 'CRON_TZ=Europe/Paris 0 9 * * *'", "schedule: cron CRON_TZ=Europe/Paris 0 9 * * *, it was cron 0 9 * * *"},
		{"every: 1h, timeout: 60s", "every: 1h, timeout: 61s", "timeout: 61s, it was 60s"},
	} {
		read := func(line string) plan {
			p, err := parseConfig("pawl.yaml", "/", []byte("flows: {f: {run: ['true'], "+line+"}}"))
			require.NoError(t, err, line)
			return p
		}
		c := compare(read(test.before), read(test.after))
		if test.what == "" {
			assert.False(t, c.any(), "%s -> %s: %v", test.before, test.after, c.what)
			continue
		}
		require.Len(t, c.changed, 1, "%s -> %s", test.before, test.after)
		assert.Contains(t, c.what["f"], test.what)
	}
}
