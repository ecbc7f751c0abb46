package pawl_test

import (
	"fmt"
	"path/filepath"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/pawl-go/pawl"
)

// Runs that share a limit start in the order in which they were asked for, also those
// of one millisecond, of one commit, and of flows that have several in flight. time Q5.
func TestStartsOfOneMomentAreFair(t *testing.T) {
	dir, n := t.TempDir(), 0
	rapid.Check(t, func(rt *rapid.T) {
		most := rapid.IntRange(1, 4).Draw(rt, "limit")
		takes := rapid.SliceOfN(rapid.IntRange(1, 3), 2, 5).Draw(rt, "seconds, by flow")
		bursts := rapid.SliceOfN(rapid.SliceOfN(rapid.IntRange(0, len(takes)-1), 1, 8), 1, 8).Draw(rt, "bursts")
		n++
		db := filepath.Join(dir, fmt.Sprint(n, ".db"))
		synctest.Test(t, func(t *testing.T) {
			s := quiet(db, pawl.WithMaxRunning(most))
			for i, seconds := range takes {
				require.NoError(t, s.Manual(fmt.Sprint(i), job(sleeps(time.Duration(seconds)*time.Second)), pawl.WithOverlap(pawl.OverlapAllow(most, 100))))
			}
			r := start(t, s)
			for _, burst := range bursts {
				var asked sync.WaitGroup
				for _, id := range burst { // they share commits, with each other and with ends of runs
					asked.Go(func() { _, err := r.Trigger(t.Context(), fmt.Sprint(id)); assert.NoError(t, err) })
				}
				asked.Wait()
				time.Sleep(time.Second)
			}
			time.Sleep(10 * time.Minute)
			stop(t, r, db)
		})
		assert.Equal(rt, texts(t, db, `SELECT flow || ' ' || number FROM pawl_run_log ORDER BY key`),
			texts(t, db, `SELECT x.flow || ' ' || x.run_number FROM pawl_transition_log x JOIN pawl_words w ON w.kind = 'event' AND w.code = x.event
WHERE w.word = 'reserve' ORDER BY x.seq`))
	})
}
