package cronexpr

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// found X2: what robfig/cron gets to read is what it reads.
func TestPlainFieldsForTheParser(t *testing.T) {
	for text, want := range map[string]string{
		"30 2 * * *":        "0 30 2 * * *",
		"*/5 * * * * *":     "0,5,10,15,20,25,30,35,40,45,50,55 * * * * *",
		"5/20 22-2 ? * 5-7": "0 5,25,45 22,23,0,1,2 * * 5,6,0",
		"0 0 L * FRI#2":     "0 0 0 1 * 0",
		"0 0 L,3 * MON,5L":  "0 0 0 3 * 1",
		"@Weekly":           "0 0 0 * * 0",
		"0 0 */1 * 0-7":     "0 0 0 * * 0-6",
	} {
		e, err := Parse(text, "")
		require.NoError(t, err, text)
		assert.Equal(t, want, e.Plain(), text)
	}
}

// found X3: a mistake names its field, counted in the text as it was written.
func TestMistakesNameTheirField(t *testing.T) {
	for text, want := range map[string]int{
		"61 * * * *": 0, "0 24 * * *": 1, "0 0 0 32 * *": 3, "0 0 * * 8": 4, "0 10 * * ? *": 4, "0 0": -1, "@reboot": -1,
	} {
		_, err := Parse(text, "")
		var m Mistake
		require.ErrorAs(t, err, &m, text)
		assert.Equal(t, want, m.Field, text)
	}
}
