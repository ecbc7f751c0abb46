package main

import (
	_ "embed"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/pawl-go/pawl"
	"github.com/pawl-go/pawl/cmd/pawl/internal/files"
)

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
	db           string         // as it is written; empty: it is not
	clockTrusted bool           // the clock is right at each start
	restoreGuard bool           // run nothing on a copy of the database until it is claimed
	isolation    *time.Duration // how long a suspect waits for others at most; nil: the default
	maxRunning   int            // commands that run at once; 0: no bound
	groups       map[string]int // the same for those of a group
	notify       notify         // who is notified of failures
	warnings     []fault        // what is accepted, but may be meant in another way
}

// options are what the plan says to a scheduler.
func (p plan) options() []pawl.Option {
	var opts []pawl.Option
	if p.clockTrusted {
		opts = append(opts, pawl.WithClockTrusted())
	}
	if p.restoreGuard {
		opts = append(opts, pawl.WithRestoreGuard())
	}
	if p.isolation != nil {
		opts = append(opts, pawl.WithIsolation(*p.isolation))
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

// readConfig reads a regular file of bounded size. A file that others can write is
// refused, since the commands in it run as us.
func readConfig(path string) ([]byte, error) {
	data, info, err := files.ReadRegular(path, maxConfig, 0)
	if err != nil {
		return nil, err
	}
	if who, remedy := files.Strangers(info); who != "" {
		return nil, fmt.Errorf("%w: %s can write %s, and its commands run as you; fix that with: %s %[3]s",
			os.ErrPermission, who, path, remedy)
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
	p.warnings = r.warnings
	return p, r.err()
}

// The keys of the config and of a flow; those of settings may stand in both
// defaults and a flow.
var (
	configKeys = []string{"flows", "defaults", "db", "notify", "max_running", "isolation", "groups", "restore_guard", "clock_trusted", "x-"} // x-anything is a place for anchors
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
			p.db, _ = r.filled(f)
		case "notify":
			p.notify = r.notify(f)
		case "clock_trusted":
			p.clockTrusted = r.truth(f)
		case "restore_guard":
			p.restoreGuard = r.truth(f)
		case "max_running":
			p.maxRunning = r.atLeastOne(f)
		case "isolation":
			if d, ok := r.duration(f); ok {
				p.isolation = &d
			}
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
			r.fail(f.key, "the name of a group is empty: write it as in groups: {smtp: 2}")
			continue
		}
		limits[f.name] = r.atLeastOne(f)
	}
	return limits
}

// findConfig is the config to read: what was asked for, or pawl.yaml if it is
// there, or else the demo, which is empty.
func findConfig(asked string) string {
	if asked != "" {
		return asked
	}
	if _, err := os.Lstat(defaultConfig); os.IsNotExist(err) {
		return ""
	}
	return defaultConfig
}
