//go:build !unix && !windows

package main

import "os"

// windowSize is not known here.
func windowSize(*os.File) (width, height int, ok bool) { return 0, 0, false }
