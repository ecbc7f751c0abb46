package main

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/pawl-go/pawl"
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

const (
	defaultConfig = "pawl.yaml"
	maxConfig     = 1 << 20 // bytes
)

//go:embed demo.yaml
var demo []byte

// errConfig is under every error of a config.
var errConfig = errors.New("invalid config")

// A plan is what a config says.
type plan struct {
	flows        []*flow        // in the order of the file
	restoreGuard bool           // run nothing on a copy of the database until it is claimed
	maxRunning   int            // commands that run at once; 0: no bound
	groups       map[string]int // the same for those of a group
	notify       notify         // whom failures are told
}

// options are what the plan says to a scheduler.
func (p plan) options() []pawl.Option {
	var opts []pawl.Option
	if p.restoreGuard {
		opts = append(opts, pawl.WithRestoreGuard())
	}
	if p.maxRunning > 0 {
		opts = append(opts, pawl.WithMaxRunning(p.maxRunning))
	}
	for name, n := range p.groups {
		opts = append(opts, pawl.WithGroupLimit(name, n))
	}
	return opts
}

// loadConfig reads a file, or the built-in demo if path is empty. Relative paths in it start at its folder; those of the demo, at the
// working directory.
func loadConfig(path string) (plan, error) {
	folder, err := filepath.Abs(filepath.Dir(path))
	if err != nil {
		return plan{}, err
	}
	if path == "" {
		return parseConfig("demo.yaml", folder, demo)
	}
	data, err := readConfig(path)
	if err != nil {
		return plan{}, fmt.Errorf("%w: %w", errConfig, err)
	}
	return parseConfig(path, folder, data)
}

// readConfig reads a file of bounded size. One that others can write is
// refused, since the commands in it run as us.
func readConfig(path string) ([]byte, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return nil, err
	}
	if who, remedy := strangers(info); who != "" {
		return nil, fmt.Errorf("%w: %s can write %s, and its commands run as you; mend that with: %s %[3]s",
			os.ErrPermission, who, path, remedy)
	}
	data, err := io.ReadAll(io.LimitReader(file, maxConfig+1))
	if err != nil {
		return nil, err
	}
	if len(data) > maxConfig {
		return nil, fmt.Errorf("%s is larger than 1 MiB", path)
	}
	return data, nil
}

// parseConfig reads a config. The error lists everything that is wrong, each with
// its place.
func parseConfig(name, folder string, data []byte) (p plan, err error) {
	r := &reader{file: name, folder: folder}
	if top := r.document(data); top != nil {
		p = r.config(top)
	}
	return p, r.err()
}

// The keys of the config and of a flow; those of settings may stand in both
// defaults and a flow.
var (
	configKeys = []string{"flows", "defaults", "db", "notify", "max_running", "groups", "restore_guard", "x-"} // x-anything is a place for anchors
	flowKeys   = slices.Concat([]string{"every", "cron", "once", "manual", "run", "shell"}, settingKeys, ownKeys)
)

func (r *reader) config(top *yaml.Node) (p plan) {
	base := settings{dir: r.folder, grace: defaultGrace, orphans: killOrphans, retention: defaultRetention,
		options: map[string]pawl.FlowOption{}, at: map[string]*yaml.Node{}}
	entries := field{name: "flows"}
	for _, f := range r.fields(field{name: "the config", value: top}, configKeys) {
		switch f.name {
		case "defaults":
			for _, d := range r.fields(f, settingKeys) {
				r.setting(d, &base)
			}
		case "flows":
			entries = f
		case "db": // read by takeDatabase, for every verb
			r.filled(f)
		case "notify":
			p.notify = r.notify(f)
		case "restore_guard":
			p.restoreGuard = r.truth(f)
		case "max_running":
			p.maxRunning = r.atLeastOne(f)
		case "groups":
			p.groups = r.groups(f)
		}
	}
	if entries.value != nil {
		p.flows = r.flows(entries, base, p)
	} else if r.well() {
		r.fail(top, "there is nothing to run: the config needs flows, as in flows: {hello: {every: 1m, run: [echo, hello]}}")
	}
	return p
}

// groups reads the limits that flows share.
func (r *reader) groups(e field) map[string]int {
	limits := map[string]int{}
	for _, f := range r.fields(e, nil) {
		if f.name == "" {
			r.fail(f.key, "the name of a group is empty")
			continue
		}
		limits[f.name] = r.atLeastOne(f)
	}
	return limits
}

func (r *reader) flows(entries field, base settings, p plan) []*flow {
	var flows []*flow
	check := pawl.NewScheduler("", p.options()...)
	for _, f := range r.fields(entries, nil) {
		flows = append(flows, r.flow(f, base, check, p))
	}
	if len(flows) == 0 && r.well() {
		r.fail(entries.value, "flows is empty: there is nothing to run")
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
		r.fail(f.blamed(err, p), "%s", inKeys.Replace(err.Error()))
	}
	return f
}

var nothing = pawl.JobFunc(func(context.Context) error { return nil })

// inKeys puts options and a policy's fields in the words of the config.
var inKeys = strings.NewReplacer("Initial", "initial", "Multiplier", "multiplier", "MaxDelay", "max",
	"Jitter", "jitter", "StreakLimit", "trip", "WithFixedRate", "fixed_rate", "WithAligned", "aligned",
	"WithLocation", "zone", "WithDST", "dst", "GapSkip", "gap_skip", "FoldSecond", "fold_second", "FoldBoth", "fold_both",
	"CatchUpAll", "catch_up: all", "OverlapSkip", "overlap: skip", "OverlapCancel", "overlap: cancel",
	"register the flow with Every", "write every: 5m in place of cron", "above maximum (6): 7", "above maximum (6): 7, which is Sunday in other crons; here Sunday is 0",
	"OverlapBuffer or OverlapAllow", "overlap: buffer 10, or allow 5, buffer 10")

// blamed is the place that an error of register is about: that of the policy with
// which it first appears, or where the flow is named or timed.
func (f *flow) blamed(err error, p plan) *yaml.Node {
	refused := func(opts []pawl.FlowOption) bool {
		return f.registerWith(pawl.NewScheduler("", p.options()...), nothing, opts) != nil
	}
	if errors.Is(err, pawl.ErrFlowExists) || refused(nil) {
		if errors.Is(err, pawl.ErrInvalidSchedule) {
			return f.timing
		}
		return f.name
	}
	var opts []pawl.FlowOption
	for _, key := range f.policies() {
		opts = append(opts, f.options[key])
		if refused(opts) {
			return f.at[key]
		}
	}
	return f.name
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
