package lengths

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
)

func TestLengthsAreSaidAsPeopleDo(t *testing.T) {
	for d, want := range map[time.Duration][3]string{
		0:                            {"0ms", "0s", "0s"},
		12 * time.Millisecond:        {"12ms", "0s", "12ms"},
		4200 * time.Millisecond:      {"4.2s", "4s", "4.2s"},
		5 * time.Minute:              {"5m", "5m", "5m"},
		220 * time.Second:            {"3m 40s", "3m 40s", "3m40s"},
		53 * time.Hour:               {"2d 5h", "2d 5h", "53h"},
		24*time.Hour + 5*time.Minute: {"1d", "1d", "24h5m"},
	} {
		assert.Equal(t, want, [3]string{Span(d), Coarse(d), Exact(d)}, d.String())
	}
}

func TestTimesAreForPeople(t *testing.T) {
	const day = 24 * time.Hour
	for d, want := range map[time.Duration]string{
		0: "0ms", 12 * time.Millisecond: "12ms", 4200 * time.Millisecond: "4.2s", 59 * time.Second: "59s",
		60 * time.Second: "1m", 220 * time.Second: "3m 40s", time.Hour: "1h", time.Hour + 5*time.Second: "1h",
		26 * time.Hour: "1d 2h", 400 * day: "400d", -time.Second: "0ms",
	} {
		assert.Equal(t, want, Span(d), "%s", d)
	}
	for d, want := range map[time.Duration]string{
		5 * time.Minute: "5m", time.Hour: "1h", 90 * time.Minute: "1h30m", 10 * time.Second: "10s",
		100 * time.Hour: "100h", 0: "0s", time.Hour + time.Second: "1h0m1s",
	} {
		assert.Equal(t, want, Exact(d), "%s", d)
	}
}
