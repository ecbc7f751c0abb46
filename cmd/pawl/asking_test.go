package main

import (
	"bytes"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
)

// found A9: what a wait is for is said once, and again when it is something else.
func TestWaitsSayWhatTheyAreFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		var why atomic.Value
		why.Store(answering)
		quiet := speak(t.Context(), &out, func() string { return why.Load().(string) })
		time.Sleep(time.Minute)
		synctest.Wait()
		assert.Empty(t, out.String())
		why.Store("process 1 is stopped")
		time.Sleep(time.Minute)
		why.Store("no daemon runs")
		time.Sleep(time.Minute)
		quiet()
		assert.Equal(t, "pawl: waiting: process 1 is stopped\npawl: waiting: no daemon runs\n", out.String())
	})
}
