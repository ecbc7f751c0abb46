package main

import (
	"maps"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/pawl-go/pawl"
	"github.com/pawl-go/pawl/cmd/pawl/internal/term"
	"github.com/pawl-go/pawl/internal/lengths"
)

// defaultGrace is the time between SIGTERM and SIGKILL: a stop gives a job 5 s before it is
// given up.
const defaultGrace = 3 * time.Second

// The settings of a flow are what defaults may give to all of them.
type settings struct {
	dir       string        // absolute; the config's folder unless given
	env       []string      // NAME=value; of two with one name the later wins
	timeout   time.Duration // of a run, all its attempts; 0: none
	attempts  time.Duration // the time limit of each attempt; 0: none
	grace     time.Duration // between SIGTERM and SIGKILL
	orphans   orphanPolicy
	zone      *time.Location      // nil: UTC
	backoff   *pawl.BackoffPolicy // nil: none
	retry     *retry              // nil: none
	retention retention

	options map[string]pawl.FlowOption // what of this and more is the scheduler's, by key
	at      map[string]*yaml.Node      // where each of those stands
}

// set takes an option, in place of the one that the key gave before.
func (s *settings) set(e field, o pawl.FlowOption) {
	s.options[e.name], s.at[e.name] = o, e.value
}

// unset takes one away.
func (s *settings) unset(key string) { delete(s.options, key) }

// clone is a copy with options of its own.
func (s settings) clone() settings {
	s.options, s.at = maps.Clone(s.options), maps.Clone(s.at)
	return s
}

var (
	settingKeys = append([]string{"grace", "dir", "env", "orphans"}, policyKeys...)
	backoffKeys = []string{"initial", "multiplier", "max", "jitter", "trip"}
)

// setting reads one of settingKeys. A flow's env adds to that of defaults, its
// backoff, retry and retention change single keys of theirs; the others replace.
func (r *reader) setting(e field, s *settings) {
	switch e.name {
	case "grace":
		s.grace, _ = r.duration(e)
	case "dir":
		text, _ := r.filled(e)
		s.dir = r.path(text)
	case "env":
		s.env = append(slices.Clip(s.env), r.environment(e)...)
	case "orphans":
		s.orphans = r.orphans(e)
	default:
		r.policy(e, s)
	}
}

// backoff reads a policy over the one that defaults gave; the word none takes
// that away.
func (r *reader) backoff(e field, base *pawl.BackoffPolicy) *pawl.BackoffPolicy {
	if e.value.Kind == yaml.ScalarNode && e.value.Value == "none" {
		return nil
	}
	p := pawl.BackoffPolicy{Jitter: pawl.DefaultBackoff().Jitter}
	if base != nil {
		p = *base
	}
	for _, f := range r.fields(e, backoffKeys) {
		switch f.name {
		case "initial":
			p.Initial = positive(r, f, r.duration)
		case "max":
			p.MaxDelay = positive(r, f, r.duration)
		case "multiplier":
			p.Multiplier = positive(r, f, r.number)
		case "jitter":
			p.Jitter = r.jitter(f)
		case "trip":
			p.StreakLimit = r.count(f)
		}
	}
	return &p
}

// positive reads a value for which zero would quietly mean the default.
func positive[T time.Duration | float64](r *reader, e field, read func(field) (T, bool)) T {
	x, ok := read(e)
	if ok && x == 0 {
		r.fail(e.value, "%s is zero: leave it out for the default", e.name)
	}
	return x
}

// environment reads names and values. The values are the text as it stands in
// the file, and are never part of a message.
func (r *reader) environment(e field) []string {
	var env []string
	for _, f := range r.fields(e, nil) {
		switch {
		case f.name == "" || strings.ContainsAny(f.name, "=\x00"):
			r.fail(f.key, "%q cannot be the name of an environment variable: write one without =, as in env: {PATH: /usr/bin}", f.name)
		case strings.HasPrefix(f.name, "PAWL_"):
			r.fail(f.key, "%s: the names that begin with PAWL_ are set by pawl", f.name)
		default:
			text, _ := r.text(f)
			env = append(env, f.name+"="+text)
		}
	}
	return env
}

func (r *reader) orphans(e field) orphanPolicy {
	text, ok := r.text(e)
	if ok && !slices.Contains(orphanPolicies, text) {
		r.fail(e.value, "unknown policy %q for orphans%s", text, term.DidYouMean(text, orphanPolicies))
	}
	return orphanPolicy(text)
}

func (r *reader) duration(e field) (time.Duration, bool) {
	text, ok := r.text(e)
	if !ok {
		return 0, false
	}
	d, err := lengths.Parse(text)
	if err != nil {
		r.fail(e.value, "%s: %v", e.name, err)
	}
	return d, err == nil
}

func (r *reader) number(e field) (float64, bool) {
	text, ok := r.text(e)
	if !ok {
		return 0, false
	}
	x, err := strconv.ParseFloat(text, 64)
	if err != nil {
		r.fail(e.value, "%s is a number, not %q", e.name, text)
	}
	return x, err == nil
}

// jitter reads by what share a wait may be shorter or longer.
func (r *reader) jitter(e field) float64 {
	x, ok := r.number(e)
	if ok && x < 0 { // -1 would be NoJitter
		r.fail(e.value, "%s is a number from 0, for none, to 1, not %v", e.name, x)
	}
	return x
}

func (r *reader) count(e field) int {
	text, ok := r.text(e)
	if !ok {
		return 0
	}
	n, err := strconv.ParseUint(text, 10, 31)
	if err != nil {
		r.fail(e.value, "%s is a whole number, 0 for never, not %q", e.name, text)
	}
	return int(n)
}

func (r *reader) atLeastOne(e field) int {
	text, ok := r.text(e)
	if !ok {
		return 0
	}
	n, err := strconv.ParseUint(text, 10, 31)
	if err != nil || n == 0 {
		r.fail(e.value, "%s is a whole number of at least 1, not %q", e.name, text)
	}
	return int(n)
}

func (r *reader) truth(e field) bool {
	text, ok := r.text(e)
	if ok && text != "true" && text != "false" {
		r.fail(e.value, "%s is true or false, not %q", e.name, text)
	}
	return text == "true"
}

// path makes a path of the config absolute.
func (r *reader) path(path string) string {
	if filepath.IsAbs(path) {
		return filepath.Clean(path)
	}
	return filepath.Join(r.folder, path)
}

// An orphanPolicy says what becomes of a flow's orphans.
type orphanPolicy string

const (
	killOrphans  orphanPolicy = "kill"  // ended, before any flow runs
	awaitOrphans orphanPolicy = "wait"  // the flow's next run waits for their end
	leaveOrphans orphanPolicy = "leave" // left alone
)

var orphanPolicies = []string{string(killOrphans), string(awaitOrphans), string(leaveOrphans)}
