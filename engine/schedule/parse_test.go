package schedule

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// found C4: a start reads from the database the schedule that a flow had before.
func TestParseReadsWhatASchedulesMethodsReturn(t *testing.T) {
	start, end := at(0), at(365*86400)
	for _, s := range []Schedule{
		Manual(), must(Every(90 * time.Second)), must(FixedRate(time.Hour)), must(Aligned(15 * time.Minute)), must(Once(at(0.5))),
		must(Cron("0 9 * * *")), must(Cron("@daily")), cronIn("30 2 * * *", "Europe/Berlin", GapSkip, FoldBoth), must(Cron("CRON_TZ=Asia/Tokyo H 9 * * *", ForFlow("nightly"))),
		must(Between(must(Cron("0 9 * * *")), start, time.Time{})), must(Between(must(FixedRate(time.Hour)), start, end)), must(Between(Manual(), time.Time{}, end)),
	} {
		read, err := Parse("nightly", s.Kind(), s.String(), s.Zone())
		require.NoError(t, err, s)
		assert.Equal(t, s, read)
	}
}

func TestParseRefusesWhatIsNoSchedule(t *testing.T) {
	for _, test := range [][3]string{
		{"hourly", "", ""}, {KindEvery, "soon", ""}, {KindEvery, "0s", ""}, {KindOnce, "tomorrow", ""}, {KindCron, "0 9 * *", "UTC"},
		{KindCron, "0 9 * * *", "Europe/Berlinn"}, {KindCron, "0 9 * * * from noon", "UTC"}, {KindManual, " until 2026", ""},
	} {
		_, err := Parse("nightly", test[0], test[1], test[2])
		assert.Error(t, err, test)
	}
}
