package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/pawl-go/pawl/cmd/pawl/internal/term"
	"go.yaml.in/yaml/v3"
)

// A reader takes a YAML document apart and keeps what is wrong with it, so that
// one look shows everything.
type reader struct {
	file     string
	folder   string               // where relative paths start
	top      *yaml.Node           // of the document
	places   map[*yaml.Node]place // of its nodes, once something is wrong
	faults   []fault
	warnings []fault
}

// A fault is one thing wrong with a config: where it is, the key and the value there, and why.
// The text is for people. What is not known of a fault is empty, and so is a value that may be
// secret.
type fault struct {
	File   string `json:"file"`
	Line   int    `json:"line"`
	Column int    `json:"column"`
	Key    string `json:"key,omitempty"` // with the keys around it: flows.import.retry.max
	Value  string `json:"value,omitempty"`
	Text   string `json:"text"`
}

// Error is the fault as compilers write it, so that editors can jump to it.
func (f fault) Error() string {
	return fmt.Sprintf("%s:%d:%d: %s", f.File, f.Line, f.Column, f.Text)
}

// Unwrap makes a fault an errConfig.
func (f fault) Unwrap() error { return errConfig }

// fail keeps a fault at a node.
func (r *reader) fail(n *yaml.Node, format string, args ...any) {
	r.faults = append(r.faults, r.fault(n, fmt.Sprintf(format, args...)))
}

// faultAt keeps a fault of a text that is no YAML.
func (r *reader) faultAt(line, column int, text string) {
	r.faults = append(r.faults, fault{File: r.file, Line: max(line, 1), Column: max(column, 1), Text: text})
}

// fault is one at a node.
func (r *reader) fault(n *yaml.Node, text string) fault {
	if r.places == nil && r.top != nil {
		r.places = map[*yaml.Node]place{}
		r.locate(r.top, place{}, false)
	}
	p := r.places[n]
	return fault{File: r.file, Line: max(n.Line, 1), Column: max(n.Column, 1), Key: p.key, Value: p.value, Text: text}
}

// A place is the key of a node, with the keys around it, and its value if that is a single one.
type place struct{ key, value string }

// Below these keys, and below those for anchors, values may be secret.
var secretKeys = []string{"env", "run", "shell", "webhook"}

// locate notes the places of a node and of all below it.
func (r *reader) locate(n *yaml.Node, p place, secret bool) {
	if n.Kind == yaml.ScalarNode && !secret {
		p.value = n.Value
	}
	r.places[n] = p
	for i, below := range n.Content {
		switch {
		case n.Kind == yaml.SequenceNode:
			r.locate(below, place{key: fmt.Sprintf("%s[%d]", p.key, i)}, secret)
		case n.Kind == yaml.MappingNode && i%2 == 1:
			name := n.Content[i-1].Value
			anchors := p.key == "" && strings.HasPrefix(name, "x-")
			inner := place{key: p.below(name)}
			r.places[n.Content[i-1]] = inner
			r.locate(below, inner, secret || anchors || slices.Contains(secretKeys, name))
		}
	}
}

// below is a key in the mapping at p. A name that could be taken for several is in quotes.
func (p place) below(name string) string {
	if name == "" || strings.ContainsAny(name, ".[]\"") {
		name = strconv.Quote(name)
	}
	if p.key == "" {
		return name
	}
	return p.key + "." + name
}

// warn notes what is accepted, but may be meant in another way.
func (r *reader) warn(n *yaml.Node, text string) {
	r.warnings = append(r.warnings, r.fault(n, "warning: "+text))
}

// well says that nothing is wrong so far.
func (r *reader) well() bool { return len(r.faults) == 0 }

// err joins the faults in the order of the file.
func (r *reader) err() error {
	slices.SortStableFunc(r.faults, func(a, b fault) int {
		if a.Line != b.Line {
			return a.Line - b.Line
		}
		return a.Column - b.Column
	})
	r.faults = slices.Compact(r.faults) // what flows merge or inherit is met once for each
	errs := make([]error, len(r.faults))
	for i, f := range r.faults {
		errs[i] = f
	}
	return errors.Join(errs...)
}

// document reads the only document of a file; nil if there is none or it is not
// YAML.
func (r *reader) document(data []byte) *yaml.Node {
	var doc, second yaml.Node
	d := yaml.NewDecoder(bytes.NewReader(data))
	err := d.Decode(&doc)
	if err == io.EOF {
		r.faultAt(1, 1, "the file is empty")
		return nil
	}
	if err == nil {
		err = d.Decode(&second)
	}
	switch {
	case err == io.EOF:
		if r.top = doc.Content[0]; r.bounded(r.top) {
			return resolve(r.top)
		}
	case err == nil:
		r.fail(&second, "a second document begins here: a config is one; remove the line ---, or what follows it")
	default:
		r.syntax(err, data)
	}
	return nil
}

var (
	yamlMessage = regexp.MustCompile(`^yaml: (?:line (\d+): )?(.*)$`)
	yamlAnchor  = regexp.MustCompile(`^unknown anchor '(.*)' referenced$`)
	bareStar    = regexp.MustCompile(`:\s*\*`)
)

// syntax keeps what the YAML library found. It knows at most the line, and in
// its parser's own messages that line counts from zero.
func (r *reader) syntax(err error, data []byte) {
	parts := yamlMessage.FindStringSubmatch(err.Error())
	if parts == nil {
		r.faultAt(1, 1, err.Error())
		return
	}
	line, _ := strconv.Atoi(parts[1])
	text := parts[2]
	if strings.HasPrefix(text, "did not find expected") && !strings.Contains(text, "character") {
		line++
	}
	lines := strings.Split(string(data), "\n")
	if name := yamlAnchor.FindStringSubmatch(text); name != nil {
		line = 1 + slices.IndexFunc(lines, func(l string) bool { return strings.Contains(l, "*"+name[1]) })
	}
	line = min(max(line, 1), len(lines))
	found := lines[line-1]
	if bareStar.MatchString(found) {
		text += ": put quotes around a value that begins with *"
	}
	r.faultAt(line, len(found)-len(strings.TrimLeft(found, " \t"))+1, text)
}

// A field is an entry of a mapping.
type field struct {
	name       string
	key, value *yaml.Node
}

// fields are the entries of a mapping in the order of the file, with aliases
// resolved and merge keys (<<) filled in. A key that appears twice, is not text
// or is not among known is a fault; nil knows any key, and a known key that ends
// in a hyphen any that begins with it.
func (r *reader) fields(of field, known []string) []field {
	if of.value.Kind != yaml.MappingNode {
		r.fail(of.value, "%s is a mapping of names to values: write it as in %[1]s: {name: value}", of.name)
		return nil
	}
	var fields []field
	for _, f := range r.merged(of.value, map[*yaml.Node]bool{}) {
		knows := func(k string) bool {
			return k == f.name || strings.HasSuffix(k, "-") && strings.HasPrefix(f.name, k)
		}
		if known != nil && !slices.ContainsFunc(known, knows) {
			hint := term.DidYouMean(f.name, known)
			if hint == "" {
				hint = ": see pawl help config"
			}
			r.fail(f.key, "unknown key %q in %s%s", f.name, of.name, hint)
			continue
		}
		fields = append(fields, f)
	}
	return fields
}

// merged are a mapping's own entries, then those of its merge keys that it does
// not have yet. Each mapping is merged once.
func (r *reader) merged(n *yaml.Node, seen map[*yaml.Node]bool) []field {
	seen[n] = true
	lines := map[string]int{}
	var fields, sources []field
	for i := 0; i+1 < len(n.Content); i += 2 {
		key := resolve(n.Content[i])
		f := field{key.Value, n.Content[i], resolve(n.Content[i+1])}
		switch {
		case key.Kind != yaml.ScalarNode:
			r.fail(f.key, "a key must be text: write it in quotes")
		case key.Tag == "!!merge":
			sources = append(sources, f)
		case lines[f.name] > 0:
			r.fail(f.key, "%q is here twice, first on line %d: keep one", f.name, lines[f.name])
		default:
			lines[f.name] = f.key.Line
			fields = append(fields, f)
		}
	}
	for _, s := range sources {
		for _, from := range r.mergeable(s) {
			if seen[from] {
				continue
			}
			for _, f := range r.merged(from, seen) {
				if lines[f.name] == 0 {
					lines[f.name] = f.key.Line
					fields = append(fields, f)
				}
			}
		}
	}
	return fields
}

// mergeable are the mappings that a merge key names.
func (r *reader) mergeable(f field) []*yaml.Node {
	sources := []*yaml.Node{f.value}
	if f.value.Kind == yaml.SequenceNode {
		sources = f.value.Content
	}
	var mappings []*yaml.Node
	for _, n := range sources {
		n = resolve(n)
		if n.Kind != yaml.MappingNode {
			r.fail(f.key, "<< takes a mapping, or a list of them")
			continue
		}
		mappings = append(mappings, n)
	}
	return mappings
}

// text is the value of a scalar as it stands in the file: 1.10 stays 1.10.
func (r *reader) text(f field) (string, bool) {
	switch {
	case f.value.Kind != yaml.ScalarNode:
		r.fail(f.value, "%s is a single value: write it without brackets and braces", f.name)
	case f.value.Tag == "!!null":
		r.fail(f.value, `%s has no value: leave it out, or write "" for an empty text`, f.name)
	case strings.Contains(f.value.Value, "\x00"):
		r.fail(f.value, "%s holds a NUL character: remove it", f.name)
	default:
		return f.value.Value, true
	}
	return "", false
}

// filled is a text that says something.
func (r *reader) filled(f field) (string, bool) {
	text, ok := r.text(f)
	if ok && strings.TrimSpace(text) == "" {
		r.fail(f.value, "%s is empty: give it a value", f.name)
		return "", false
	}
	return text, ok
}

// resolve follows an alias to what it stands for.
func resolve(n *yaml.Node) *yaml.Node {
	for n.Kind == yaml.AliasNode {
		n = n.Alias
	}
	return n
}

// faultsOf are the faults that an error of a config joins; none: it is about something else.
func faultsOf(err error) (faults []fault) {
	joined, ok := err.(interface{ Unwrap() []error })
	if !ok {
		return nil
	}
	for _, e := range joined.Unwrap() {
		if f, ok := errors.AsType[fault](e); ok {
			faults = append(faults, f)
		}
	}
	return faults
}
