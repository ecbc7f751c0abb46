package main

import (
	"slices"

	"github.com/pawl-go/pawl/cmd/bench/chart"
)

// plots are the figures of the report by the names of their files.
func (r results) plots(z sizes) map[string]chart.Figure {
	return map[string]chart.Figure{
		"runs.svg": r.runsPlot(z), "latency.svg": r.latencyPlot(z), "firing.svg": r.firingPlot(z), "idle.svg": r.idlePlot(z),
		"waiting.svg": r.waitingPlot(z), "history.svg": r.historyPlot(z),
	}
}

// curve is a value over the sizes of an experiment.
func (r results) curve(name, value string, sizes []int, experiment func(int) string) chart.Series {
	s := chart.Series{Name: name}
	for _, n := range sizes {
		if rounds := r.of(experiment(n), value); len(rounds) > 0 {
			s.Points = append(s.Points, chart.Point{
				X: float64(n), Low: slices.Min(rounds), Y: median(rounds), High: slices.Max(rounds),
			})
		}
	}
	return s
}

func (r results) runsPlot(z sizes) chart.Figure {
	over := func(name, value string) chart.Series { return r.curve(name, value, z.inFlight, runsName) }
	return chart.Figure{Title: "Durable runs over flows in flight", Panels: []chart.Panel{{
		Title: "Durable runs per second", X: "flows in flight", Log: true,
		Series: []chart.Series{over("Pawl", "pawl.rate"), over("yardstick", "yardstick.rate"), over("Pawl's store alone", "store.rate")},
	}, {
		Title: "CPU per run, µs", X: "flows in flight", Log: true,
		Series: []chart.Series{over("Pawl", "pawl.cpu"), over("yardstick", "yardstick.cpu")},
		Limits: []chart.Limit{{Name: "target at 100 in flight", Y: 25}},
	}}}
}

func (r results) latencyPlot(z sizes) chart.Figure {
	over := func(name, value string) chart.Series { return r.curve(name, value, z.rates, rateName) }
	p := chart.Panel{
		Title: "From Trigger to the first line of the job, ms", X: "triggers per second", Log: true,
		Series: []chart.Series{over("p50", "pawl.p50"), over("p99", "pawl.p99")},
		Limits: []chart.Limit{{Name: "target for p99 at 50 a second", Y: 5}},
	}
	if commits := r.of("latency", "commit.p50"); len(commits) > 0 {
		p.Limits = append(p.Limits, chart.Limit{Name: "one commit, p50", Y: median(commits)})
	}
	return chart.Figure{Title: "Latency over triggers per second", Panels: []chart.Panel{p}}
}

func (r results) firingPlot(z sizes) chart.Figure {
	var sizes []int
	names := map[int]string{}
	for _, f := range z.firings {
		if f.every == 1 {
			sizes, names[f.flows] = append(sizes, f.flows), f.name()
		}
	}
	over := func(name, value string) chart.Series {
		return r.curve(name, value, sizes, func(n int) string { return names[n] })
	}
	return chart.Figure{Title: "Lateness over flows due in each second", Panels: []chart.Panel{{
		Title: "From the second that a flow is due in to the first line of its job, ms", X: "flows due in each second", Log: true,
		Series: []chart.Series{over("p50", "pawl.p50"), over("p99", "pawl.p99")},
		Limits: []chart.Limit{{Name: "target for p99 at 10,000", Y: 250}},
	}}}
}

func (r results) idlePlot(z sizes) chart.Figure {
	over := func(name, value string) chart.Series { return r.curve(name, value, z.flows, flowsName) }
	return chart.Figure{Title: "Idle flows", Panels: []chart.Panel{{
		Title: "Memory per idle flow, bytes", X: "flows",
		Series: []chart.Series{over("resident", "again.resident"), over("heap", "again.heap")},
		Limits: []chart.Limit{{Name: "target", Y: 1024}},
	}, {
		Title: "Start, ms", X: "flows", Log: true,
		Series: []chart.Series{over("register and start", "again.all"), over("Start alone", "again.start"), over("Start, adopted", "first.start")},
	}}}
}

// waitingPlot has what no run waits for at 1, as the axis begins there.
func (r results) waitingPlot(z sizes) chart.Figure {
	over := func(name, value string) chart.Series {
		s := r.curve(name, value, z.waiting, waitingName)
		for i := range s.Points {
			s.Points[i].X = max(s.Points[i].X, 1)
		}
		return s
	}
	const x = "runs that wait (1: none)"
	return chart.Figure{Title: "Waiting runs in the file", Panels: []chart.Panel{{
		Title: "Runs per second", X: x,
		Series: []chart.Series{over("worked off", "start.rate"), over("triggered behind them", "behind.rate")},
	}, {
		Title: "Start, ms", X: x,
		Series: []chart.Series{over("Start", "start.start"), over("first run begun", "start.first")},
	}, {
		Title: "Resident after the start, MiB", X: x,
		Series: []chart.Series{over("resident", "start.resident")},
	}}}
}

func (r results) historyPlot(z sizes) chart.Figure {
	over := func(name, value string) chart.Series { return r.curve(name, value, z.history, historyName) }
	return chart.Figure{Title: "Runs in the file", Panels: []chart.Panel{{
		Title: "Durable runs per second, 100 in flight", X: "runs in the file",
		Series: []chart.Series{over("with so many runs in the file", "filled.rate"), over("empty file, same turn", "empty.rate")},
	}, {
		Title: "Time to an answer, p50, ms", X: "runs in the file", Log: true,
		Series: []chart.Series{over("newest of a flow", "runner.newest-p50"), over("oldest of a flow", "runner.oldest-p50"),
			over("pawl status", "program.status-p50"), over("pawl history FLOW", "program.history-p50")},
		Limits: []chart.Limit{{Name: "target", Y: 20}},
	}}}
}
