package store

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"time"

	"github.com/pawl-go/pawl/engine/core"
	"github.com/pawl-go/pawl/engine/schedule"
)

// A Check is one thing that Examine checked.
type Check struct {
	Name   string   `json:"check"`
	Detail string   `json:"detail"`          // the result
	Found  []string `json:"found,omitempty"` // what is wrong; empty: nothing
	Help   string   `json:"help,omitempty"`  // what to do about it
}

// Examine checks all that can be wrong with a database, its files and its owner. It changes
// nothing, and an owner may be running. A check that fails itself has the reason in Found; the
// only error is that of ctx.
func (r *Reader) Examine(ctx context.Context, now func() time.Time) ([]Check, error) {
	d := doctor{r, now}
	var checks []Check
	for _, examine := range []func(context.Context) (Check, error){
		d.schema, d.content, d.files, d.wal, d.writable, d.owner, d.inbox, d.runs, d.origin, d.clock,
	} {
		c, err := examine(ctx)
		if err != nil {
			c.Detail, c.Found = "unknown", append(c.Found, explainRead(r.path, err).Error())
		}
		checks = append(checks, c)
	}
	return checks, ctx.Err()
}

// doctor examines a database; each method is one check.
type doctor struct {
	*Reader
	now func() time.Time
}

func (d doctor) content(ctx context.Context) (c Check, err error) {
	c.Name = "content"
	if c.Found, err = d.Verify(ctx); err != nil || len(c.Found) > 0 {
		c.Detail = "not what the transitions make of it, or damaged"
		c.Help = "restore a backup, or fix by hand what was edited by hand while no daemon runs; pawl verify says when all is well"
		return c, err
	}
	counters, err := d.counters(ctx)
	c.Detail = fmt.Sprintf("pages are sound; the flows are what %d transitions make of them", counters.Seq)
	return c, err
}

func (d doctor) files(context.Context) (c Check, err error) {
	c = Check{Name: "files", Detail: "nobody else can read or write them"}
	if runtime.GOOS == "windows" {
		c.Detail = "file modes do not say who can read them on this system"
		return c, nil
	}
	for _, name := range []string{d.path, d.path + "-wal", d.path + "-shm", lockPath(d.path)} {
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
	folder := filepath.Dir(d.path)
	info, err := os.Stat(folder)
	if err != nil {
		return c, err
	}
	if info.Mode().Perm()&0o002 != 0 && info.Mode()&fs.ModeSticky == 0 {
		c.Found = append(c.Found, fmt.Sprintf("the directory %s has mode %#o: anybody can put another file in the place of the database", folder, info.Mode().Perm()))
		c.Help = join(c.Help, "chmod o-w "+folder)
	}
	if len(c.Found) > 0 {
		c.Detail = "open to others"
	}
	return c, nil
}

// join puts two pieces of advice in one line.
func join(one, other string) string {
	if one == "" {
		return other
	}
	return one + "; " + other
}

func (d doctor) writable(ctx context.Context) (Check, error) {
	c := Check{Name: "writable", Detail: "takes transactions, and there is space"}
	for _, err := range []error{d.transact(ctx), space(filepath.Dir(d.path))} {
		if err != nil {
			c.Detail = "takes no transaction"
			c.Found = append(c.Found, remedy(d.path, err).Error())
			c.Help = "end the program that locks it, or see to the permissions and the space of its disk"
		}
	}
	return c, nil
}

// transact writes something and rolls it back: BEGIN alone succeeds on a read-only file.
func (r *Reader) transact(ctx context.Context) error {
	if r.db.frozen != nil {
		return writable(r.path)
	}
	db, err := connect(r.path, setupPragmas+"&_txlock=immediate", 1)
	if err != nil {
		return err
	}
	defer db.Close()
	tx, err := db.BeginTx(ctx, nil)
	if err == nil {
		_, err = tx.ExecContext(ctx, `UPDATE pawl_database SET generation = generation`)
		err = errors.Join(err, tx.Rollback())
	}
	return err
}

// spaceWanted is the size in the log of a transaction with many changes.
const spaceWanted = 64 << 10

// space returns an error if a folder takes no file of that size, as the log is one. A transaction
// that is rolled back in memory would not use the disk.
func space(folder string) error {
	file, err := os.CreateTemp(folder, ".pawl-doctor-*")
	if err != nil {
		return err
	}
	_, err = file.Write(make([]byte, spaceWanted))
	return errors.Join(err, file.Sync(), file.Close(), os.Remove(file.Name()))
}

func (d doctor) owner(ctx context.Context) (c Check, err error) {
	c.Name = "owner"
	if err := lockable(d.path); err != nil {
		return Check{Name: "owner", Detail: "none can start", Found: []string{err.Error()}}, nil
	}
	owner, owned, err := d.Holder()
	if err != nil {
		return c, err
	}
	last, err := d.newestOwner(ctx)
	switch {
	case err != nil:
	case owned:
		c.Detail = fmt.Sprintf("process %d on %s since %s", owner.PID, owner.Host, iso(owner.StartedAt))
		if owner.Degraded != "" {
			c.Found = []string{"degraded: " + owner.Degraded}
			c.Help = "it runs nothing until that is fixed, and then goes on by itself"
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

// patience is how long a healthy owner may take to answer a command.
const patience = 10 * time.Second

// inbox finds an owner that answers no commands: it is stopped, or cannot write.
func (d doctor) inbox(ctx context.Context) (c Check, err error) {
	c = Check{Name: "inbox", Detail: "every command is answered"}
	if err := d.refused(ctx, &c); err != nil {
		return c, err
	}
	var waiting int
	const query = `SELECT count(*) FROM pawl_commands WHERE handled_at IS NULL AND created_at < ?`
	if err := d.db.GetContext(ctx, &waiting, query, iso(d.now().Add(-patience))); err != nil || waiting == 0 {
		return c, err
	}
	_, owned, err := d.Holder()
	commands := fmt.Sprintf("%d commands wait", waiting)
	if waiting == 1 {
		commands = "1 command waits"
	}
	c.Detail = commands + " for the next start"
	if owned {
		c.Detail = "the owner does not answer"
		c.Found = append(c.Found, fmt.Sprintf("%s for more than %s", commands, patience))
		c.Help = join(c.Help, "see its log; it may be stopped, or unable to write")
	}
	return c, err
}

// refusedFor is how long the doctor names a committed request that was refused.
const refusedFor = 24 * time.Hour

// refused finds commands that were refused and whose answers nobody waits for.
func (d doctor) refused(ctx context.Context, c *Check) error {
	const query = `SELECT count(*), COALESCE(max(id), 0) FROM pawl_commands
WHERE error IS NOT NULL AND handled_at >= ? AND COALESCE(CASE WHEN json_valid(args) THEN json_extract(args, '$.waits') END, 0) <> 1`
	const newest = `SELECT CASE WHEN octet_length(command) < 200 THEN command ELSE '' END, CASE WHEN octet_length(flow_id) < 1024 THEN flow_id ELSE '' END, error
FROM pawl_commands WHERE id = ?`
	var count, id int64
	if err := d.db.QueryRowxContext(ctx, query, iso(d.now().Add(-refusedFor))).Scan(&count, &id); err != nil || count == 0 {
		return err
	}
	var verb, flow, refusal string
	if err := d.db.QueryRowxContext(ctx, newest, id).Scan(&verb, &flow, &refusal); err != nil {
		return err
	}
	requests := fmt.Sprintf("%d committed requests were", count)
	if count == 1 {
		requests = "1 committed request was"
	}
	c.Detail = "a committed request was refused"
	c.Found = append(c.Found, fmt.Sprintf("%s refused within a day; command %d, %s %s: %s", requests, id, verb, flow, refusal))
	c.Help = "ask again for what is still wanted; SELECT id, command, flow_id, error FROM pawl_commands WHERE error IS NOT NULL shows all of them"
	return nil
}

// runs finds flows with a run that has been blocked for long.
func (d doctor) runs(ctx context.Context) (c Check, err error) {
	c = Check{Name: "runs", Detail: "none is blocked"}
	flows, err := d.Flows(ctx)
	for _, f := range flows {
		if f.Blocked == 0 || d.now().Sub(f.BlockedSince) <= core.BlockedFor {
			continue
		}
		runs := "1 blocked run"
		if f.Blocked > 1 {
			runs = fmt.Sprintf("%d blocked runs", f.Blocked)
		}
		c.Detail = "some are blocked"
		c.Found = append(c.Found, fmt.Sprintf("flow %q has %s, the first since %s: no program that ran since knows its version", f.ID, runs, iso(f.BlockedSince)))
		c.Help = "start a program of the version that recorded them, which pawl history names; or pawl cancel FLOW RUN --force, which undoes nothing"
	}
	return c, err
}

func (d doctor) origin(ctx context.Context) (c Check, err error) {
	c = Check{Name: "origin", Detail: "the one that its last owner left here"}
	reason, err := d.SuspectedCopy(ctx)
	if reason != "" {
		c.Detail, c.Found = "a copy or a backup", []string{reason}
		c.Help = "if the original runs no more, and this is to run instead: pawl claim"
	}
	return c, err
}

// clockSlack is how far in the future a transition may be, because clocks differ.
const clockSlack = time.Second

func (d doctor) clock(ctx context.Context) (c Check, err error) {
	c = Check{Name: "clock", Detail: "after the newest transition"}
	at, err := d.lastAt(ctx)
	if err != nil {
		return c, err
	}
	now := d.now() // after the read: a busy owner goes on
	if at.IsZero() {
		c.Detail = "no transition to compare it with"
	} else if ahead := at.Sub(now); ahead > clockSlack {
		c.Detail = "behind the database"
		c.Found = []string{fmt.Sprintf("the newest transition, at %s, is %s in the future", iso(at), ahead.Round(time.Second))}
		c.Help = "set the clock"
		if ahead > schedule.CorrectionJump {
			c.Help = "set the clock; a daemon that starts with it lets occurrences wait, unless it is accepted as it is (pawl clock accept)"
		}
	}
	return c, nil
}
