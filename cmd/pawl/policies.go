package main

import (
	"fmt"
	"math"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/pawl-go/pawl"
	"github.com/pawl-go/pawl/cmd/pawl/internal/term"
	"github.com/pawl-go/pawl/internal/lengths"
	"github.com/pawl-go/pawl/internal/wording"
)

// The keys of the policies that are the scheduler's: those that defaults may give
// too, and those of a flow alone. An error is told at the first, in this order, with
// which it appears.
var (
	policyKeys = []string{"zone", "dst", "jitter", "overlap", "catch_up", "catch_up_within",
		"timeout", "attempt_timeout", "retry", "stop_cancels", "backoff", "key_window", "retention"}
	ownKeys = []string{"fixed_rate", "aligned", "between", "limit", "group", "former_id"}
)

// policies are the keys that a flow has an option for.
func (s *settings) policies() []string {
	var keys []string
	for _, key := range append(policyKeys[:len(policyKeys):len(policyKeys)], ownKeys...) {
		if s.options[key] != nil {
			keys = append(keys, key)
		}
	}
	return keys
}

// policy reads one of policyKeys.
func (r *reader) policy(e field, s *settings) {
	switch e.name {
	case "zone":
		r.zone(e, s)
	case "dst":
		s.set(e, pawl.WithDST(r.dst(e)...))
	case "jitter":
		d, _ := r.duration(e)
		s.set(e, pawl.WithJitter(d))
	case "overlap":
		r.overlap(e, s)
	case "catch_up":
		r.catchUp(e, s)
	case "catch_up_within":
		s.set(e, pawl.WithCatchUpWithin(positive(r, e, r.duration)))
	case "timeout":
		r.timeout(e, s)
	case "attempt_timeout":
		r.attemptTimeout(e, s)
	case "retry":
		r.retry(e, s)
	case "stop_cancels":
		if s.unset(e.name); r.truth(e) {
			s.set(e, pawl.WithStopCancels())
		}
	case "backoff":
		if s.backoff = r.backoff(e, s.backoff); s.backoff == nil {
			s.unset(e.name)
			return
		}
		s.set(e, pawl.WithBackoff(*s.backoff))
	case "key_window":
		d, _ := r.duration(e)
		s.set(e, pawl.WithKeyWindow(d))
	case "retention":
		s.retention = r.retention(e, s.retention)
		s.set(e, pawl.WithOptions(pawl.WithRetention(s.retention.runs, s.retention.age),
			pawl.WithFailureRetention(s.retention.failures.runs, s.retention.failures.age)))
	}
}

func (r *reader) zone(e field, s *settings) {
	name, ok := r.filled(e)
	if !ok {
		return
	}
	zone, err := time.LoadLocation(name)
	switch {
	case name == "Local":
		r.fail(e.value, "zone: %q depends on the machine: write it as Europe/Berlin, or UTC", name)
		return
	case err != nil:
		r.fail(e.value, "zone: %q is no time zone: write it as Europe/Berlin, or UTC", name)
		return
	}
	s.zone = zone
	s.set(e, pawl.WithLocation(name))
}

var dstPolicies = map[string]pawl.DST{"gap_skip": pawl.GapSkip, "fold_second": pawl.FoldSecond, "fold_both": pawl.FoldBoth}

// dst reads a policy, or a list of them.
func (r *reader) dst(e field) []pawl.DST {
	nodes := []*yaml.Node{e.value}
	if e.value.Kind == yaml.SequenceNode {
		nodes = e.value.Content
	}
	var policies []pawl.DST
	for _, n := range nodes {
		name, ok := r.text(field{name: "dst", value: resolve(n)})
		policy, known := dstPolicies[name]
		if ok && !known {
			r.fail(n, "unknown policy %q for dst%s", name, term.DidYouMean(name, []string{"gap_skip", "fold_second", "fold_both"}))
		}
		policies = append(policies, policy)
	}
	return policies
}

func (r *reader) overlap(e field, s *settings) {
	text, ok := r.text(e)
	if !ok {
		return
	}
	o, err := pawl.ParseOverlap(text)
	if err != nil {
		r.fail(e.value, "%s", wording.In(wording.Inner(err), keyWords))
		return
	}
	s.set(e, pawl.WithOverlap(o))
}

func (r *reader) catchUp(e field, s *settings) {
	text, ok := r.text(e)
	if !ok {
		return
	}
	c, err := pawl.ParseCatchUp(text)
	if err != nil || c.Within > 0 {
		r.fail(e.value, "catch_up %q: want latest, earliest, none, or all 100; how old is too old is catch_up_within", text)
		return
	}
	s.set(e, pawl.WithCatchUp(c))
}

func (r *reader) timeout(e field, s *settings) {
	if s.timeout, _ = r.duration(e); s.timeout == 0 {
		s.unset(e.name)
		return
	}
	s.set(e, pawl.WithTimeout(s.timeout))
}

func (r *reader) attemptTimeout(e field, s *settings) {
	if s.attempts, _ = r.duration(e); s.attempts == 0 {
		s.unset(e.name)
		return
	}
	s.set(e, pawl.WithAttemptTimeout(s.attempts))
}

// A retry is how often a run that failed is tried again, and what it waits between.
type retry struct {
	max   int
	delay pawl.BackoffPolicy
}

var retryKeys = []string{"max", "initial", "multiplier", "max_delay", "jitter"}

// retry reads a policy over the one that defaults gave; the word none takes that
// away.
func (r *reader) retry(e field, s *settings) {
	if e.value.Kind == yaml.ScalarNode && e.value.Value == "none" {
		s.retry = nil
		s.unset(e.name)
		return
	}
	p := retry{delay: pawl.BackoffPolicy{Jitter: pawl.DefaultBackoff().Jitter}}
	if s.retry != nil {
		p = *s.retry
	}
	faults := len(r.faults)
	for _, f := range r.fields(e, retryKeys) {
		switch f.name {
		case "max":
			p.max = r.atLeastOne(f)
		case "initial":
			p.delay.Initial = positive(r, f, r.duration)
		case "multiplier":
			p.delay.Multiplier = positive(r, f, r.number)
		case "max_delay":
			p.delay.MaxDelay = positive(r, f, r.duration)
		case "jitter":
			if p.delay.Jitter = r.jitter(f); p.delay.Jitter == 0 {
				p.delay.Jitter = pawl.NoJitter
			}
		}
	}
	if p.max == 0 && len(r.faults) == faults {
		r.fail(e.value, "retry needs max, how often a run is tried again, as in retry: {max: 3, initial: 5s}")
	}
	s.retry = &p
	s.set(e, pawl.WithRetry(p.max, p.delay))
}

// A retention is how much of a flow's history is kept: the newest runs, and none
// that ended longer ago than age; 0: no bound. Of the failures that go for that, more are kept.
type retention struct {
	runs     int
	age      time.Duration
	failures failureRetention
}

type failureRetention struct {
	runs int
	age  time.Duration
}

var (
	defaultRetention = retention{runs: 10_000, age: 90 * 24 * time.Hour, failures: failureRetention{1000, 90 * 24 * time.Hour}}
	allFailures      = failureRetention{runs: math.MaxInt}
)

// retention reads a retention over the one of defaults; the word all takes all bounds away.
func (r *reader) retention(e field, base retention) retention {
	if e.value.Kind == yaml.ScalarNode && e.value.Value == "all" {
		return retention{failures: base.failures}
	}
	for _, f := range r.fields(e, []string{"runs", "age", "failures"}) {
		switch f.name {
		case "runs":
			base.runs = r.count(f)
		case "age":
			base.age, _ = r.duration(f)
		case "failures":
			base.failures = r.failures(f, base.failures)
		}
	}
	return base
}

// failures reads how many failures are kept beyond other runs: a mapping, all or none.
func (r *reader) failures(e field, base failureRetention) failureRetention {
	if e.value.Kind == yaml.ScalarNode {
		switch e.value.Value {
		case "all":
			return allFailures
		case "none":
			return failureRetention{}
		}
	}
	for _, f := range r.fields(e, []string{"runs", "age"}) {
		switch f.name {
		case "runs":
			base.runs = r.count(f)
		case "age":
			base.age, _ = r.duration(f)
		}
	}
	return base
}

// String is the retention in the words of the config.
func (k retention) String() string {
	return fmt.Sprintf("%s, %s; failures %s", term.Count(int64(k.runs), "run"), lengths.Exact(k.age), k.failures)
}

func (k failureRetention) String() string {
	switch k {
	case failureRetention{}:
		return "none"
	case allFailures:
		return "all"
	}
	return fmt.Sprintf("%d, %s", k.runs, lengths.Exact(k.age))
}
