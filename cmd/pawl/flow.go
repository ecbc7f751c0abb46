package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/pawl-go/pawl"
	"github.com/pawl-go/pawl/cmd/pawl/internal/term"
	"github.com/pawl-go/pawl/internal/cronexpr"
	"github.com/pawl-go/pawl/internal/wording"
	"go.yaml.in/yaml/v3"
)

// A flow is one entry of the config: a command, and when it runs.
type flow struct {
	settings
	id     string
	kind   string        // every, cron, once or manual, as its key is called
	every  time.Duration // the interval of an every flow
	cron   string        // the expression of a cron flow
	once   time.Time     // the instant of a once flow
	argv   []string      // the program and its arguments; nil if shell is set
	shell  string        // the line for sh -c
	name   *yaml.Node    // where the flow is named
	timing *yaml.Node    // where its schedule stands
}

// register adds the flow to a scheduler, with job as its work.
func (f *flow) register(s *pawl.Scheduler, job pawl.Job) error {
	var opts []pawl.FlowOption
	for _, key := range f.policies() {
		opts = append(opts, f.options[key])
	}
	return f.registerWith(s, job, opts)
}

func (f *flow) registerWith(s *pawl.Scheduler, job pawl.Job, opts []pawl.FlowOption) error {
	switch f.kind {
	case "every":
		return s.Every(f.id, f.every, job, opts...)
	case "cron":
		return s.Cron(f.id, f.cron, job, opts...)
	case "once":
		return s.Once(f.id, f.once, job, opts...)
	default:
		return s.Manual(f.id, job, opts...)
	}
}

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

// own reads a key that only a flow has, and says whether it is one.
func (r *reader) own(e field, f *flow) bool {
	switch e.name {
	case "fixed_rate":
		if r.truth(e) {
			f.set(e, pawl.WithFixedRate())
		}
	case "aligned":
		if r.truth(e) {
			f.set(e, pawl.WithAligned())
		}
	case "limit":
		f.set(e, pawl.WithLimit(r.atLeastOne(e)))
	case "former_id":
		text, _ := r.filled(e)
		f.set(e, pawl.WithFormerID(text))
	}
	return slices.Contains(ownKeys, e.name)
}

// group reads the name of a group, which has to have a limit.
func (r *reader) group(e field, f *flow, limits map[string]int) {
	name, ok := r.filled(e)
	if !ok {
		return
	}
	if _, known := limits[name]; !known {
		var names []string
		for g := range limits {
			names = append(names, g)
		}
		hint := ": give it one beside flows, as in groups: {" + name + ": 5}"
		if near := term.Suggest(name, names); near != "" {
			hint = near
		}
		r.fail(e.value, "group %q has no limit%s", name, hint)
		return
	}
	f.set(e, pawl.WithGroup(name))
}
