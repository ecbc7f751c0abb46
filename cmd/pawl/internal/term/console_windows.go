package term

import (
	"os"

	"golang.org/x/sys/windows"
)

// windowSize says whether f is a console, and how many columns and lines it shows. It
// lets the console understand colours and the like, as others do by themselves.
func windowSize(f *os.File) (width, height int, ok bool) {
	handle := windows.Handle(f.Fd())
	var info windows.ConsoleScreenBufferInfo
	if windows.GetConsoleScreenBufferInfo(handle, &info) != nil {
		return 0, 0, false
	}
	var mode uint32
	if windows.GetConsoleMode(handle, &mode) == nil {
		_ = windows.SetConsoleMode(handle, mode|windows.ENABLE_VIRTUAL_TERMINAL_PROCESSING) // where that is not known, sequences show
	}
	return int(info.Window.Right-info.Window.Left) + 1, int(info.Window.Bottom-info.Window.Top) + 1, true
}

// HasTerminal is not known here.
func HasTerminal() bool { return false }
