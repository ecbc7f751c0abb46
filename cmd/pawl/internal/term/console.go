package term

import (
	"os"
	"strconv"
)

// Terminal says whether f is one, and how many columns it has; 0 if it does not know.
func Terminal(f *os.File) (width int, ok bool) {
	width, _, ok = windowSize(f)
	return width, ok
}

// size is how much a terminal shows, as far as it says so.
func size(f *os.File) (width, height int) {
	_, height, _ = windowSize(f)
	return Width(), height
}

// Width is how wide tables may be: as the terminal, as COLUMNS says, or 80.
func Width() int {
	if width, _ := Terminal(os.Stdout); width > 0 {
		return width
	}
	if width, err := strconv.Atoi(os.Getenv("COLUMNS")); err == nil && width > 0 {
		return width
	}
	return 80
}
