package core

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"github.com/pawl-go/pawl/internal/wording"
)

// Overlap says what happens to a start that is asked for while runs of the flow
// are in flight: how many may be, and how many starts wait in order. The zero
// value is [OverlapSkip].
type Overlap struct {
	Parallel int  // runs in flight at once; 0: one
	Buffer   int  // starts that wait, at most
	Cancel   bool // a start cancels what is in flight and waits for its end
}

// The policies without a number.
var (
	OverlapSkip      = Overlap{}                        // a start is refused, a tick is skipped
	OverlapBufferOne = Overlap{Buffer: 1}               // the first start waits, others are refused
	OverlapCancel    = Overlap{Buffer: 1, Cancel: true} // the run in flight is cancelled; the start waits for its end
)

// OverlapBuffer lets up to n starts wait, and runs them in order, one after another.
func OverlapBuffer(n int) Overlap { return Overlap{Buffer: n} }

// OverlapAllow runs up to n at once, and lets up to waiting further starts wait.
func OverlapAllow(n, waiting int) Overlap { return Overlap{Parallel: n, Buffer: waiting} }

// limit is how many runs may be in flight.
func (o Overlap) limit() int { return max(o.Parallel, 1) }

// allows says whether the policy is one of OverlapAllow.
func (o Overlap) allows() bool {
	return !o.Cancel && (o.Parallel > 1 || o.Parallel == 1 && o.Buffer == 0)
}

// String is the policy in a few words.
func (o Overlap) String() string {
	switch {
	case o.Cancel:
		return "cancel"
	case o.allows():
		return fmt.Sprintf("allow %d, buffer %d", o.Parallel, o.Buffer)
	case o.Buffer > 0:
		return fmt.Sprintf("buffer %d", o.Buffer)
	}
	return "skip"
}

// Validate returns an [ErrInvalidFlow] that names what makes no sense.
func (o Overlap) Validate() error {
	switch {
	case o.Parallel < 0 || o.Parallel > maxParallel:
		return invalidFlow("%s(%d, ...): want 1 to %d runs at once", wording.OverlapAllow, o.Parallel, maxParallel)
	case o.Buffer < 0:
		return invalidFlow("a buffer of %d starts: want 0 or more", o.Buffer)
	case o.Cancel && (o.Parallel > 1 || o.Buffer != 1):
		return invalidFlow("%s runs one at a time", wording.OverlapCancel)
	}
	return nil
}

// maxParallel bounds what a flow holds in memory.
const maxParallel = 10_000

// ParseOverlap reads what String writes: "skip", "cancel", "buffer 10", or
// "allow 5, buffer 100".
func ParseOverlap(text string) (o Overlap, err error) {
	switch text = strings.TrimSpace(text); text {
	case "skip":
		return OverlapSkip, nil
	case "cancel":
		return OverlapCancel, nil
	case "buffer one":
		return OverlapBufferOne, nil
	}
	parts := overlapNumbers.FindStringSubmatch(text)
	if parts == nil {
		return o, invalidFlow("overlap %q: want skip, cancel, buffer 10, or allow 5, buffer 100", text)
	}
	for i, n := range []*int{&o.Parallel, &o.Buffer, &o.Buffer} {
		if digits := parts[i+1]; digits != "" {
			if *n, err = strconv.Atoi(digits); err != nil {
				return Overlap{}, invalidFlow("overlap %q: the number is too large", text)
			}
		}
	}
	return o, o.Validate()
}

var overlapNumbers = regexp.MustCompile(`^(?:allow (\d+)(?:, buffer (\d+))?|buffer (\d+))$`)
