package moment

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/pawl-go/pawl"
)

// A local time that clocks show twice, or not at all, is refused with what to write
// in place of it.
func TestParseTimeRefusesWhatIsNotThereOnce(t *testing.T) {
	berlin, err := time.LoadLocation("Europe/Berlin")
	require.NoError(t, err)
	for _, test := range []struct{ text, want, err string }{
		{"2026-10-25T02:30:00+01:00", "2026-10-25T01:30:00Z", ""},
		{"2026-10-25 01:59", "2026-10-24T23:59:00Z", ""},
		{"2026-10-25 02:30", "", `"2026-10-25 02:30" comes twice in Europe/Berlin: write it as 2026-10-25T02:30:00+02:00 or 2026-10-25T02:30:00+01:00`},
		{"2026-10-25 03:00", "2026-10-25T02:00:00Z", ""},
		{"2026-03-29T01:59:59", "2026-03-29T00:59:59Z", ""},
		{"2026-03-29 02:00", "", `"2026-03-29 02:00" does not come in Europe/Berlin, where clocks are put forward over it: write it as 2026-03-29T03:00:00+02:00, the first instant after the gap`},
		{"2026-03-29 03:00", "2026-03-29T01:00:00Z", ""},
		{"2026-07-01", "2026-06-30T22:00:00Z", ""},
		{"2026-02-30", "", `"2026-02-30" is no time: write it as 2026-11-22T09:00:00Z, or as "2026-11-22 09:00" in Europe/Berlin`},
	} {
		got, err := Parse(test.text, berlin)
		if test.err != "" {
			assert.EqualError(t, err, test.err)
			continue
		}
		require.NoError(t, err, test.text)
		assert.Equal(t, test.want, got.UTC().Format(time.RFC3339), test.text)
	}
}

// time W2: a time that clocks leave out is meant as the instant at which they do, of one that
// they show twice the first is meant, with a date and without one, and it is told.
func TestATimeThatClocksMakeOddIsMeantAsTheScheduleTakesIt(t *testing.T) {
	berlin, err := time.LoadLocation("Europe/Berlin")
	require.NoError(t, err)
	spring := time.Date(2027, 3, 28, 9, 0, 0, 0, berlin)
	autumn := time.Date(2027, 10, 31, 9, 0, 0, 0, berlin)
	between := time.Date(2027, 10, 31, 0, 45, 0, 0, time.UTC).In(berlin) // the clocks show 02:45 for the first time
	again := time.Date(2027, 10, 31, 1, 15, 0, 0, time.UTC).In(berlin)   // and 02:15 for the second
	const gap, fold = pawl.VerdictGap, pawl.VerdictFold
	for _, test := range []struct {
		text  string
		now   time.Time
		want  string
		clock pawl.VerdictKind
	}{
		{"2027-03-28 02:30", spring, "2027-03-28T03:00:00+02:00", gap},
		{"02:30", spring, "2027-03-28T03:00:00+02:00", gap},
		{"01:59:59", spring, "2027-03-28T01:59:59+01:00", ""},
		{"03:00", spring, "2027-03-28T03:00:00+02:00", ""},
		{"02:30", spring.AddDate(0, 0, 1), "2027-03-29T02:30:00+02:00", ""},
		{"10:00", spring, "2027-03-27T10:00:00+01:00", ""},
		{"2027-10-31 02:30", autumn, "2027-10-31T02:30:00+02:00", fold},
		{"02:30", autumn, "2027-10-31T02:30:00+02:00", fold},
		{"02:30", between, "2027-10-31T02:30:00+02:00", fold},
		{"02:30", again, "2027-10-31T02:30:00+02:00", fold},
		{"02:50", between, "2027-10-30T02:50:00+02:00", ""},
		{"2027-10-31T02:30:00+01:00", autumn, "2027-10-31T02:30:00+01:00", ""},
	} {
		at, err := ParseMeant(test.text, test.now)
		require.NoError(t, err, test.text)
		assert.Equal(t, test.want, at.Format(time.RFC3339), "%s at %s", test.text, test.now)
		assert.Equal(t, test.clock, at.Clock, "%s at %s", test.text, test.now)
		assert.Equal(t, test.clock == "", at.Note == "", test.text)
	}
	at, err := ParseMeant("02:30", autumn)
	require.NoError(t, err)
	assert.Equal(t, `"2027-10-31 02:30" comes twice in Europe/Berlin; the first is meant, the second is 2027-10-31T02:30:00+01:00`, at.Note)
	for text, now := range map[string]time.Time{"02:30": spring, "02:30:00": autumn} {
		_, err = ParseLast(text, now)
		assert.ErrorAs(t, err, new(WallError), "it is refused where nothing stands for it")
	}
}
