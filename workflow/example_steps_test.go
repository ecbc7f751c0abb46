package workflow_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	"github.com/pawl-go/pawl/workflow"
)

// notes is a journal in memory. A scheduler has one in its database.
type notes struct {
	mu sync.Mutex
	cs []workflow.Checkpoint
}

func (n *notes) Checkpoints(context.Context) ([]workflow.Checkpoint, error) { return n.cs, nil }

func (n *notes) Record(_ context.Context, cs ...workflow.Checkpoint) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, c := range cs {
		c.Seq, c.At = int64(len(n.cs)+1), time.Now()
		n.cs = append(n.cs, c)
	}
	return nil
}

func (n *notes) Suspending() <-chan struct{} { return nil }
func (n *notes) Suspend() error              { return errors.New("suspended") }
func (n *notes) Permanent(err error) error   { return err }

// importer reads a file two lines at a time. Its cursor is where it is in the file.
type importer struct {
	file  io.ReadSeeker
	fails bool // the next step does
}

func (i *importer) step(ctx context.Context, _ *workflow.Resources, offset int64) (int64, bool, error) {
	if _, err := i.file.Seek(offset, io.SeekStart); err != nil {
		return offset, false, err
	}
	if i.fails = !i.fails; !i.fails {
		return offset, false, errors.New("the network is gone")
	}
	sum, _, err := workflow.Value[int](ctx, "sum")
	r := bufio.NewReader(i.file)
	for range 2 {
		line, end := r.ReadString('\n')
		if end != nil {
			return offset, true, err
		}
		var n int
		fmt.Sscan(line, &n)
		sum += n
		offset += int64(len(line))
	}
	fmt.Println("sum", sum, "at byte", offset)
	return offset, false, errors.Join(err, workflow.Put(ctx, "sum", sum))
}

// A large file is imported in steps. Each run here ends after one, and the next goes on
// from there, as the next process would.
func ExampleSteps() {
	i := &importer{file: strings.NewReader("10\n20\n30\n40\n50\n60\n")}
	w := workflow.New[State]()
	w.Register("import", workflow.Steps[State]("imported", i.step), workflow.WithoutRetry())
	w.Exit("imported")

	ctx := workflow.WithJournal(context.Background(), &notes{})
	for range 4 {
		final, err := w.Run(ctx, "import")
		fmt.Println(final, err)
	}
	// Output:
	// sum 30 at byte 6
	// import state import: the network is gone
	// sum 100 at byte 12
	// import state import: the network is gone
	// sum 210 at byte 18
	// import state import: the network is gone
	// imported <nil>
}
