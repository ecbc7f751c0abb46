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
		got, err := cronWords(expr)
		require.NoError(t, err, expr)
		assert.Equal(t, want, got, expr)
	}
}

// Whatever the scheduler takes has words, and these name what each field asks for.
func TestWordsNameEachField(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		bounds := []struct {
			min, max int
			names    []string
		}{{0, 59, nil}, {0, 59, nil}, {0, 23, nil}, {1, 28, nil}, {1, 12, monthNames}, {0, 6, weekdayNames}}
		var texts []string
		want := make([][]string, len(bounds)) // names that have to appear
		for i, b := range bounds {
			var parts []string
			for range rapid.IntRange(1, 3).Draw(t, "parts") {
				part, names := drawPart(t, b.min, b.max, b.names)
				parts, want[i] = append(parts, part), append(want[i], names...)
			}
			text := strings.Join(parts, ",")
			if strings.Contains(","+text+",", ",*,") || strings.Contains(","+text+",", ",?,") {
				want[i] = nil // it asks for all
			}
			texts = append(texts, text)
		}
		expr := strings.Join(texts, " ")
		_, err := pawl.CronInstants(expr, time.Now(), 1)
		require.NoError(t, err, expr)
		got, err := cronWords(expr)
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
	switch rapid.IntRange(0, 5).Draw(t, "form") {
	case 0:
		return rapid.SampledFrom([]string{"*", "?"}).Draw(t, "star"), nil
	case 1:
		return written(from), []string{name(from)}
	case 2:
		return written(from) + "-" + written(to), []string{name(from), name(to)}
	case 3:
		return fmt.Sprintf("%s-%s/%d", written(from), written(to), step), []string{name(from)}
	case 4:
		return fmt.Sprintf("%s/%d", written(from), step), []string{name(from)}
	}
	return fmt.Sprintf("*/%d", step), []string{fmt.Sprint(step)}
}

// What the scheduler refuses is refused, and nothing panics.
func FuzzExplain(f *testing.F) {
	for _, seed := range []string{"* * * * *", "CRON_TZ=UTC ", "@every 1s", "@", "1-2/3 ? L * MON-FRI", "0 0 30 2 *", "*-5 * * * *", "?/2 0 0 1 1 ?", ",1 * * * *", "0/2 0 1 1 ,"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, expr string) {
		e, err := explainCron(expr, time.Unix(0, 0), 1)
		if err == nil && (e.Text == "" || len(e.Next) == 0) {
			t.Errorf("%q has no words, or never comes", expr)
		}
		if _, wrong := pawl.CronInstants(expr, time.Unix(0, 0), 1); wrong == nil && err != nil {
			t.Errorf("%q is taken, but has no words: %v", expr, err)
		}
	})
}
