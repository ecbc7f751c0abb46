package main

import (
	"fmt"

	"github.com/pawl-go/pawl/cmd/pawl/internal/term"
	"go.yaml.in/yaml/v3"
)

const (
	maxExpanded = 32 << 20 // bytes of a config in which every alias stands for a copy
	maxDepth    = 100      // levels of lists and mappings within each other
	nodeCost    = 32       // bytes that a value counts for besides its text
)

// An expansion is what a node becomes when every alias in it is replaced by a copy of
// its anchor.
type expansion struct {
	size  int64
	depth int
}

// bounded reports nodes that hold themselves, and nodes that aliases make too large or
// too deep to read. Everything behind it may walk the document without a bound of its
// own. It looks at each node once.
func (r *reader) bounded(top *yaml.Node) bool {
	known := map[*yaml.Node]expansion{}
	within := map[*yaml.Node]bool{}
	var measure func(n *yaml.Node) (expansion, bool)
	measure = func(n *yaml.Node) (expansion, bool) {
		if e, ok := known[n]; ok {
			return e, true
		}
		within[n] = true
		e := expansion{size: int64(nodeCost + len(n.Value))}
		for _, c := range parts(n) {
			if within[c] {
				r.fail(n, "the alias *%s is within its own anchor: name a value that is complete before it", n.Value)
				return e, false
			}
			inner, ok := measure(c)
			if !ok {
				return e, false
			}
			e.size, e.depth = e.size+inner.size, max(e.depth, inner.depth+1)
			if why := e.excess(); why != "" {
				r.fail(c, "%s", why)
				return e, false
			}
		}
		delete(within, n)
		known[n] = e
		return e, true
	}
	e, ok := measure(top)
	return ok && r.inherited(top, known, e.size)
}

// inherited reports defaults that are too large for the number of flows that get a copy
// of them.
func (r *reader) inherited(top *yaml.Node, known map[*yaml.Node]expansion, size int64) bool {
	var defaults, flows *yaml.Node
	for i := 0; i+1 < len(top.Content); i += 2 {
		switch top.Content[i].Value {
		case "defaults":
			defaults = top.Content[i+1]
		case "flows":
			flows = resolve(top.Content[i+1])
		}
	}
	if defaults == nil || flows == nil {
		return true
	}
	if e := (expansion{size: size + known[defaults].size*int64(len(flows.Content)/2)}); e.excess() != "" {
		r.fail(defaults, "%s: %s get a copy of defaults each", e.excess(), term.Count(int64(len(flows.Content)/2), "flow"))
		return false
	}
	return true
}

// parts are the nodes that stand within a node, or that it stands for.
func parts(n *yaml.Node) []*yaml.Node {
	if n.Kind == yaml.AliasNode {
		return []*yaml.Node{n.Alias}
	}
	return n.Content
}

// excess says why an expansion is refused; empty: it is not.
func (e expansion) excess() string {
	switch {
	case e.size > maxExpanded:
		return fmt.Sprintf("with a copy of each anchor in place of its aliases (*), the config is larger than %s", term.Bytes(maxExpanded))
	case e.depth > maxDepth:
		return fmt.Sprintf("this is nested deeper than %d levels", maxDepth)
	}
	return ""
}
