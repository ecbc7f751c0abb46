package main

import (
	"net/url"
	"slices"

	"github.com/pawl-go/pawl/cmd/pawl/internal/term"
	"go.yaml.in/yaml/v3"
)

// notify is what a config says of messages to a webhook.
type notify struct {
	webhook string // empty: there are none
	on      []string
	text    string // as the config has it, to compare
}

var noticeable = []string{"failed", "recovered", "tripped", "late"}

func (n notify) wants(event string) bool { return n.webhook != "" && slices.Contains(n.on, event) }

// notify reads where messages go, and of what.
func (r *reader) notify(e field) (n notify) {
	n.on, n.text = noticeable, textOf(e.value)
	for _, f := range r.fields(e, []string{"webhook", "on"}) {
		switch f.name {
		case "webhook":
			n.webhook = r.webhook(f)
		case "on":
			n.on = r.events(f)
		}
	}
	if n.webhook == "" && r.well() {
		r.fail(e.value, "notify needs webhook, the address that messages are posted to, as in notify: {webhook: https://example.org/hook}")
	}
	return n
}

// webhook reads an address. It may be secret, and is no part of a message.
func (r *reader) webhook(f field) string {
	text, ok := r.filled(f)
	if !ok {
		return ""
	}
	u, err := url.Parse(text)
	if err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" {
		r.fail(f.value, "webhook is an address that begins with https:// or http://")
		return ""
	}
	return text
}

func (r *reader) events(f field) (events []string) {
	nodes := []*yaml.Node{f.value}
	if f.value.Kind == yaml.SequenceNode {
		nodes = f.value.Content
	}
	for _, n := range nodes {
		text, ok := r.text(field{name: "on", value: resolve(n)})
		if ok && !slices.Contains(noticeable, text) {
			r.fail(n, "unknown event %q%s", text, term.DidYouMean(text, noticeable))
		}
		events = append(events, text)
	}
	return events
}
