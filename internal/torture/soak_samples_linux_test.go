package torture_test

import (
	"bytes"
	"context"
	"os"
	"runtime"
	"slices"
	"strconv"
	"time"

	"github.com/pawl-go/pawl/internal/harness"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// sample is what a soak costs at an instant.
type sample struct {
	at                time.Duration // since the beginning
	heap, resident    float64       // bytes, the heap after a collection
	goroutines, files float64
	database, log     float64 // bytes of the file and of its log
	inbox             float64 // bytes of the file that are commands, about
	jobs              float64 // so far
}

// sample takes one. What cannot be told while the file is away is as it was.
func (s *soak) sample(context.Context) {
	var last sample
	if len(s.samples) > 0 {
		last = s.samples[len(s.samples)-1]
	}
	s.samples = append(s.samples, sample{
		at: time.Since(s.began), heap: float64(harness.HeapBytes()), resident: s.resident(), goroutines: float64(runtime.NumGoroutine()),
		files: s.openFiles(), database: sizeOf(s.db, last.database), log: sizeOf(s.db+"-wal", last.log), inbox: 100 * float64(s.posted.Load()), jobs: float64(s.total.Load()),
	})
}

// resident is how much memory the process has.
func (s *soak) resident() float64 {
	text, err := os.ReadFile("/proc/self/statm")
	require.NoError(s.t, err)
	pages, err := strconv.Atoi(string(bytes.Fields(text)[1]))
	require.NoError(s.t, err)
	return float64(pages * os.Getpagesize())
}

// openFiles is how many descriptors the process has open.
func (s *soak) openFiles() float64 {
	folder, err := os.ReadDir("/proc/self/fd")
	require.NoError(s.t, err)
	return float64(len(folder))
}

func sizeOf(path string, unknown float64) float64 {
	info, err := os.Stat(path)
	if err != nil {
		return unknown
	}
	return float64(info.Size())
}

// requireFlat compares the second half of the soak with the second quarter: the first is
// for warming up. Commands stay in the inbox for 90 days, whatever a flow keeps.
func (s *soak) requireFlat() {
	n := len(s.samples)
	before, after := s.samples[n/4:n/2], s.samples[n/2:]
	for _, what := range []struct {
		name  string
		of    func(sample) float64
		slack float64
	}{
		{"heap", func(p sample) float64 { return p.heap }, 2 << 20},
		{"resident memory", func(p sample) float64 { return p.resident }, 16 << 20},
		{"goroutines", func(p sample) float64 { return p.goroutines }, 8},
		{"open files", func(p sample) float64 { return p.files }, 8},
		{"the file without its inbox", func(p sample) float64 { return p.database - p.inbox }, 1 << 20},
		{"the log of the database", func(p sample) float64 { return p.log }, 4 << 20},
	} {
		was, is := median(before, what.of), median(after, what.of)
		s.t.Logf("%s: %.0f, then %.0f", what.name, was, is)
		assert.LessOrEqual(s.t, is, 1.1*was+what.slack, what.name)
	}
}

func median(samples []sample, of func(sample) float64) float64 {
	var values []float64
	for _, p := range samples {
		values = append(values, of(p))
	}
	slices.Sort(values)
	return values[len(values)/2]
}
