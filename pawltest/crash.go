package pawltest

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"testing"

	"github.com/pawl-go/pawl"
	"github.com/pawl-go/pawl/internal/hook"
)

// CrashEverywhere finds out whether flows stand a crash at any moment. It runs a
// scheduler on a new database and kills it right before its first commit; then starts
// another one on what is left, as the next process would, lets it finish, and calls
// check. It does the same with a kill right after the first commit, before and after the
// second, and so on, until a run passes without a kill, which is checked too. How
// many commits there are it finds out by itself, those of the start and of the stop
// included.
//
// Setup builds the scheduler of a process, and is called for each. Drive is what the
// program does with it, up to when there is nothing more to do: it is called after each
// start, so it has to bear that it was called before, and it should wait for what it
// started. Its context ends with the kill, and what it returns then does not matter; else
// an error fails the test. When it returns, the scheduler is stopped in an orderly way.
// Check says what must be so then. The first kill after which the test fails is the
// last, and is named in the test's log.
//
// A kill ends the engine at once: nothing more reaches the database, callers get
// [pawl.ErrStopped], and the next start finds the runs in flight. Goroutines cannot be
// killed, though: the jobs of the dead engine get their contexts cancelled, are waited
// for, and what they return goes nowhere. So a job must heed its context; one that
// does not return within 10 seconds fails the test. Its resources are torn down, and its
// observers told the rest, which a kill would not do.
//
// It takes some 50 ms per commit, most of it for opening databases. Within a bubble of
// testing/synctest it works too, and waits between attempts take no time.
func CrashEverywhere(t testing.TB, setup func(database string) *pawl.Scheduler,
	drive func(ctx context.Context, r *pawl.Runner) error, check func(t testing.TB, database string)) {
	t.Helper()
	c := campaign{t, setup, drive, check}
	folder := t.TempDir()
	for n := 0; ; n++ {
		k := kill{commit: n/2 + 1, after: n%2 == 1}
		if killed := c.crash(filepath.Join(folder, fmt.Sprint(n, ".db")), k); !killed || t.Failed() {
			return
		}
	}
}

// campaign is what a crash is tried on.
type campaign struct {
	t     testing.TB
	setup func(database string) *pawl.Scheduler
	drive func(ctx context.Context, r *pawl.Runner) error
	check func(t testing.TB, database string)
}

// crash kills one process, lets the next one finish, and checks what came of it. False:
// it came to no kill.
func (c campaign) crash(database string, k kill) (killed bool) {
	c.t.Helper()
	when := "in a run without a kill"
	defer func() { // also when the check ends the test
		if c.t.Failed() {
			c.t.Logf("pawltest: this was %s", when)
		}
	}()
	m := newMortal(k)
	err := c.live(database, m)
	if killed = m.isDead(); killed {
		when = fmt.Sprintf("with a kill %s (%s)", k, m.last)
		if err := m.awaitJobs(); err != nil {
			c.t.Fatalf("pawltest: %v", err)
		}
		err = c.live(database, newMortal(never))
	}
	if err != nil {
		c.t.Fatalf("pawltest: %v", err)
	}
	c.check(c.t, database)
	return killed
}

// live is the life of a process, up to its end or its death.
func (c campaign) live(database string, m *mortal) error {
	ctx, cancel := context.WithCancelCause(c.t.Context())
	defer cancel(nil)
	m.die = func() { cancel(errDead) }
	s := c.setup(database)
	if s == nil {
		return errors.New("setup returned no scheduler")
	}
	r, err := s.Start(hook.With(context.WithoutCancel(ctx), hook.Hooks{Store: m.stand, Job: m.run}))
	if err != nil {
		return err
	}
	if err = c.drive(ctx, r); err != nil {
		err = fmt.Errorf("drive: %w", err)
	}
	return errors.Join(err, r.Stop(context.Background()))
}
