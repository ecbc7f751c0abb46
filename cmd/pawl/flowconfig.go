package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/pawl-go/pawl"
	"github.com/pawl-go/pawl/internal/cronexpr"
	"github.com/pawl-go/pawl/internal/wording"
)

func (r *reader) flows(entries field, base settings, p plan) []*flow {
	var flows []*flow
	check := pawl.NewScheduler("", p.options()...)
	for _, f := range r.fields(entries, nil) {
		flows = append(flows, r.flow(f, base, check, p))
	}
	if len(flows) == 0 && r.well() {
		r.fail(entries.value, "flows is empty: there is nothing to run; write a flow, as in flows: {hello: {every: 1m, run: [echo, hello]}}")
	}
	return flows
}

// flow reads one entry and registers it on check, so that a bad id, schedule or
// backoff is told in the words that a program would get.
func (r *reader) flow(entry field, base settings, check *pawl.Scheduler, p plan) *flow {
	f := &flow{settings: base.clone(), id: entry.name, name: entry.key, timing: entry.key}
	faults := len(r.faults)
	var timing, work []string
	var times []field // which depend on the zone
	for _, e := range r.fields(field{name: fmt.Sprintf("flow %q", f.id), value: entry.value}, flowKeys) {
		switch e.name {
		case "every", "cron", "manual":
			timing = append(timing, e.name)
			r.timing(e, f)
		case "once":
			timing = append(timing, e.name)
			f.kind, f.timing = e.name, e.value
			times = append(times, e)
		case "between":
			times = append(times, e)
		case "group":
			r.group(e, f, p.groups)
		case "run", "shell":
			work = append(work, e.name)
			r.work(e, f)
		default:
			if !r.own(e, f) {
				r.setting(e, &f.settings)
			}
		}
	}
	for _, e := range times {
		r.times(e, f)
	}
	f.suit(base)
	if len(r.faults) == faults { // an unknown key may have been meant
		r.exactlyOne(entry, timing, "every, cron, once or manual")
		r.exactlyOne(entry, work, "run or shell")
	}
	if len(r.faults) > faults {
		return f
	}
	if err := f.register(check, nothing); err != nil {
		told := err
		if errors.As(err, new(cronexpr.Mistake)) { // the place names the flow
			told = wording.Inner(err)
		}
		key, at := f.blamed(err, p)
		r.fail(at, "%s", wording.In(told, wordsOf(key)))
		return f
	}
	if f.kind == "cron" {
		warnings, _ := pawl.CronWarnings(f.cron, pawl.CronForFlow(f.id))
		for _, text := range warnings {
			r.warn(f.timing, text)
		}
	}
	return f
}

var nothing = pawl.JobFunc(func(context.Context) error { return nil })

// keyWords are the names of options, fields and values in the config.
var keyWords = map[wording.Name]string{
	wording.Initial: "initial", wording.Multiplier: "multiplier", wording.MaxDelay: "max", wording.Jitter: "jitter",
	wording.NoJitter: "0 for none", wording.StreakLimit: "trip",
	wording.FixedRate: "fixed_rate", wording.Aligned: "aligned", wording.Location: "zone", wording.DST: "dst",
	wording.GapSkip: "gap_skip", wording.FoldSecond: "fold_second", wording.FoldBoth: "fold_both", wording.Limit: "limit",
	wording.CatchUpWithin: "catch_up_within", wording.CatchUpAll: "catch_up: all", wording.OverlapSkip: "overlap: skip",
	wording.OverlapCancel: "overlap: cancel", wording.OverlapAllow: "overlap: allow", wording.Queueing: "overlap: buffer 10, or allow 5, buffer 10",
	wording.Timeout: "timeout", wording.AttemptTimeout: "attempt_timeout", wording.KeyWindow: "key_window",
}

// wordsOf are the names in the words of a key's value.
func wordsOf(key string) map[wording.Name]string {
	if key != "retry" {
		return keyWords
	}
	words := maps.Clone(keyWords)
	words[wording.MaxDelay] = "max_delay"
	return words
}

// blamed is what an error of register is about: the key of the policy with which it first
// appears and its value, or where the flow is named or timed.
func (f *flow) blamed(err error, p plan) (key string, at *yaml.Node) {
	refused := func(opts []pawl.FlowOption) bool {
		return f.registerWith(pawl.NewScheduler("", p.options()...), nothing, opts) != nil
	}
	if errors.Is(err, pawl.ErrFlowExists) || refused(nil) {
		if errors.Is(err, pawl.ErrInvalidSchedule) {
			return "", f.timing
		}
		return "", f.name
	}
	var opts []pawl.FlowOption
	for _, key := range f.policies() {
		opts = append(opts, f.options[key])
		if refused(opts) {
			return key, f.at[key]
		}
	}
	return "", f.name
}

// exactlyOne wants one of the keys that exclude each other.
func (r *reader) exactlyOne(entry field, found []string, of string) {
	switch len(found) {
	case 0:
		r.fail(entry.key, "flow %q needs %s", entry.name, of)
	case 1:
	default:
		r.fail(entry.key, "flow %q has %s: keep one", entry.name, strings.Join(found, " and "))
	}
}

// timing reads when a flow runs.
func (r *reader) timing(e field, f *flow) {
	f.kind, f.timing = e.name, e.value
	switch e.name {
	case "every":
		f.every, _ = r.duration(e)
	case "cron":
		f.cron, _ = r.text(e)
	case "manual":
		if text, ok := r.text(e); ok && text != "true" {
			r.fail(e.value, "manual is true, or left out")
		}
	}
}

// work reads what a flow runs. A program given by a relative path with a slash
// in it is looked for from the config's folder, a bare name in PATH.
func (r *reader) work(e field, f *flow) {
	if e.name == "shell" {
		f.shell, _ = r.filled(e)
		return
	}
	if e.value.Kind != yaml.SequenceNode || len(e.value.Content) == 0 {
		r.fail(e.value, "run is a list, the program and its arguments, as in run: [./sync.sh, --all]; shell takes a line of shell")
		return
	}
	for i, n := range e.value.Content {
		arg := field{name: "an argument of run", value: resolve(n)}
		read := r.text
		if i == 0 {
			arg.name, read = "the program of run", r.filled
		}
		text, _ := read(arg)
		f.argv = append(f.argv, text)
	}
	if filepath.Base(f.argv[0]) != f.argv[0] {
		f.argv[0] = r.path(f.argv[0])
	}
}
