package main

import "fmt"

// asked is a question with the name that the tables show.
type asked struct{ title, value string }

var questions = []asked{
	{"`Runner.Status`", "runner.status"},
	{"`Runner.Runs`, newest of a flow", "runner.newest"},
	{"`Runner.Runs`, oldest of a flow", "runner.oldest"},
	{"`Client.List`", "client.list"},
	{"`Client.Status`", "client.status"},
	{"`Client.Runs`, newest of all", "client.log"},
	{"`Client.Runs`, newest of a flow", "client.newest"},
	{"`Runner.Why`, an instant that was run", "why.runner"},
	{"`Client.Why`, an instant that was run", "why.client"},
	{"`Client.Why`, an instant in a range that was not", "why.range"},
	{"`pawl status`, a process", "program.status"},
	{"`pawl status FLOW`, a process", "program.status-one"},
	{"`pawl history FLOW`, a process", "program.history"},
	{"`pawl --version`, a process", "program.nothing"},
}

func (r results) questionsTable(z sizes) table {
	t := table{
		title: "History: questions",
		text: fmt.Sprintf(`Milliseconds to an answer, p50 / p99 of %d asked of random flows out of %s (%d for the oldest, %d for a process, which starts and ends), medians of the rounds, by runs in the file.
Answers have %d runs, those of a process what it prints by default; the oldest are the last page of a flow's history. Why is asked about
instants of all of the history, and of %d ranges of each flow before it.`,
			askedTimes, grouped(knownFlows), askedTimes/4, programTimes, page, missedRanges),
		head: []string{""},
	}
	for _, n := range z.history {
		t.head = append(t.head, grouped(n))
	}
	for _, q := range questions {
		var cells []string
		for _, n := range z.history {
			cells = append(cells, r.pair(historyName(n), q.value+"-p50", q.value+"-p99"))
		}
		t.add(q.title, cells...)
	}
	return t
}

// pair is two medians.
func (r results) pair(experiment, a, b string) string {
	low, high := r.of(experiment, a), r.of(experiment, b)
	if len(low) == 0 {
		return ""
	}
	return number(median(low)) + " / " + number(median(high))
}
