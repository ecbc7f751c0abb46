package engine

import (
	"bytes"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
)

// found A11: a full disk, which many flows meet many times in a second, is a line a minute.
func TestSameLogLineComesOnceAMinute(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		e := &Engine{Config: Config{Logger: slog.New(slog.NewTextHandler(&log, nil))}}
		for range 52 {
			e.logSparsely("a flow has to wait", "error", errors.New("full"))
		}
		e.logSparsely("another thing")
		assert.Equal(t, 2, strings.Count(log.String(), "\n"))
		time.Sleep(time.Minute)
		e.logSparsely("a flow has to wait")
		assert.Contains(t, log.String(), "omitted=51")
	})
}
