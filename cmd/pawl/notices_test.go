package main

import (
	"log/slog"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/pawl-go/pawl"
)

// A late flow makes one message, and another one only after it was on time again. found C3.
func TestLateFlowIsToldOnce(t *testing.T) {
	n := newNotifier(notify{webhook: "https://example.org", on: []string{"late"}}, "", slog.New(slog.DiscardHandler))
	due := time.Date(2026, 11, 23, 9, 0, 0, 0, time.UTC)
	flow := []pawl.FlowInfo{{ID: "a", Status: pawl.StatusIdle, NextRun: due, Registered: true}}
	var told int
	look := func(now time.Time) int {
		n.lookFor(flow, pawl.Surroundings{Owned: true}, now)
		defer func() { told = len(n.queue) }()
		return len(n.queue) - told
	}
	assert.Zero(t, look(due.Add(time.Minute)))
	assert.Equal(t, 1, look(due.Add(2*time.Minute)))
	assert.Zero(t, look(due.Add(3*time.Minute)))
	flow[0].NextRun = due.Add(time.Hour)
	assert.Zero(t, look(due.Add(4*time.Minute)))
	assert.Equal(t, 1, look(due.Add(2*time.Hour)))
	m := <-n.queue
	assert.Equal(t, "late", m.Event)
	assert.Contains(t, m.Text, "a is late by 2m: it was due at ")
}

func TestMessagesThatFindNoRoomAreDropped(t *testing.T) {
	n := newNotifier(notify{webhook: "https://example.org", on: noticeable}, "", slog.New(slog.DiscardHandler))
	for range mostMessages + 2 {
		n.add(message{Event: "failed"})
	}
	assert.Len(t, n.queue, mostMessages)
	assert.True(t, n.full)
}
