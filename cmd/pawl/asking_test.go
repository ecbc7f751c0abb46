package main

import (
	"bytes"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
)

// found A9: what a wait is for is said once, and again when it is something else.
func TestWaitsSayWhatTheyAreFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		why := answering
		quiet := speak(t.Context(), &out, func() string { return why })
		time.Sleep(time.Minute)
		assert.Empty(t, out.String())
		why = "process 1 is stopped"
		time.Sleep(time.Minute)
		why = "no daemon runs"
		time.Sleep(time.Minute)
		quiet()
		assert.Equal(t, "pawl: waiting: process 1 is stopped\npawl: waiting: no daemon runs\n", out.String())
	})
}
