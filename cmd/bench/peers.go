package main

import (
	"context"
	"errors"
	"os"
	"slices"

	"github.com/pawl-go/pawl/cmd/bench/peer"
)

// The work that other libraries are measured at, and Pawl in turn with them.
const (
	peersOneByOne = "peers-" + peer.OneByOne
	peersBatch    = "peers-" + peer.Batch
	peersLight    = "peers-" + peer.Light
	peersIdle     = "peers-" + peer.Idle
	peersFiring   = "peers-" + peer.Firing
)

// Sides that the targets name.
var queueName = peer.PawlQueue().Name

const serverName = "River, PostgreSQL"

const (
	peerInserters = 100
	peerRate      = 50 // jobs a second, under a light load
	peerFlows     = 100_000
)

func peerExperiments(peers []peer.Peer) []experiment {
	pawl := func(m measure) []side { return []side{{"pawl", m}} }
	queues := append([]peer.Peer{peer.PawlQueue()}, peers...)
	return []experiment{
		{name: peersOneByOne, sides: append([]side{
			{"pawl", func(ctx context.Context, t trial) (values, error) {
				return runsOfPawl(ctx, t, t.file("pawl"), peerInserters)
			}},
			{"yardstick", func(ctx context.Context, t trial) (values, error) {
				return runsOfYardstick(ctx, t, peerInserters)
			}},
		}, sidesOf(queues, peer.OneByOne)...)},
		{name: peersBatch, sides: sidesOf(queues, peer.Batch)},
		{name: peersLight, long: true, sides: append(pawl(func(ctx context.Context, t trial) (values, error) {
			return latencyAtRate(ctx, t, peerRate)
		}), sidesOf(peers, peer.Light)...)},
		{name: peersIdle, sides: append([]side{{"new", waitingBesidePeers}, {"pawl", waitingBesidePeers}}, sidesOf(peers, peer.Idle)...)},
		{name: peersFiring, long: true, sides: append(pawl(firing{10_000, 1, 6}.measure), sidesOf(peers, peer.Firing)...)},
	}
}

func waitingBesidePeers(ctx context.Context, t trial) (values, error) {
	v, err := t.waiting(ctx, t.file("pawl"), peerFlows)
	return values{"resident": v["resident"], "start": v["all"]}, err
}

// sidesOf are the peers that can be measured at something.
func sidesOf(peers []peer.Peer, what string) (sides []side) {
	for _, p := range peers {
		if m := p.Measures[what]; m != nil {
			sides = append(sides, side{p.Name, measurePeer(m, what)})
		}
	}
	return sides
}

// measurePeer gives a peer a directory of its own.
func measurePeer(m peer.Measure, what string) measure {
	return func(ctx context.Context, t trial) (values, error) {
		if what == peer.Light {
			t.Length = max(t.Length, rateLength)
		}
		dir, err := os.MkdirTemp(t.Dir, "peer-")
		if err != nil {
			return nil, err
		}
		defer os.RemoveAll(dir)
		v, err := m(ctx, dir, t.Length)
		if errors.Is(err, peer.ErrNotHere) {
			return values{absent: 1}, nil
		}
		return v, err
	}
}

// durablePeers are those that keep jobs in a database.
func durablePeers(peers []peer.Peer) []peer.Peer { return having(peers, peer.OneByOne) }

// memoryPeers are those that keep schedules in memory.
func memoryPeers(peers []peer.Peer) []peer.Peer { return having(peers, peer.Firing) }

func having(peers []peer.Peer, what string) []peer.Peer {
	return slices.DeleteFunc(slices.Clone(peers), func(p peer.Peer) bool { return p.Measures[what] == nil })
}
