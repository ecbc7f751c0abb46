package main

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestTimesOfACrontabInWordsOfPawl(t *testing.T) {
	for line, want := range map[string]string{
		"0 0 * * 7":           "0 0 * * 7",
		"0 0 13 * sun-7":      "0 0 13 * sun-7",
		"0 22-2 * * fri-mon":  "0 22-2 * * fri-mon",
		"0 0 L * *":           "0 0 L * *",
		"0 0 * * Friday":      "0 0 * * Friday",
		"*/5 9-17 1,15 jan *": "*/5 9-17 1,15 jan *",
		"@Midnight":           "@midnight",
		"@every_minute":       "* * * * *",
		"0\t0\t*\t*\t*":       "0 0 * * *",
		"  0   0 * * SUN":     "0 0 * * SUN",
		"0 7~7 * * *":         "0 7 * * *",
	} {
		c := parseCrontab("crontab", line+" x", false)
		require.Empty(t, c.errors, line)
		require.Len(t, c.entries, 1, line)
		assert.Equal(t, want, c.entries[0].times, line)
	}
	c := parseCrontab("crontab", "0~59 0~5 * * * x", false)
	require.Len(t, c.entries, 1)
	assert.Regexp(t, `^[0-5]?\d [0-5] \* \* \*$`, c.entries[0].times)
	assert.Equal(t, c.entries, parseCrontab("crontab", "0~59 0~5 * * * x", false).entries, "not drawn again")
}

// Entries below a zone that is none are not run in the one before it.
func TestEntriesOfAZoneThatIsNoneAreLeftOut(t *testing.T) {
	c := parseCrontab("crontab", "CRON_TZ=Asia/Tokyo\n@daily a\nCRON_TZ=Nowhere\n@daily b\n@reboot c\nCRON_TZ=UTC\n@daily d", false)
	require.Len(t, c.entries, 3)
	assert.Equal(t, []string{"a", "c", "d"}, []string{c.entries[0].command, c.entries[1].command, c.entries[2].command})
	assert.Equal(t, []string{"Asia/Tokyo", "UTC"}, []string{c.entries[0].zone, c.entries[2].zone})
	require.Len(t, c.errors, 2)
	assert.Equal(t, `crontab:3:9: CRON_TZ: "Nowhere" is no time zone`, c.errors[0].Error())
	assert.Equal(t, "crontab:4:1: left out: CRON_TZ in line 3, whose zone its times are in, names none", c.errors[1].Error())
}

// What is wrong with a crontab is told with the column of the word that is.
func TestMistakesOfACrontabAreToldWhereTheyAre(t *testing.T) {
	for line, want := range map[string]string{
		"61 * * * * x":        `c:1:1: invalid schedule: .* the minute "61"`,
		"  0  24 * * * x":     `c:1:6: invalid schedule: .* the hour "24"`,
		"0\t0 32 * * x":       `c:1:5: invalid schedule: .* the day "32"`,
		"0 0 1 13 * x":        `c:1:7: invalid schedule: .* the month "13"`,
		"0 0 1,2 1 8 x":       `c:1:11: invalid schedule: .* the day of the week "8"`,
		"0 0 * * x.sh":        `c:1:9: invalid schedule: .* the day of the week "x.sh"`,
		"0 0 30 2 * x":        `c:1:5: invalid schedule`,
		"0 0 * *":             `c:1:8: no line of a crontab`,
		"* *":                 `c:1:4: no line of a crontab`,
		"0 0 x.sh":            `c:1:5: no line of a crontab`,
		"one two":             `c:1:1: no line of a crontab`,
		"  @dayly x":          `c:1:3: unknown word`,
		"0 0 * * *":           `c:1:10: there is no command`,
		"CRON_TZ = Nowhere":   `c:1:11: CRON_TZ`,
		`RANDOM_DELAY="soon"`: `c:1:14: RANDOM_DELAY`,
		" PAWL_DB=x":          `c:1:2: PAWL_DB`,
		"0 0 * * * a\x07b":    `c:1:12: the line holds control characters`,
		"0 0 * * * a\xff":     `c:1:12: the line holds control characters`,
		"0 0~30 * * * x":      "c:1:3: invalid schedule",
		"30~0 0 * * * x":      "c:1:1: invalid schedule",
	} {
		c := parseCrontab("c", line, false)
		require.Len(t, c.errors, 1, line)
		assert.Regexp(t, "^"+want, c.errors[0].Error(), line)
	}
	for line, want := range map[string]string{
		"0 0~5 * * * x": "c:1:3: 0~5 was drawn once",
		"0 0 1 * */2 x": "c:1:9: cron runs it on days that are both",
		"0 0 */2 * 1 x": "c:1:5: cron runs it on days that are both",
		// Six and seven fields. found X1.
		"0 0 9 * * * x":       `c:1:11: the command begins with "\*", as cron reads it`,
		"0 0 9 * * ? 2027 x":  `c:1:11: the command begins with "\?"`,
		"0 0 9 * * MON-FRI x": `c:1:11: the command begins with "MON-FRI"`,
		"0 0 9 * * 5L x":      `c:1:11: the command begins with "5L"`,
	} {
		c := parseCrontab("c", line, false)
		require.Len(t, c.notes, 1, line)
		assert.Regexp(t, "^"+want, c.notes[0].Error(), line)
	}
}

func TestFlowsOfACrontabAreNamedForWhatTheyRun(t *testing.T) {
	taken := map[string]bool{}
	for _, c := range []struct{ command, want string }{
		{"/usr/local/bin/backup.sh --all", "backup"},
		{"cd /srv/app && ./backup.sh", "backup-2"},
		{"test -x /usr/sbin/anacron || ( cd / && run-parts --report /etc/cron.daily )", "cron.daily"},
		{"FOO=bar /opt/report.py", "report"},
		{"sleep 30; /opt/later", "later"},
		{"[ -f /etc/x ] && flock -n /tmp/lock php /srv/cron.php", "cron"},
		{"$HOME/bin/x", "job"},
		{"'/opt/mit umlaut/größe'", "mit"},
	} {
		assert.Equal(t, c.want, flowName(c.command, taken), c.command)
	}
}

func TestPercentSignsEndACommand(t *testing.T) {
	for text, want := range map[string][2]string{
		"a b":            {"a b", ""},
		`date +\%F`:      {"date +%F", ""},
		"cat%one%two":    {"cat", "one\ntwo\n"},
		`cat %100\%%`:    {"cat", "100%\n\n"},
		"cat%":           {"cat", "\n"},
		`printf '\\\%s'`: {`printf '\\%s'`, ""},
	} {
		command, input := cutInput(text)
		assert.Equal(t, want, [2]string{command, input}, text)
	}
}

// Whatever a crontab says: a config that is taken, or an error with its place.
func FuzzCrontab(f *testing.F) {
	for _, seed := range []string{"* * * * * x", "@daily a%b%END", "A=b\n0 0 * * 7 'q", "# c\n*/5 * * * * root x: y", "SHELL=/bin/bash\nHOME=\n@hourly :",
		"CRON_TZ=Nowhere\n0 0 * * * x", "RANDOM_DELAY=x\n0 0 * * * x", "PAWL_X=1\n* * * * * x", "\"A\"=\x00\n* * * * * x\r\n"} {
		f.Add(seed, false)
		f.Add(seed, true)
	}
	f.Fuzz(func(t *testing.T, text string, system bool) {
		c := parseCrontab("crontab", text, system)
		if len(c.entries) == 0 {
			return
		}
		config, err := c.yaml("UTC", "/")
		require.NoError(t, err)
		p, err := parseConfig("pawl.yaml", "/", config)
		require.NoError(t, err, "%s", config)
		require.Len(t, p.flows, len(c.entries))
		for i, e := range c.entries {
			assert.Contains(t, p.flows[i].shell+strings.Join(p.flows[i].argv, " "), e.command)
		}
	})
}
