package term

import (
	"errors"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestLogForPeopleIsALineEach(t *testing.T) {
	var b strings.Builder
	log := slog.New(&lineHandler{w: &b, level: slog.LevelInfo})
	log.Debug("not shown")
	log.Info("pawl: started", "flows", 5, "took", 1500*time.Millisecond)
	log.With("flow", "a b").WithGroup("run").Warn("failed", "error", errors.New("no\nluck\x1b[31m"), "note", "")
	lines := strings.Split(b.String(), "\n")
	require.Len(t, lines, 3)
	assert.Regexp(t, `^\d\d:\d\d:\d\d · started  flows=5  took=1\.5s$`, lines[0])
	assert.Regexp(t, `^\d\d:\d\d:\d\d ! failed  flow="a b"  run\.error="no ⏎ luck"  run\.note=""$`, lines[1])
}

func TestLogLevelIsOneOfFour(t *testing.T) {
	var l LogLevel
	require.NoError(t, l.Set("warn"))
	assert.Equal(t, slog.LevelWarn, l.Level)
	assert.Equal(t, "warn", l.String())
	assert.Error(t, l.Set("loud"))
}
