package main

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/pawl-go/pawl"
	"github.com/pawl-go/pawl/internal/cronexpr"
)

func TestExpressionsInWords(t *testing.T) {
	for expr, want := range map[string]string{
		"30 2 * * *":                         "At 02:30 (UTC).",
		"* * * * *":                          "Every minute (UTC).",
		"* * * * * *":                        "Every second (UTC).",
		"*/5 * * * *":                        "Every 5 minutes (UTC).",
		"*/10 * 9 * * *":                     "Every 10 seconds of hour 9 (UTC).",
		"*/7 * * * *":                        "Every 7th minute (0, 7, 14, …, 56) of every hour (UTC).",
		"0 * * * *":                          "At minute 0 of every hour (UTC).",
		"0,30 * * * *":                       "At minutes 0 and 30 of every hour (UTC).",
		"0 9-17 * * MON-FRI":                 "At minute 0 of every hour from 9 through 17 on Monday through Friday (UTC).",
		"0 0 1,15 * 1":                       "At 00:00 on days 1 and 15 of the month, or on Monday (UTC).",
		"0 */2 * * *":                        "At minute 0 of every 2nd hour (0, 2, 4, …, 22) (UTC).",
		"5 4 * * sun":                        "At 04:05 on Sunday (UTC).",
		"23 0-20/2 * * *":                    "At minute 23 of every 2nd hour from 0 through 20 (UTC).",
		"0 0,12 1 */2 *":                     "At 00:00 and 12:00 on day 1 of the month in every 2nd month (January, March, May, July, September, November) (UTC).",
		"15 30 9 * jan-mar ?":                "At 09:30:15 in January through March (UTC).",
		"30 * * * * *":                       "At second 30 of every minute (UTC).",
		"10/15 8-10,20 * * *":                "Every 15th minute from 10 on of every hour from 8 through 10 and hour 20 (UTC).",
		"0 0 */3 * *":                        "At 00:00 on every 3rd day (1, 4, 7, …, 31) of the month (UTC).",
		"0 0 * * 1,3-5":                      "At 00:00 on Monday and Wednesday through Friday (UTC).",
		"0 0 * * 1/2":                        "At 00:00 on every 2nd day of the week from Monday on (UTC).",
		"* 9 * * *":                          "Every minute of hour 9 (UTC).",
		"0 1,2,3,4,5,6,7 * * *":              "At minute 0 of hours 1, 2, 3, 4, 5, 6 and 7 (UTC).",
		"0 9 * * 7":                          "At 09:00 on Sunday (UTC).",
		"0 9 * * FRI-mon":                    "At 09:00 on Friday through Monday (UTC).",
		"0 9 * * 5-7":                        "At 09:00 on Friday through Sunday (UTC).",
		"0 22-2 * * *":                       "At minute 0 of every hour from 22 through 2 (UTC).",
		"0 9 * november *":                   "At 09:00 in November (UTC).",
		"0 9 L * *":                          "At 09:00 on the last day of the month (UTC).",
		"0 9 L-1 * *":                        "At 09:00 on the day before the last of the month (UTC).",
		"0 9 L-3,LW * ?":                     "At 09:00 on the 3rd day before the last and the last day from Monday to Friday of the month (UTC).",
		"0 9 15W * *":                        "At 09:00 on the day from Monday to Friday nearest to day 15 of the month (UTC).",
		"0 9 1,L * FRI#2":                    "At 09:00 on day 1 and the last day of the month, or on the 2nd Friday of the month (UTC).",
		"0 9 * * MON,fridayL":                "At 09:00 on Monday and the last Friday of the month (UTC).",
		"H H(2-2) * * *":                     "At 02:58 (UTC).",
		"@DAILY":                             "At 00:00 (UTC).",
		"@hourly":                            "At minute 0 of every hour (UTC).",
		"@daily":                             "At 00:00 (UTC).",
		"@midnight":                          "At 00:00 (UTC).",
		"@weekly":                            "At 00:00 on Sunday (UTC).",
		"@monthly":                           "At 00:00 on day 1 of the month (UTC).",
		"@yearly":                            "At 00:00 on day 1 of the month in January (UTC).",
		"@annually":                          "At 00:00 on day 1 of the month in January (UTC).",
		"CRON_TZ=Asia/Tokyo @daily":          "At 00:00 (Asia/Tokyo).",
		"CRON_TZ=Europe/Berlin\t 30 2 * * *": "At 02:30 (Europe/Berlin).",
	} {
		got, err := cronWords(expr, "nightly")
		require.NoError(t, err, expr)
		assert.Equal(t, want, got, expr)
	}
}

// Whatever the scheduler takes has words, and these name what each field asks for.
func TestWordsNameEachField(t *testing.T) {
	e, err := cronexpr.Parse("* * * * *", "")
	require.NoError(t, err)
	rapid.Check(t, func(t *rapid.T) {
		bounds := []struct {
			min, max int
			names    []string
		}{{0, 59, nil}, {0, 59, nil}, {0, 23, nil}, {1, 28, nil}, {1, 12, e.Month.Names}, {0, 6, e.Weekday.Names}}
		var texts []string
		want := make([][]string, len(bounds)) // names that have to appear
		for i, b := range bounds {
			var parts []string
			for range rapid.IntRange(1, 3).Draw(t, "parts") {
				part, names := drawPart(t, b.min, b.max, b.names)
				parts, want[i] = append(parts, part), append(want[i], names...)
			}
			text := strings.Join(parts, ",")
			if strings.Contains(","+text+",", ",*,") {
				want[i] = nil // it asks for all
			}
			texts = append(texts, text)
		}
		expr := strings.Join(texts, " ")
		_, err := pawl.CronInstants(expr, time.Now(), 1)
		require.NoError(t, err, expr)
		got, err := cronWords(expr, "nightly")
		require.NoError(t, err, expr)
		for i, names := range want {
			for _, name := range names {
				if got, zero := strings.Contains(got, name), i == 0 && name == "0"; !got && !zero {
					t.Fatalf("%s: no %s in it", expr, name)
				}
			}
		}
	})
}

// drawPart makes a part of a field, and the names in it.
func drawPart(t *rapid.T, low, high int, names []string) (text string, want []string) {
	from := rapid.IntRange(low, high).Draw(t, "from")
	to := rapid.IntRange(from, high).Draw(t, "to")
	name := func(n int) string {
		if names == nil {
			return fmt.Sprint(n)
		}
		return names[n-low]
	}
	written := func(n int) string {
		if names != nil && rapid.Bool().Draw(t, "by name") {
			return strings.ToUpper(name(n)[:3])
		}
		return fmt.Sprint(n)
	}
	step := rapid.IntRange(2, max(2, (high-low)/3)).Draw(t, "step")
	ranged := min(step, to-from+1) // a step larger than its range is refused
	switch rapid.IntRange(0, 5).Draw(t, "form") {
	case 0:
		return "*", nil
	case 1:
		return written(from), []string{name(from)}
	case 2:
		return written(from) + "-" + written(to), []string{name(from), name(to)}
	case 3:
		return fmt.Sprintf("%s-%s/%d", written(from), written(to), ranged), []string{name(from)}
	case 4:
		return fmt.Sprintf("%s/%d", written(from), step), []string{name(from)}
	}
	return fmt.Sprintf("*/%d", step), []string{fmt.Sprint(step)}
}

// found X1: explain, validate and import warn of what may be meant in another way.
func TestWarningsReachWhoWritesAnExpression(t *testing.T) {
	const expr = "0 0 9 ? * 2-6"
	e, err := explainCron(expr, "", time.Unix(0, 0), 1)
	require.NoError(t, err)
	require.Len(t, e.Warnings, 1)
	assert.Contains(t, e.Warnings[0], "1 is Sunday in Quartz")

	p, err := parseConfig("pawl.yaml", "/", []byte("flows:\n  a: {cron: \""+expr+"\", run: [x]}\n  b: {cron: \"H 2 * * FRI#2\", run: [x]}\n"))
	require.NoError(t, err)
	require.Len(t, p.warnings, 1)
	assert.Regexp(t, `^pawl.yaml:2:13: warning: the day of the week "2-6"`, p.warnings[0].Error())

	c := parseCrontab("c", "0 */24 * * * x", false)
	require.Len(t, c.notes, 1)
	assert.Equal(t, `c:1:1: the hour "*/24": a step of 24 leaves only 0`, c.notes[0].Error())
}

// found X2: without a flow there is nothing to draw H from; with one, it is a number.
func TestExplainDrawsHashedNumbersFromTheFlow(t *testing.T) {
	_, err := explainCron("H 2 * * *", "", time.Unix(0, 0), 1)
	assert.ErrorContains(t, err, "the value of H comes from the id of a flow")
	e, err := explainCron("H 2 * * *", "nightly", time.Unix(0, 0), 1)
	require.NoError(t, err)
	assert.Equal(t, "At "+e.Next[0].Format("15:04")+" (UTC).", e.Text)
}

// What the scheduler refuses is refused, and nothing panics.
func FuzzExplain(f *testing.F) {
	for _, seed := range []string{"* * * * *", "CRON_TZ=UTC ", "@every 1s", "@", "1-2/3 ? L * MON-FRI", "0 0 30 2 *", "*-5 * * * *", "?/2 0 0 1 1 ?", ",1 * * * *", "0/2 0 1 1 ,",
		"0 22-2 28-2 * FRI-MON", "0 0 L,LW,15W * friday", "0 0 L-3 * FRI#2,SUNL", "H H(1-5) H/3 * *", "@DAILY", "0 0 * * 7"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, expr string) {
		e, err := explainCron(expr, "nightly", time.Unix(0, 0), 1)
		if err == nil && (e.Text == "" || len(e.Next) == 0) {
			t.Errorf("%q has no words, or never comes", expr)
		}
		if _, wrong := pawl.CronInstants(expr, time.Unix(0, 0), 1, pawl.CronForFlow("nightly")); wrong == nil && err != nil {
			t.Errorf("%q is taken, but has no words: %v", expr, err)
		}
	})
}

// found C8: a row whose instant has another offset than the title says its own.
func TestRowsNameTheirOwnOffset(t *testing.T) {
	berlin, err := time.LoadLocation("Europe/Berlin")
	require.NoError(t, err)
	defer func(zone *time.Location) { time.Local = zone }(time.Local)
	time.Local = berlin
	winter := time.Date(2027, 1, 15, 12, 0, 0, 0, berlin)
	e, err := explainCron("CRON_TZ=Europe/Berlin 0 9 1 */3 *", "", winter, 4)
	require.NoError(t, err)
	table := e.table(winter)
	assert.Equal(t, "WHEN (CET)", table.Columns[0].Title)
	var when []string
	for _, row := range table.Rows {
		when = append(when, row[0])
	}
	assert.Equal(t, []string{"2027-04-01 09:00:00 CEST", "2027-07-01 09:00:00 CEST", "2027-10-01 09:00:00 CEST", "2028-01-01 09:00:00"}, when)
}
