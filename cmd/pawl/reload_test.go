package main

import (
	"context"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/assert"
)

// found A3: a reload that is asked for during the start happens once it has started, many
// requests are one, a request during a reload is another, and a stop ends the waiting.
func TestReloadsWaitForTheStartAndForEachOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, stop := context.WithCancel(t.Context())
		started, requests, goOn := make(chan struct{}), make(chan struct{}, 1), make(chan struct{})
		reloads, over := 0, false
		go func() {
			reloading(ctx, started, requests, func(context.Context) { reloads++; <-goOn })
			over = true
		}()
		ask := func() {
			select {
			case requests <- struct{}{}:
			default:
			}
		}
		for range 20 {
			ask()
		}
		synctest.Wait()
		assert.Zero(t, reloads)
		close(started)
		synctest.Wait()
		assert.Equal(t, 1, reloads)
		for range 20 {
			ask()
		}
		goOn <- struct{}{}
		synctest.Wait()
		assert.Equal(t, 2, reloads)
		goOn <- struct{}{}
		synctest.Wait()
		assert.Equal(t, 2, reloads)
		stop()
		synctest.Wait()
		assert.True(t, over)
	})
}

func TestNoReloadWithoutAStart(t *testing.T) {
	ctx, stop := context.WithCancel(t.Context())
	stop()
	requests := make(chan struct{}, 1)
	requests <- struct{}{}
	reloading(ctx, nil, requests, func(context.Context) { t.Error("it has reloaded") })
}
