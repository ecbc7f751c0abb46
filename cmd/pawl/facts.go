package main

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/pawl-go/pawl/internal/lengths"
	"go.yaml.in/yaml/v3"
)

// facts are what a config says of a flow, in words: what differs between two of them, a
// daemon has to take over. The values of variables are in it as they are; told shows
// none.
func (f *flow) facts() map[string]string {
	work := strings.Join(f.argv, "\x00")
	if f.shell != "" {
		work = "sh -c " + f.shell
	}
	when := map[string]string{"every": f.every.String(), "cron": f.cron, "once": f.once.UTC().String()}[f.kind]
	facts := map[string]string{
		"schedule": strings.TrimSpace(f.kind + " " + when),
		"run":      work,
		"dir":      f.dir,
		"grace":    lengths.Exact(f.grace),
		"orphans":  string(f.orphans),
	}
	for _, v := range lastOfEach(f.env) {
		name, value, _ := strings.Cut(v, "=")
		facts["env "+name] = value
	}
	for _, key := range f.policies() {
		facts[key] = textOf(f.at[key])
	}
	if f.backoff != nil {
		facts["backoff"] = f.backoff.String()
	}
	if f.retry != nil {
		facts["retry"] = fmt.Sprintf("%d, %s", f.retry.max, f.retry.delay)
	}
	if _, ok := facts["retention"]; ok {
		facts["retention"] = f.retention.String()
	}
	return facts
}

// textOf is a value of a config on one line.
func textOf(n *yaml.Node) string {
	if n == nil {
		return ""
	}
	n = resolve(n)
	var parts []string
	switch n.Kind {
	case yaml.MappingNode:
		for i := 0; i+1 < len(n.Content); i += 2 {
			parts = append(parts, textOf(n.Content[i])+": "+textOf(n.Content[i+1]))
		}
		return "{" + strings.Join(parts, ", ") + "}"
	case yaml.SequenceNode:
		for _, c := range n.Content {
			parts = append(parts, textOf(c))
		}
		return "[" + strings.Join(parts, ", ") + "]"
	}
	return n.Value
}

// differences are what is other in the facts of a flow, a text for each, in the order of
// their names.
func differences(before, after map[string]string) (list []string) {
	both := maps.Clone(before)
	maps.Copy(both, after)
	for _, name := range slices.Sorted(maps.Keys(both)) {
		old, was := before[name]
		now, is := after[name]
		secret := strings.HasPrefix(name, "env ") || name == "run"
		switch {
		case was == is && old == now:
		case secret:
			list = append(list, name+" is "+newOrGone(was, is))
		case !was:
			list = append(list, name+": "+now)
		case !is:
			list = append(list, name+" is gone, it was "+old)
		default:
			list = append(list, fmt.Sprintf("%s: %s, it was %s", name, now, old))
		}
	}
	return list
}

func newOrGone(was, is bool) string {
	switch {
	case !was:
		return "new"
	case !is:
		return "gone"
	}
	return "another"
}

// lastOfEach leaves out variables that a later one replaces.
func lastOfEach(env []string) (kept []string) {
	place := map[string]int{}
	for _, v := range env {
		name, _, _ := strings.Cut(v, "=")
		if i, ok := place[name]; ok {
			kept[i] = v
			continue
		}
		place[name] = len(kept)
		kept = append(kept, v)
	}
	return kept
}
