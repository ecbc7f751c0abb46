package main

import (
	"strings"

	"github.com/pawl-go/pawl/cmd/bench/peer"
)

// durableTable is Pawl beside libraries that keep jobs in a database.
func (r results) durableTable(peers []peer.Peer) table {
	t := table{
		title: "Durable, beside others",
		text: `Jobs a second, each durable when its insert or Trigger returns and when it has ended. One by one: inserted or triggered by 100 goroutines (1 if that is better) and worked at the same
time; CPU and bytes written are of that. After a batch: inserted 1,000 at a time, then worked; of Pawl by TriggerMany. Jobs have a number as their input; only those of the first line, each a flow of
its own, and of the yardstick have none. Light: 50 jobs a second, from insert to the first line of the job.`,
		head: []string{"", "one by one, jobs/s", "CPU per job, µs", "written per job, B", "batch insert, jobs/s", "work after it, jobs/s", "light p50, ms", "light p99, ms"},
	}
	for _, name := range append([]string{"pawl", queueName, "yardstick"}, namesOf(peers)...) {
		cells := r.peerCells(peersOneByOne, name, "rate", "cpu", "written")
		cells = append(cells, r.peerCells(peersBatch, name, "insert", "work")...)
		cells = append(cells, r.peerCells(peersLight, name, "p50", "p99")...)
		t.add(shown(name), cells...)
	}
	return t
}

// memoryTable is Pawl beside schedulers that keep nothing.
func (r results) memoryTable(peers []peer.Peer) table {
	t := table{
		title: "Firing and memory, beside schedulers that keep nothing",
		text: `10,000 jobs due in each second, late from that second to the first line of the job: Pawl commits each firing before it and the outcome after it, the others write nothing. 100,000 jobs that wait
for the next hour: what each holds of resident memory, and what it takes to register and start them;
Pawl's are known to the file.`,
		head: []string{"", "late p50, ms", "late p99, ms", "fired", "CPU per firing, µs", "resident per idle job, B", "start of 100,000, ms"},
	}
	for _, name := range append([]string{"pawl"}, namesOf(peers)...) {
		cells := r.peerCells(peersFiring, name, "p50", "p99", "fired", "cpu")
		cells = append(cells, r.peerCells(peersIdle, name, "resident", "start")...)
		t.add(shown(name), cells...)
	}
	return t
}

func (r results) peerCells(experiment, name string, values ...string) []string {
	if len(r.of(experiment, name+"."+absent)) > 0 {
		return append([]string{"not here"}, make([]string, len(values)-1)...)
	}
	for i, v := range values {
		values[i] = name + "." + v
	}
	return r.cells(experiment, values...)
}

func namesOf(peers []peer.Peer) (names []string) {
	for _, p := range peers {
		names = append(names, p.Name)
	}
	return names
}

func shown(name string) string {
	switch name {
	case "pawl":
		return "**Pawl**"
	case queueName:
		return "**" + queueName + "**"
	case "yardstick":
		return "(yardstick)"
	}
	return name
}

// bestPeer is the best median of the peers that use SQLite.
func (r results) bestPeer(experiment, value string) (best float64) {
	for name := range r[experiment] {
		peer, ok := strings.CutSuffix(name, "."+value)
		if !ok || peer == "pawl" || peer == queueName || peer == "yardstick" || peer == serverName {
			continue
		}
		best = max(best, median(r.of(experiment, name)))
	}
	return best
}
