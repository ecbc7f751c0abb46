package engine

import (
	"runtime"
	"testing"
	"weak"

	"github.com/pawl-go/pawl/engine/core"
	"github.com/stretchr/testify/assert"
)

// Whoever keeps the context of a job that has returned keeps nothing of the runs after it,
// however they overlap.
func TestJobThatIsKeptKeepsNoOther(t *testing.T) {
	const runs = 100
	var f flow
	var kept, last *execution
	var all []weak.Pointer[execution]
	for range runs {
		x := &execution{input: core.JSON(make([]byte, 1000))}
		f.enter(x)
		if last != nil {
			f.exit(last)
		}
		if kept == nil {
			kept = x
		}
		last = x
		all = append(all, weak.Make(x))
	}
	f.exit(last)
	last = nil
	assert.Nil(t, f.working)
	runtime.GC()
	alive := 0
	for _, w := range all {
		if w.Value() != nil {
			alive++
		}
	}
	assert.Equal(t, 1, alive)
	runtime.KeepAlive(kept)
}
