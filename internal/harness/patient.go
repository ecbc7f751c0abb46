package harness

import (
	"context"
	"strings"
	"sync"
	"time"

	"github.com/pawl-go/pawl/workflow"
)

// Doings is what tasks did, in order.
type Doings struct {
	mu   sync.Mutex
	list []string
}

func (d *Doings) add(step string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.list = append(d.list, step)
}

// String is the steps, with spaces between them.
func (d *Doings) String() string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return strings.Join(d.list, " ")
}

// Patient is a workflow of a version that does something that can be undone, waits, and is
// ready then.
func Patient(version int, d time.Duration, done *Doings) *workflow.Job[string] {
	w := workflow.New[string](workflow.Version(version))
	w.Register("new", func(context.Context, *workflow.Resources) (string, error) { done.add("new"); return "wait", nil },
		workflow.WithUndo(func(context.Context, *workflow.Resources, any) error { done.add("undo"); return nil }))
	w.Register("wait", workflow.After("ready", d))
	w.Register("ready", func(context.Context, *workflow.Resources) (string, error) { done.add("ready"); return "end", nil })
	w.Exit("end")
	return w.Job("new")
}
