//go:build !unix && !windows

package term

import "os"

// windowSize is not known here.
func windowSize(*os.File) (width, height int, ok bool) { return 0, 0, false }

// HasTerminal is not known here.
func HasTerminal() bool { return false }
