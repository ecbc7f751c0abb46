package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"runtime"
	"time"

	"github.com/pawl-go/pawl/engine"
)

// A Check is one thing that was looked at.
type Check struct {
	Name   string   `json:"check"`
	Detail string   `json:"detail"`          // what is so
	Found  []string `json:"found,omitempty"` // what is wrong; nothing: all is well
	Help   string   `json:"help,omitempty"`  // what to do about it
}

// Examine looks at all that can be wrong with a database and its surroundings. It
// changes nothing, and an owner may be at work. A check that cannot be made has
// found why; the only error is that of ctx.
func (r *Reader) Examine(ctx context.Context, now time.Time) ([]Check, error) {
	var checks []Check
	for _, examine := range []func(context.Context, time.Time) (Check, error){
		r.checkSchema, r.checkContent, r.checkFiles, r.checkWritable, r.checkOwner, r.checkInbox, r.checkOrigin, r.checkClock,
	} {
		c, err := examine(ctx, now)
		if err != nil {
			c.Detail, c.Found = "cannot be told", append(c.Found, explain(r.path, err).Error())
		}
		checks = append(checks, c)
	}
	return checks, ctx.Err()
}

func (r *Reader) checkContent(ctx context.Context, _ time.Time) (c Check, err error) {
	c.Name = "content"
	if c.Found, err = r.Verify(ctx); err != nil || len(c.Found) > 0 {
		c.Detail = "not what the transitions make of it, or damaged"
		c.Help = "restore a backup, or mend by hand what was edited by hand while no daemon runs; pawl verify says when all is well"
		return c, err
	}
	counters, err := r.counters(ctx)
	c.Detail = fmt.Sprintf("pages are sound; the flows are what %d transitions make of them", counters.Seq)
	return c, err
}

func (r *Reader) checkFiles(context.Context, time.Time) (c Check, err error) {
	c = Check{Name: "files", Detail: "nobody else can read or write them"}
	if runtime.GOOS == "windows" {
		c.Detail = "who can read them is not told by their mode here"
		return c, nil
	}
	for _, name := range []string{r.path, r.path + "-wal", r.path + "-shm", lockPath(r.path)} {
		info, err := os.Stat(name)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return c, err
		}
		if mode := info.Mode().Perm(); mode&0o077 != 0 {
			c.Found = append(c.Found, fmt.Sprintf("%s has mode %#o: others can read the errors and outputs in it, or give commands", name, mode))
			c.Help = "chmod 600 each of them"
		}
	}
	if len(c.Found) > 0 {
		c.Detail = "open to others"
	}
	return c, nil
}

// checkWritable writes something and takes it back: a mere BEGIN succeeds on a
// read-only file.
func (r *Reader) checkWritable(ctx context.Context, _ time.Time) (Check, error) {
	c := Check{Name: "writable", Detail: "takes transactions"}
	db, err := connect(r.path, "_busy_timeout=500&_txlock=immediate", 1)
	if err != nil {
		return c, err
	}
	defer db.Close()
	tx, err := db.BeginTx(ctx, nil)
	if err == nil {
		_, err = tx.ExecContext(ctx, `UPDATE pawl_database SET generation = generation`)
		err = errors.Join(err, tx.Rollback())
	}
	if err == nil {
		return c, nil
	}
	c.Detail, c.Found, c.Help = "takes no transaction", []string{err.Error()}, "end the program that locks it, or see to the permissions and the space of its disk"
	return c, nil
}

func (r *Reader) checkOwner(ctx context.Context, now time.Time) (c Check, err error) {
	c.Name = "owner"
	owner, owned, err := r.Holder()
	if err != nil {
		return c, err
	}
	last, err := r.newestOwner(ctx)
	switch {
	case err != nil:
	case owned:
		c.Detail = fmt.Sprintf("process %d on %s since %s", owner.PID, owner.Host, iso(owner.StartedAt))
		if owner.Degraded != "" {
			c.Found = []string{"degraded: " + owner.Degraded}
			c.Help = "it runs nothing until that is mended, and then goes on by itself"
		}
	case last == nil:
		c.Detail = "none so far"
	case last.StoppedAt.IsZero():
		c.Detail = fmt.Sprintf("none; process %d on %s of %s did not end in order; the next start settles its runs", last.PID, last.Host, iso(last.StartedAt))
	default:
		c.Detail = "none since " + iso(last.StoppedAt)
	}
	return c, err
}

// patience is how long an owner that is well may take to answer a command.
const patience = 10 * time.Second

// checkInbox notices an owner that answers nobody: it is stopped, or cannot write.
func (r *Reader) checkInbox(ctx context.Context, now time.Time) (c Check, err error) {
	c = Check{Name: "inbox", Detail: "every command is answered"}
	var waiting int
	const query = `SELECT count(*) FROM pawl_commands WHERE handled_at IS NULL AND created_at < ?`
	if err := r.db.GetContext(ctx, &waiting, query, iso(now.Add(-patience))); err != nil || waiting == 0 {
		return c, err
	}
	_, owned, err := r.Holder()
	c.Detail = fmt.Sprintf("%d commands wait for the next start", waiting)
	if owned {
		c.Detail = "the owner does not answer"
		c.Found = []string{fmt.Sprintf("%d commands wait for more than %s", waiting, patience)}
		c.Help = "see its log; it may be stopped, or unable to write"
	}
	return c, err
}

func (r *Reader) checkOrigin(ctx context.Context, now time.Time) (c Check, err error) {
	c = Check{Name: "origin", Detail: "the one that its last owner left here"}
	doubt, err := r.Doubt(ctx)
	if doubt != "" {
		c.Detail, c.Found = "a copy or a backup", []string{doubt}
		c.Help = "if the original runs no more, and this is to run instead: pawl claim"
	}
	return c, err
}

// clockSlack is how far ahead a transition may be that another clock gave its time.
const clockSlack = time.Second

func (r *Reader) checkClock(ctx context.Context, now time.Time) (c Check, err error) {
	c = Check{Name: "clock", Detail: "after the newest transition"}
	var newest sql.NullInt64
	if err := r.db.GetContext(ctx, &newest, `SELECT max(at) FROM pawl_transition_log`); err != nil {
		return c, err
	}
	at := instant(newest.Int64)
	if !newest.Valid {
		c.Detail = "no transition to compare it with"
	} else if ahead := at.Sub(now); ahead > clockSlack {
		c.Detail = "behind the database"
		c.Found = []string{fmt.Sprintf("the newest transition, at %s, is %s in the future", iso(at), ahead.Round(time.Second))}
		c.Help = fmt.Sprintf("set the clock; at a start it is taken for right, and a jump of %s or more re-plans every flow", engine.CorrectionJump)
	}
	return c, nil
}
