package engine

import (
	"context"
	"fmt"
	"time"

	"github.com/pawl-go/pawl/engine/core"
	"github.com/pawl-go/pawl/internal/permanent"
)

// Store keeps what the engine decides. One engine at a time drives a store.
type Store interface {
	// Load reads all that a start needs.
	Load(ctx context.Context) (Snapshot, error)

	// Commit writes a batch in one transaction; all of it is durable when
	// Commit returns nil. It returns a [Rejected] when the database turned
	// down one of the changes, in which case nothing was written. After any
	// other error the outcome is unknown: nothing is visible, but a crash may
	// yet bring the batch to light. The memory of a batch is used again, so
	// nothing of it may be kept.
	Commit(ctx context.Context, b Batch) error

	// Checkpoint does what a store has to do from time to time so that Commit
	// stays fast. It is called after each commit, when everybody is answered;
	// busy says that others wait already.
	Checkpoint(busy bool) error

	// Tend does what a store has to do now and then, whether anybody commits or not, and
	// returns what became of its write-ahead log. It does not wait for others.
	Tend() (WAL, error)

	// Reload reads one flow again, with the counters, after a rejection or a failure;
	// the zero State if it is not there.
	Reload(ctx context.Context, flow int64) (core.State, Counters, error)

	// Waiting reads the first runs of a flow that wait, in their order; of a
	// backfill apart. Large inputs may be left out.
	Waiting(ctx context.Context, flow int64, n, fill int) (queue, backfill []*core.Run, err error)

	// Aside reads the runs of a flow that are parked, by when they wake, or blocked, by
	// since when they are. Large inputs may be left out.
	Aside(ctx context.Context, flow int64) ([]*core.Run, error)

	// WaitingRun reads a run that waits; false: it does not.
	WaitingRun(ctx context.Context, flow, number int64) (core.Run, bool, error)

	// Input reads the input of the run with a key.
	Input(ctx context.Context, key int64) (core.JSON, error)

	// Checkpoints reads those of the run with a key, in order.
	Checkpoints(ctx context.Context, key int64) ([]core.CheckpointData, error)

	// RunKey reads what an idempotency key of a flow stands for; nil: nothing.
	RunKey(ctx context.Context, flow int64, key string) (*core.RunKey, error)

	// Keyed is which flows have idempotency keys, by their keys.
	Keyed(ctx context.Context) (map[int64]bool, error)

	// Ran has those of the instants in from..to, in milliseconds, that have a run; true:
	// one that a backfill asked for. It walks back from the newest run, and from that of
	// before, if there is one, until runs were started before from and none is left that
	// is in no order of time.
	Ran(ctx context.Context, flow int64, before *core.Reached, from, to time.Time) (map[int64]bool, error)

	// Prune deletes a slice of what the cuts say, in one transaction, and returns
	// what came of each. It reads and writes about so many rows, writes nothing if
	// there is nothing to delete, and does not wait for others who write.
	Prune(ctx context.Context, cuts []core.Cut, rows int) ([]core.Pruned, error)

	// Tidy deletes a slice of what belongs to no flow and ended before an instant,
	// and gives back a part of the space that is free. It says whether there is more.
	Tidy(ctx context.Context, before time.Time) (more bool, err error)

	// Forget deletes a flow with its history, and writes the answer to who asked for
	// it, if there is one, in the same transaction.
	Forget(ctx context.Context, flow int64, answer *Answer) error

	// Passive is why nothing runs until the store is claimed; empty: it does. It
	// is asked after a commit with a claim has failed.
	Passive(ctx context.Context) (string, error)

	// Farewell keeps beside the store what a stop cannot commit to it, as far as
	// there is room. The next Load returns it.
	Farewell(f Farewell) error

	// Inbox reads commands that nobody has answered, oldest first. It returns
	// nothing, cheaply, when nobody else wrote since the last call, unless
	// again asks for what is still waiting.
	Inbox(ctx context.Context, again bool) ([]Command, error)
}

// Counters are the highest keys that were given away.
type Counters struct {
	Flow int64 // keys of flows
	Run  int64 // keys of runs
	Seq  int64 // of transitions
}

// Snapshot is the content of a store at the start of an engine.
type Snapshot struct {
	Database   string // id of the database
	Generation int64  // starts so far
	Counters
	Flows      []*core.State
	Pruned     map[int64]int64     // the highest run that was deleted, of flows with such, by their keys
	LastAt     time.Time           // of the newest transition that the clock is compared with
	AgesWait   time.Duration       // as the last owner left it
	Previous   *Owner              // the owner before this one; nil: there was none
	Waiting    []Command           // commands that nobody has answered
	Marks      map[int64]core.Mark // of runs in flight that have checkpoints, by their keys
	Ends       []End               // of runs in flight, that the store did not take any more
	Violations []string            // what contradicts itself in the store, as far as a start looks
	Doubt      string              // why the store is taken for a copy or a backup; empty: it is not
}

// Batch is what one transaction holds, in order.
type Batch struct {
	Changes []core.Change
	Answers []Answer
	Owner   *Owner // the owner's own row, if it is new or changes
	Late    []Late // what jobs returned whose runs were closed before

	// Join is done in the transaction, before the rest; nil: nothing. The store
	// knows its type. It may be done again after a failure of the store. If it
	// fails itself, Commit writes nothing and returns a [JoinFailed].
	Join        any
	JoinTimeout time.Duration
}

// empty says whether there is nothing to write.
func (b *Batch) empty() bool {
	return len(b.Changes) == 0 && len(b.Answers) == 0 && len(b.Late) == 0 && b.Owner == nil
}

// Late is what a job returned whose run was closed before.
type Late struct {
	Flow       string // id
	Run        int64
	At         time.Time
	Error      string
	Generation int64 // of the owner
}

// JoinFailed is what [Store.Commit] returns when work that joined it failed.
type JoinFailed struct{ Err error }

func (j *JoinFailed) Error() string { return j.Err.Error() }

func (j *JoinFailed) Unwrap() error { return j.Err }

// outcome is what becomes of a command whose work could not be committed with it: a
// success is a failure, a checkpoint is refused.
func (j *JoinFailed) outcome(c command) command {
	o, ok := c.event.(core.Outcome)
	if !ok {
		c.refused, c.join = j, nil
		return c
	}
	o.Permanent, o.ExitCode = permanent.Is(j.Err), 0
	o.Error = core.Clip("committing: "+j.Err.Error(), core.MaxRunError)
	c.event, c.join = o, nil
	return c
}

// Owner is one start of a process that drives a database.
type Owner struct {
	Host       string
	PID        int
	BootID     string      // of the machine; empty where there is none
	Version    string      // of Pawl in the program
	Limits     core.Limits // on the runs in flight
	Program    string      // name of its executable; empty: an older version of Pawl did not store it
	Generation int64       // starts of this database, this one included
	StartedAt  time.Time
	StoppingAt time.Time // when it began to drain
	StoppedAt  time.Time
	Passive    string        // why it runs nothing until the store is claimed; empty: it does
	ClockSeq   int64         // the newest transition that the clock is not compared with, since somebody accepted that it is behind; 0: as before
	AgesWait   time.Duration // of running until history is deleted for its age again; 0: it is
	Isolates   bool          // at most half of the suspects run at a time; see judge
	OOMKills   int64         // processes of its control group that the system killed for lack of memory, so far; -1: not known
	Degraded   string        // why its store takes no writes now; empty: it does; told beside the store
}

// Farewell is what an owner that stopped could not commit.
type Farewell struct {
	Generation int64 // of the owner
	StoppingAt time.Time
	Ends       []End
}

// End is how a run ended.
type End struct {
	Flow      string // id of the flow
	Run       int64
	Error     string         // empty: it succeeded
	As        core.RunStatus // as of an [core.Outcome], and so are those below; RunCancelled: the stop cut it short
	Permanent bool
	ExitCode  int
	Output    core.JSON
	Ended     int64 // when its job returned, in milliseconds; 0: not known
}

// Command is a row of the inbox.
type Command struct {
	ID   int64
	Verb string // trigger, reset, pause, ...
	Flow string // id of the flow
	Args string // JSON; empty: none
	By   string // who asks
	Why  string

	TooLong string // which of these was not read, since it is too long; empty: none
}

// Answer is what became of a command.
type Answer struct {
	ID     int64
	At     time.Time
	Result string // the run's number for a trigger, "done" for the others
	Error  string
	Code   string  // for programs, which error it is; empty: none that has a code
	Rest   *string // what stays of the row's args, since a run has the rest; nil: all
}

// Rejected is what a [Store] returns when the database turned down one change, or
// one answer, of a batch: a version that does not follow, a constraint. Nothing of
// the batch was committed, and the store itself is well.
type Rejected struct {
	Flow    int64 // key of the flow, if it was a change
	Command int64 // id of the command, if it was an answer
	Err     error
}

func (r *Rejected) Error() string {
	return fmt.Sprintf("the database rejected a transition: %v", r.Err)
}

func (r *Rejected) Unwrap() error { return r.Err }
