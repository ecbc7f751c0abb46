package pawl

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/pawl-go/pawl/engine/core"
	"github.com/pawl-go/pawl/store"
	"github.com/pawl-go/pawl/workflow"
)

// Checkpoint is something that a run of a workflow has done so far: a state that it
// entered, a step, a timer, an undo. Its fields: Seq, State, Kind, Payload (JSON), At. A
// run gets one of the Kind "interrupt" by a crash, and "give up" when there were too many.
type Checkpoint = core.CheckpointData

// Checkpoints is the path of a run: what it has done so far, in order; nothing for one
// that keeps none. Errors: [ErrRunNotFound], as of Runs.
func (r *Runner) Checkpoints(ctx context.Context, id string, run int64) ([]Checkpoint, error) {
	if err := notInCommit(ctx); err != nil {
		return nil, fmt.Errorf("checkpoints: %w", err)
	}
	list, err := checkpoints(ctx, r.store.Reader, id, run)
	if err != nil {
		return nil, fmt.Errorf("checkpoints: %w", r.closed(err))
	}
	return list, nil
}

// Checkpoints is as of [Runner.Checkpoints].
func (c *Client) Checkpoints(ctx context.Context, id string, run int64) ([]Checkpoint, error) {
	list, err := checkpoints(ctx, c.reader, id, run)
	if err != nil {
		return nil, fmt.Errorf("checkpoints: %w", err)
	}
	return list, nil
}

// A drawer is a job that can draw itself, as one of package workflow, with the states of
// a path in it.
type drawer interface{ Mermaid(path ...string) string }

// Diagram is the machine of a flow that is a workflow as a Mermaid state diagram, with the
// way that a run of it took; run 0: none. It is empty for other jobs. Errors:
// [ErrFlowNotFound], as of [Runner.Checkpoints].
func (r *Runner) Diagram(ctx context.Context, id string, run int64) (string, error) {
	f := r.scheduler.Load().registered(id) // nobody changes one that was started
	if f == nil {
		return "", fmt.Errorf("diagram: %w: %q", ErrFlowNotFound, core.Clip(id, maxID))
	}
	machine, ok := f.job.(drawer)
	if !ok || run == 0 {
		return draw(machine), nil
	}
	done, err := r.Checkpoints(ctx, id, run)
	if err != nil {
		return "", err
	}
	return draw(machine, pathOf(done)...), nil
}

// pathOf are the states that a run entered, with "" before each further attempt.
func pathOf(done []Checkpoint) (path []string) {
	for _, c := range done {
		if c.Kind != workflow.KindEnter {
			continue
		}
		if len(path) > 0 && begins(c) {
			path = append(path, "")
		}
		path = append(path, c.State)
	}
	return path
}

// begins says whether a state is the first of an attempt, as package workflow notes it.
func begins(c Checkpoint) bool {
	var load struct{ Begin json.RawMessage }
	return json.Unmarshal([]byte(c.Payload), &load) == nil && load.Begin != nil
}

func draw(machine drawer, path ...string) string {
	if machine == nil {
		return ""
	}
	return machine.Mermaid(path...)
}

// Checkpoints is the path of a run, as of [Runner.Checkpoints].
func (v View) Checkpoints(ctx context.Context, id string, run int64) (list []Checkpoint, err error) {
	err = v.read(ctx, "checkpoints", func() error {
		list, err = checkpoints(ctx, v.reader, id, run)
		return err
	})
	return list, err
}

// Diagram is as of [Runner.Diagram]; empty for a client, who does not know the jobs.
func (v View) Diagram(ctx context.Context, id string, run int64) (string, error) {
	if v.runner == nil {
		return "", nil
	}
	return v.runner.Diagram(ctx, id, run)
}

func checkpoints(ctx context.Context, r *store.Reader, id string, run int64) ([]Checkpoint, error) {
	list, ok, err := r.CheckpointsOf(ctx, id, run)
	if err == nil && !ok {
		err = fmt.Errorf("%w: run %d of %s", ErrRunNotFound, run, show(id))
	}
	return list, err
}
