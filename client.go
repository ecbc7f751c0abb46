package pawl

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/pawl-go/pawl/engine"
	"github.com/pawl-go/pawl/store"
)

// Client reads a database and posts to its inbox, from any process, without
// owning, migrating or locking it. It is safe for use from any goroutine.
type Client struct {
	reader   *store.Reader
	database string
}

// Owner is the process that drives a database.
type Owner struct {
	PID     int       `json:"pid"`
	Host    string    `json:"host"`
	Since   time.Time `json:"since"`
	Version string    `json:"version,omitempty"` // of Pawl in it
}

// Open opens a database that a Scheduler made. Errors: a file that is missing,
// [ErrForeignDatabase], [ErrSchemaTooNew], a schema that this version has to
// bring up to date first.
func Open(database string) (*Client, error) {
	ctx := context.Background()
	reader, err := store.OpenReader(ctx, database)
	if err != nil {
		return nil, fmt.Errorf("open: %w", err)
	}
	id, err := reader.Database(ctx)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("open: %w", err), reader.Close())
	}
	return &Client{reader: reader, database: id}, nil
}

// Close closes the client's connections.
func (c *Client) Close() error { return c.reader.Close() }

// Database is the id that the database got when it was made.
func (c *Client) Database() string { return c.database }

// Owner tells who drives the database now. False: nobody does.
func (c *Client) Owner(context.Context) (Owner, bool, error) {
	o, ok, err := c.reader.Holder()
	return Owner{PID: o.PID, Host: o.Host, Since: o.StartedAt, Version: o.Version}, ok, err
}

// Status reads a flow. False: there is no such flow.
func (c *Client) Status(ctx context.Context, id string) (FlowInfo, bool, error) {
	return c.reader.Flow(ctx, id)
}

// List reads every flow in the order of registration; flows that are not
// registered any more come last.
func (c *Client) List(ctx context.Context) ([]FlowInfo, error) { return c.reader.Flows(ctx) }

// Runs reads runs, newest first.
func (c *Client) Runs(ctx context.Context, q RunsQuery) ([]RunInfo, error) {
	return c.reader.Runs(ctx, q)
}

// Trigger asks the owner of the database to start a run now and returns its
// number when that is committed. Errors as of [Runner.Trigger], and
// [ErrNoOwner]. After the end of ctx, or of the owner, the command stays in the
// inbox and may still take effect.
func (c *Client) Trigger(ctx context.Context, id string, _ ...TriggerOption) (run int64, err error) {
	result, err := c.ask(ctx, "trigger", id)
	if err != nil {
		return 0, fmt.Errorf("trigger: %w", err)
	}
	return strconv.ParseInt(result, 10, 64)
}

// Reset asks the owner of the database to clear streak, backoff window and trip
// of a flow, and returns when that is committed. Errors as of [Client.Trigger].
func (c *Client) Reset(ctx context.Context, id string) error {
	if _, err := c.ask(ctx, "reset", id); err != nil {
		return fmt.Errorf("reset: %w", err)
	}
	return nil
}

// Post leaves a command, trigger or reset, in the inbox and returns the id of
// its row in pawl_commands, without waiting for an answer. With no owner the row
// waits for the next start.
func (c *Client) Post(ctx context.Context, command, id string) (int64, error) {
	host, _ := os.Hostname()
	by := fmt.Sprintf("pid %d on %s", os.Getpid(), host)
	return c.reader.Post(ctx, engine.Command{Verb: command, Flow: id}, by, time.Now())
}

// WaitRun waits until a run is over and returns it. Errors: [ErrFlowNotFound],
// [ErrRunNotFound], that of ctx; [ErrNoOwner] when nobody is left to end the run.
func (c *Client) WaitRun(ctx context.Context, id string, run int64) (info RunInfo, err error) {
	err = c.until(ctx, func() (bool, error) {
		var ok bool
		if info, ok, err = c.reader.Run(ctx, id, run); err != nil {
			return false, err
		}
		if !ok {
			return false, c.notFound(ctx, id, run)
		}
		return info.Status != RunRunning, nil
	})
	if err != nil {
		return RunInfo{}, fmt.Errorf("wait: %w", err)
	}
	return info, nil
}

func (c *Client) notFound(ctx context.Context, id string, run int64) error {
	if _, ok, err := c.reader.Flow(ctx, id); err != nil || !ok {
		return errors.Join(err, fmt.Errorf("%w: %q", ErrFlowNotFound, id))
	}
	return fmt.Errorf("%w: run %d of flow %q", ErrRunNotFound, run, id)
}

// ask posts a command and waits for the answer on its row.
func (c *Client) ask(ctx context.Context, command, id string) (string, error) {
	if _, ok, err := c.Owner(ctx); err != nil || !ok {
		return "", errors.Join(err, ErrNoOwner)
	}
	row, err := c.Post(ctx, command, id)
	if err != nil {
		return "", err
	}
	var answer engine.Answer
	err = c.until(ctx, func() (ok bool, err error) {
		answer, ok, err = c.reader.Answer(ctx, row)
		return ok, err
	})
	if err != nil {
		return "", fmt.Errorf("command %d waits in the inbox: %w", row, err)
	}
	if answer.Error != "" {
		return "", meant(answer.Error)
	}
	return answer.Result, nil
}

// ownerPause is how often a wait makes sure that there is an owner to wait for.
const ownerPause = time.Second

// until waits for what only an owner can bring about.
func (c *Client) until(ctx context.Context, done func() (bool, error)) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	watch := make(chan struct{})
	go func() {
		defer close(watch)
		tick := time.NewTicker(ownerPause)
		defer tick.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
			}
			if _, ok, err := c.Owner(ctx); err == nil && !ok {
				cancel(ErrNoOwner)
				return
			}
		}
	}()
	err := c.reader.Until(ctx, done)
	gone := errors.Is(context.Cause(ctx), ErrNoOwner)
	cancel(nil)
	<-watch
	if err != nil && gone {
		if ok, err := done(); ok || err != nil { // it may have been the owner's last word
			return err
		}
		return ErrNoOwner
	}
	return err
}

// meant is an answer on a row as the error that it was.
func meant(text string) error {
	for _, known := range []error{
		ErrFlowNotFound, ErrAlreadyRunning, ErrTripped, ErrStopped, ErrQueueFull,
	} {
		if rest, ok := strings.CutPrefix(text, known.Error()); ok {
			return fmt.Errorf("%w%s", known, rest)
		}
	}
	return errors.New(text)
}
