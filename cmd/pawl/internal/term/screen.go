package term

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"strings"
	"time"
)

// The sequences that a terminal takes for another screen, and for the way back.
const (
	enterScreen = "\x1b[?1049h\x1b[?25l"
	leaveScreen = "\x1b[?25h\x1b[?1049l"
)

// Watch draws every second, over what was there, until a signal ends ctx: that is how
// it is meant to end.
func Watch(ctx context.Context, screen *os.File, draw func(w io.Writer, width int) error) error {
	fmt.Fprint(screen, enterScreen)
	defer fmt.Fprint(screen, leaveScreen)
	again := time.NewTicker(time.Second)
	defer again.Stop()
	for {
		var text bytes.Buffer
		width, height := size(screen)
		if err := draw(&text, width); err != nil {
			if ctx.Err() != nil {
				return context.Cause(ctx)
			}
			return err
		}
		fmt.Fprint(screen, frame(text.String(), height))
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-again.C:
		}
	}
}

// frame is a text as it takes the place of another: each line is cleared behind its
// end, and what does not fit on the screen is counted.
func frame(text string, height int) string {
	lines := strings.Split(strings.TrimSuffix(text, "\n"), "\n")
	if height > 1 && len(lines) > height {
		more := len(lines) - height + 1
		lines = append(lines[:height-1], fmt.Sprintf("… %d more lines", more))
	}
	return "\x1b[H" + strings.Join(lines, "\x1b[K\r\n") + "\x1b[K\x1b[J"
}
