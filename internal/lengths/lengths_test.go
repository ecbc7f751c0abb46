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
