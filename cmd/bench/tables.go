package main

import (
	"fmt"

	"github.com/pawl-go/pawl/cmd/bench/peer"
)

// tables are the report's, in their order.
func (r results) tables(z sizes) []table {
	return []table{
		r.runsTable(z), r.latencyTable(z), r.firingTable(z), r.idleTable(z), r.waitingTable(z), r.historyTable(z), r.questionsTable(z),
		r.workflowsTable(), r.quietTable(), r.durableTable(durablePeers(peer.All())), r.memoryTable(memoryPeers(peer.All())),
	}
}

// cells are what was measured of the values of one experiment.
func (r results) cells(experiment string, names ...string) []string {
	cells := make([]string, len(names))
	for i, name := range names {
		cells[i] = spread(r.of(experiment, name))
	}
	return cells
}

func (r results) runsTable(z sizes) table {
	t := table{
		title: "Durable runs",
		text: fmt.Sprintf(`Each flow in flight is triggered again as soon as its run is over (Trigger, WaitRun); the job does nothing. The flows in flight are spread over %s.
Afterwards the database must hold a row of each run and two transitions for it. "Yardstick" is the least that can be durable, see
[yardstick.go](../cmd/bench/yardstick.go); "store alone" is Pawl's store fed with the same batches, its time in Commit alone. "File" is by how much a run makes the file longer.`,
			grouped(knownFlows)),
		head: []string{"flows in flight", "Pawl, runs/s", "yardstick, runs/s", "Pawl / yardstick", "store alone, runs/s",
			"CPU per run, µs", "(yardstick)", "written per run, B", "(yardstick)", "file per run, B"},
	}
	for _, n := range z.inFlight {
		x := runsName(n)
		cells := r.cells(x, "pawl.rate", "yardstick.rate")
		cells = append(cells, spread(r.ratios(x, "pawl.rate", "yardstick.rate")))
		cells = append(cells, r.cells(x, "store.rate", "pawl.cpu", "yardstick.cpu", "pawl.written", "yardstick.written", "pawl.file")...)
		t.add(grouped(n), cells...)
	}
	return t
}

func (r results) latencyTable(z sizes) table {
	t := table{
		title: "Latency",
		text: fmt.Sprintf(`From the call of Trigger to the first line of the job. On an idle machine one at a time, with pauses of %s, in turns with a commit of one row
of two integers (synchronous=FULL); then at a steady rate, whether or not the runs before have ended.`, pause),
		head: []string{"", "p50, ms", "p99, ms", "max, ms"},
	}
	t.add("idle machine", r.cells("latency", "pawl.p50", "pawl.p99", "pawl.max")...)
	t.add("one commit", r.cells("latency", "commit.p50", "commit.p99", "commit.max")...)
	t.add("idle machine / one commit", spread(r.ratios("latency", "pawl.p50", "commit.p50")), spread(r.ratios("latency", "pawl.p99", "commit.p99")), "")
	for _, n := range z.rates {
		t.add(grouped(n)+" triggers a second", r.cells(rateName(n), "pawl.p50", "pawl.p99", "pawl.max")...)
	}
	return t
}

func (r results) firingTable(z sizes) table {
	t := table{
		title: "Firing",
		text: `Flows with cron expressions; the job does nothing. Lateness is from the second that a run was scheduled for to the first line of its job, after the commit. "Lost" are the
instants of the seconds watched that have no run of their own in the database: never fired, or coalesced with another. A database with two runs for an instant, or one that
did not complete, is an error.`,
		head: []string{"flows", "due in each second", "seconds", "late p50, ms", "p99, ms", "max, ms", "lost", "CPU per firing, µs", "written per firing, B"},
	}
	for _, f := range z.firings {
		cells := r.cells(f.name(), "pawl.p50", "pawl.p99", "pawl.max", "pawl.lost", "pawl.cpu", "pawl.written")
		if cells[0] != "" {
			t.add(grouped(f.flows), append([]string{grouped(f.flows / f.every), grouped(f.seconds)}, cells...)...)
		}
	}
	return t
}

func (r results) idleTable(z sizes) table {
	t := table{
		title: "Idle flows",
		text: fmt.Sprintf(`Flows with an hourly cron expression, by how much the process grows for each once it has started, and what a start takes: to register them and Start, from call to return, in a new
process on a file that knows them; "adopted": on a new file. "Peak" is the most that the process ever held, of memory resident. Flows that ran are %s manual ones that did so
twice, %d at once in random order.`, grouped(ranFlows), 250),
		head: []string{"flows", "heap each, B", "resident each, B", "register and start, ms", "Start alone, ms", "the same, adopted, ms", "peak, MiB"},
	}
	for _, n := range z.flows {
		t.add(grouped(n), r.cells(flowsName(n), "again.heap", "again.resident", "again.all", "again.start", "first.start", "again.peak")...)
	}
	ran := r.cells(ranExperiment.name, "pawl.heap", "pawl.resident")
	t.add(grouped(ranFlows)+" that ran", append(ran, "", "", "", spread(r.of(ranExperiment.name, "pawl.peak")))...)
	return t
}

func (r results) waitingTable(z sizes) table {
	t := table{
		title: "Waiting runs",
		text: fmt.Sprintf(`A manual flow with OverlapAllow(%d, ...) and runs with an input that wait in the file. Start, from call to return, and to the first line of the first job; what is resident then; the rate at which they are
worked off. Behind them: %d goroutines trigger further ones, and one is worked off for each, so that as many wait all the time.`, queueSlots, queueCallers),
		head: []string{"runs that wait", "Start, ms", "first run begun, ms", "resident, MiB", "worked off, runs/s", "triggered behind them, runs/s", "CPU per run, µs", "written per run, B"},
	}
	for _, n := range z.waiting {
		t.add(grouped(n), r.cells(waitingName(n), "start.start", "start.first", "start.resident", "start.rate", "behind.rate", "behind.cpu", "behind.written")...)
	}
	return t
}

func (r results) historyTable(z sizes) table {
	t := table{
		title: "History: the rate of runs",
		text:  fmt.Sprintf("Runs a second with %d flows in flight on a file that has so many runs in it, in turns with an empty one.", historyFlight),
		head:  []string{"runs in the file", "runs/s", "empty file, runs/s", "ratio", "CPU per run, µs", "written per run, B"},
	}
	for _, n := range z.history {
		x := historyName(n)
		cells := append(r.cells(x, "filled.rate", "empty.rate"), spread(r.ratios(x, "filled.rate", "empty.rate")))
		t.add(grouped(n), append(cells, r.cells(x, "filled.cpu", "filled.written")...)...)
	}
	return t
}

func (r results) workflowsTable() table {
	t := table{
		title: "Workflows",
		text: fmt.Sprintf(`Workflows of %d states whose tasks do nothing, run again and again: alone, in memory, without a scheduler; and durable, each triggered again as soon as its run is over.
There each state is committed before its task begins, and reserve and outcome come on top: %d commits one after another for a run, shared with those of the others. Every state must be in
the file afterwards.`, idlerStates, idlerStates+3),
		head: []string{"at once", "alone, states/s", "CPU per state, µs", "allocations per state", "durable, states/s", "CPU per state, µs", "written per state, B"},
	}
	for _, n := range workflowsAtOnce {
		t.add(grouped(n), r.cells(workflowsName(n), "alone.rate", "alone.cpu", "alone.allocations", "durable.rate", "durable.cpu", "durable.written")...)
	}
	return t
}

func (r results) quietTable() table {
	t := table{
		title: "Doing nothing",
		text:  fmt.Sprintf("%s flows with an hourly cron expression, none of them due.", grouped(quietFlows)),
		head:  []string{"", "CPU, percent of a core", "written, B"},
	}
	t.add(grouped(quietFlows)+" hourly flows", r.cells("quiet", "pawl.percent", "pawl.written")...)
	return t
}
