package main

import (
	"bytes"
	"fmt"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// yaml is the crontab as a config, in which cron's times are those of zone and its
// commands run in home.
func (c *crontab) yaml(zone, home string) ([]byte, error) {
	flows, taken, shared := mapping(), map[string]bool{}, c.sharedEnv()
	for _, e := range c.entries {
		e.env = slices.DeleteFunc(lastOfEach(e.env), func(v string) bool { return slices.Contains(shared, v) })
		key := scalar(flowName(e.command, taken))
		key.HeadComment = e.comment
		flows.Content = append(flows.Content, key, e.yaml())
	}
	defaults := mapping()
	put(defaults, "zone", scalar(zone))
	if home != "" {
		put(defaults, "dir", scalar(home))
	}
	if len(shared) > 0 {
		put(defaults, "env", environmentOf(shared))
	}
	top := mapping()
	put(top, "defaults", defaults)
	put(top, "flows", flows)
	top.Content[0].HeadComment = "From " + c.file + ", by pawl import crontab. Other than cron, Pawl catches up on a start that\n" +
		"was missed while it did not run (catch_up: none), does not start a command that still\n" +
		"runs (overlap: allow 2), and gives commands its own environment (env: {PATH: ...})."
	var text bytes.Buffer
	e := yaml.NewEncoder(&text)
	e.SetIndent(2)
	if err := e.Encode(top); err != nil {
		return nil, err
	}
	return text.Bytes(), e.Close()
}

// yaml is the flow of an entry.
func (e cronEntry) yaml() *yaml.Node {
	m := mapping()
	if e.reboot {
		put(m, "manual", &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!bool", Value: "true"})
	} else {
		put(m, "cron", quotedScalar(e.times))
	}
	if e.zone != "" && !e.reboot {
		put(m, "zone", scalar(e.zone))
	}
	if e.jitter != "" && !e.reboot {
		put(m, "jitter", scalar(e.jitter))
	}
	line := e.command
	if e.input != "" {
		line = fmt.Sprintf("(%s\n) <<'%s'\n%s%[2]s\n", line, endOf(e.input), e.input)
	}
	shell := e.shell
	if shell == "" {
		shell = "sh"
	}
	switch {
	case e.user != "" && e.user != "root":
		put(m, "run", sequence("runuser", "-u", e.user, "--", shell, "-c", line))
	case e.shell != "":
		put(m, "run", sequence(shell, "-c", line))
	default:
		put(m, "shell", scalar(line))
	}
	if e.home != "" {
		put(m, "dir", scalar(e.home))
	}
	if len(e.env) > 0 {
		put(m, "env", environmentOf(e.env))
	}
	return m
}

// sharedEnv are the variables that all entries have, with the same values.
func (c *crontab) sharedEnv() (shared []string) {
	for i, e := range c.entries {
		env := lastOfEach(e.env)
		if i == 0 {
			shared = env
		}
		shared = slices.DeleteFunc(shared, func(v string) bool { return !slices.Contains(env, v) })
	}
	return shared
}

func environmentOf(env []string) *yaml.Node {
	m := mapping()
	for _, v := range env {
		name, value, _ := strings.Cut(v, "=")
		put(m, name, scalar(value))
	}
	return m
}

// endOf is a word that ends a text in the shell, since it is no line of it.
func endOf(text string) string {
	word := "END"
	for strings.Contains("\n"+text, "\n"+word+"\n") {
		word += "_"
	}
	return word
}

func mapping() *yaml.Node { return &yaml.Node{Kind: yaml.MappingNode} }

func put(m *yaml.Node, key string, value *yaml.Node) {
	m.Content = append(m.Content, scalar(key), value)
}

// scalar is a text, quoted where it could be taken for something else.
func scalar(text string) *yaml.Node {
	n := &yaml.Node{}
	n.SetString(text)
	return n
}

func quotedScalar(text string) *yaml.Node {
	return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: text, Style: yaml.DoubleQuotedStyle}
}

func sequence(words ...string) *yaml.Node {
	n := &yaml.Node{Kind: yaml.SequenceNode, Style: yaml.FlowStyle}
	for _, w := range words {
		n.Content = append(n.Content, scalar(w))
	}
	return n
}
