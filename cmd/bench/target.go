package main

import (
	"fmt"
	"slices"
	"strings"
)

// target is what Pawl must show, and how that is judged.
type target struct {
	name, asks string
	judge      func(results, sizes) verdict
}

// verdict is what was measured and whether it will do. The zero value: it was not
// measured.
type verdict struct {
	measured string
	met      bool
}

func (v verdict) String() string {
	switch {
	case v.measured == "":
		return "not measured"
	case v.met:
		return "met"
	}
	return "**not met**"
}

// targets are those of the README's promise of speed, by the median of the
// rounds.
var targets = []target{
	{"P1", "durable runs: at least 0.5 of the yardstick at 10, 100 and 1,000 in flight", judgeRuns},
	{"P1", "at least 20 times the best SQLite peer, one by one", judgeOneByOne},
	{"P1", "at least 10 times the best SQLite peer's work after a batch insert", judgeBatch},
	{"P2", "a queue with inputs: at least 10 times the best SQLite peer, one by one", judgeQueue(peersOneByOne, "rate", 10)},
	{"P2", "TriggerMany, then work: at least 5 times the best SQLite peer's work after a batch insert", judgeQueue(peersBatch, "work", 5)},
	{"P2", "both ahead of River on PostgreSQL", judgeServer},
	{"P3", "trigger to first line on an idle machine: p50 at most 1.5 times one commit", judgeLatency},
	{"P3", "at 50 triggers a second: p99 below 5 ms", judgeLight},
	{"P4", "10,000 flows due in each second: none lost, none coalesced, p99 below 250 ms", judgeFiring(10_000, 1)},
	{"P4", "100,000 flows over 10 s: likewise", judgeFiring(100_000, 10)},
	{"P5", "idle flows: at most 1 KiB each, resident, with 100,000", judgeMemory},
	{"P5", "100,000 flows are registered and started within 1 s", judgeStart},
	{"P5", "1,000,000 within 10 s and 1 GiB", judgeBigStart},
	{"P6", "with 10 million runs in the file: at least 0.8 of the rate with none", judgeHistory},
	{"P6", "questions to it answered within 20 ms, p50, those to the program too", judgeQuestions},
	{"P7", "10,000 hourly flows: below 0.1 % of a core, nothing written", judgeQuiet},
	{"P8", "at most 25 µs of CPU per run at 100 in flight", judgeCost("pawl.cpu", 25, "µs")},
	{"P8", "at most 2,500 bytes written per run at 100 in flight", judgeCost("pawl.written", 2500, "B")},
	{"P8", "at most 250 bytes of file per run", judgeCost("pawl.file", 250, "B")},
}

func (r results) targetsTable(z sizes) table {
	t := table{title: "Targets", head: []string{"", "target", "measured", ""}}
	for _, x := range targets {
		v := x.judge(r, z)
		t.rows = append(t.rows, []string{x.name, x.asks, v.measured, v.String()})
	}
	return t
}

func judgeRuns(r results, _ sizes) verdict {
	var all []string
	met := true
	for _, n := range []int{10, 100, 1000} {
		ratio := r.ratios(runsName(n), "pawl.rate", "yardstick.rate")
		if len(ratio) == 0 {
			return verdict{}
		}
		all = append(all, number(median(ratio)))
		met = met && median(ratio) >= 0.5
	}
	return verdict{strings.Join(all, ", "), met}
}

func judgeOneByOne(r results, _ sizes) verdict {
	return against(r.of(peersOneByOne, "pawl.rate"), r.bestPeer(peersOneByOne, "rate"), 20)
}

func judgeBatch(r results, _ sizes) verdict {
	return against(r.of(peersOneByOne, "pawl.rate"), r.bestPeer(peersBatch, "work"), 10)
}

func judgeQueue(experiment, value string, times float64) func(results, sizes) verdict {
	return func(r results, _ sizes) verdict {
		return against(r.of(experiment, queueName+"."+value), r.bestPeer(experiment, value), times)
	}
}

// judgeServer is met by more than what the server's peer does.
func judgeServer(r results, _ sizes) verdict {
	var all []string
	met := true
	for _, x := range []struct{ experiment, value string }{{peersOneByOne, "rate"}, {peersBatch, "work"}} {
		queue, server := r.of(x.experiment, queueName+"."+x.value), r.of(x.experiment, serverName+"."+x.value)
		if len(queue) == 0 || len(server) == 0 {
			return verdict{}
		}
		all = append(all, fmt.Sprintf("%s against %s", number(median(queue)), number(median(server))))
		met = met && median(queue) > median(server)
	}
	return verdict{strings.Join(all, "; "), met}
}

func against(rate []float64, best, times float64) verdict {
	if len(rate) == 0 || best == 0 {
		return verdict{}
	}
	factor := median(rate) / best
	return verdict{fmt.Sprintf("%s times (%s against %s)", number(factor), number(median(rate)), number(best)), factor >= times}
}

func judgeLatency(r results, _ sizes) verdict {
	return atMost(r.ratios("latency", "pawl.p50", "commit.p50"), 1.5, "times")
}

func judgeLight(r results, _ sizes) verdict { return atMost(r.of(rateName(50), "pawl.p99"), 5, "ms") }

func judgeFiring(flows, every int) func(results, sizes) verdict {
	return func(r results, _ sizes) verdict {
		x := firing{flows: flows, every: every}.name()
		late, lost := r.of(x, "pawl.p99"), r.of(x, "pawl.lost")
		if len(late) == 0 {
			return verdict{}
		}
		gone := slices.Max(lost) // of any round
		return verdict{fmt.Sprintf("%s ms, %s lost", spread(late), number(gone)), median(late) < 250 && gone == 0}
	}
}

func judgeMemory(r results, _ sizes) verdict {
	return atMost(r.of(flowsName(100_000), "again.resident"), 1024, "B")
}

func judgeStart(r results, _ sizes) verdict {
	return atMost(r.of(flowsName(100_000), "again.all"), 1000, "ms")
}

func judgeBigStart(r results, _ sizes) verdict {
	all, peak := r.of(flowsName(1_000_000), "again.all"), r.of(flowsName(1_000_000), "again.peak")
	if len(all) == 0 {
		return verdict{}
	}
	return verdict{
		fmt.Sprintf("%s ms, %s MiB", spread(all), spread(peak)),
		median(all) <= 10_000 && median(peak) <= 1024,
	}
}

func judgeHistory(r results, z sizes) verdict {
	n := slices.Max(z.history)
	ratio := r.ratios(historyName(n), "filled.rate", "empty.rate")
	if len(ratio) == 0 {
		return verdict{}
	}
	return verdict{fmt.Sprintf("%s with %s", spread(ratio), grouped(n)), median(ratio) >= 0.8}
}

// judgeQuestions names the slowest.
func judgeQuestions(r results, z sizes) verdict {
	n := slices.Max(z.history)
	var slowest asked
	took := 0.0
	for _, q := range questions {
		answers := r.of(historyName(n), q.value+"-p50")
		if len(answers) == 0 {
			return verdict{}
		}
		if m := median(answers); m > took {
			slowest, took = q, m
		}
	}
	return verdict{fmt.Sprintf("%s: %s ms with %s", slowest.title, number(took), grouped(n)), took <= 20}
}

func judgeQuiet(r results, _ sizes) verdict {
	cpu, written := r.of("quiet", "pawl.percent"), r.of("quiet", "pawl.written")
	if len(cpu) == 0 {
		return verdict{}
	}
	return verdict{
		fmt.Sprintf("%s %%, %s B", spread(cpu), spread(written)),
		median(cpu) < 0.1 && slices.Max(written) == 0,
	}
}

func judgeCost(value string, limit float64, unit string) func(results, sizes) verdict {
	return func(r results, _ sizes) verdict { return atMost(r.of(runsName(100), value), limit, unit) }
}

func atMost(rounds []float64, limit float64, unit string) verdict {
	if len(rounds) == 0 {
		return verdict{}
	}
	return verdict{spread(rounds) + " " + unit, median(rounds) <= limit}
}
