package term

import (
	"bufio"
	"errors"
	"fmt"
	"os"
)

// Stdout is what verbs print to. It keeps the first error of a write until the end.
var Stdout = bufio.NewWriter(sink{os.Stdout})

// ErrOutput is an answer that could not be printed: the disk behind it is full.
var ErrOutput = errors.New("the output is incomplete")

// A sink is a file whose errors are an errOutput, so that they are told from those of
// what a verb reads.
type sink struct{ file *os.File }

// Write writes to the file.
func (s sink) Write(p []byte) (int, error) {
	n, err := s.file.Write(p)
	if err != nil {
		err = fmt.Errorf("%w: %w", ErrOutput, err)
	}
	return n, err
}
