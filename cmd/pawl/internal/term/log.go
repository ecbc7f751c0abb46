package term

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strings"
	"sync"

	"github.com/pawl-go/pawl/internal/lengths"
)

// NewLogger writes lines for people, and JSON for machines.
func NewLogger(file *os.File, level slog.Level) *slog.Logger {
	if _, ok := Terminal(file); ok {
		return slog.New(&lineHandler{w: file, level: level, colored: ColorMode("auto").Enabled(file)})
	}
	return slog.New(slog.NewJSONHandler(file, &slog.HandlerOptions{Level: level}))
}

// A lineHandler writes a record as a line: the time of day, a symbol for its level, the
// message, and what goes with it.
type lineHandler struct {
	w       io.Writer
	level   slog.Level
	colored bool
	attrs   []slog.Attr // with the groups in their names
	group   string
	mu      sync.Mutex // one line after another; of this handler, not of those derived from it
}

// Enabled implements slog.Handler.
func (h *lineHandler) Enabled(_ context.Context, level slog.Level) bool { return level >= h.level }

// WithAttrs implements slog.Handler.
func (h *lineHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	named := h.attrs[:len(h.attrs):len(h.attrs)]
	for _, a := range attrs {
		named = append(named, slog.Attr{Key: h.group + a.Key, Value: a.Value})
	}
	return &lineHandler{w: h.w, level: h.level, colored: h.colored, group: h.group, attrs: named}
}

// WithGroup implements slog.Handler.
func (h *lineHandler) WithGroup(name string) slog.Handler {
	return &lineHandler{w: h.w, level: h.level, colored: h.colored, group: h.group + name + ".", attrs: h.attrs}
}

// Handle implements slog.Handler.
func (h *lineHandler) Handle(_ context.Context, r slog.Record) error {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s %s", h.ink(r.Time.Local().Format("15:04:05"), faint), h.symbol(r.Level), Printable(strings.TrimPrefix(r.Message, "pawl: ")))
	for _, a := range h.attrs {
		h.attr(&b, a)
	}
	r.Attrs(func(a slog.Attr) bool {
		h.attr(&b, slog.Attr{Key: h.group + a.Key, Value: a.Value})
		return true
	})
	b.WriteByte('\n')
	h.mu.Lock()
	defer h.mu.Unlock()
	_, err := io.WriteString(h.w, b.String()) // one write, so that lines stay whole
	return err
}

func (h *lineHandler) attr(b *strings.Builder, a slog.Attr) {
	value := a.Value.Resolve()
	text := value.String()
	if value.Kind() == slog.KindDuration {
		text = lengths.Span(value.Duration())
	}
	if text = Printable(strings.ReplaceAll(text, "\n", " ⏎ ")); text == "" || strings.ContainsAny(text, " =\"") {
		text = `"` + text + `"`
	}
	fmt.Fprintf(b, "  %s%s", h.ink(a.Key+"=", faint), text)
}

// symbol tells of a level.
func (h *lineHandler) symbol(level slog.Level) string {
	switch {
	case level >= slog.LevelError:
		return h.ink("✗", "1;"+red)
	case level >= slog.LevelWarn:
		return h.ink("!", amber)
	case level >= slog.LevelInfo:
		return h.ink("·", green)
	}
	return h.ink(" ", faint)
}

func (h *lineHandler) ink(text, code string) string {
	if !h.colored {
		return text
	}
	return "\x1b[" + code + "m" + text + "\x1b[0m"
}

// A LogLevel is the value of --log-level.
type LogLevel struct{ slog.Level }

// Set makes a logLevel a flag's value.
func (l *LogLevel) Set(text string) error {
	switch text {
	case "debug", "info", "warn", "error":
		return l.UnmarshalText([]byte(text))
	}
	return fmt.Errorf("must be debug, info, warn or error")
}

// String is the level.
func (l *LogLevel) String() string { return strings.ToLower(l.Level.String()) }

// Type names the value in a flag's help.
func (l *LogLevel) Type() string { return "level" }
