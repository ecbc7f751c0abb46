// Package clip cuts texts to a length that can be stored and shown.
package clip

import (
	"strings"
	"unicode/utf8"
)

// Text returns text as valid UTF-8 without NUL, in at most limit bytes; if something was
// cut off, it ends with a mark. It reads no more than it keeps.
func Text(text string, limit int) string {
	const mark = "... [cut]"
	if len(text) <= limit && utf8.ValidString(text) && !strings.ContainsRune(text, 0) {
		return text
	}
	var b strings.Builder
	room := 0                // length of what leaves room for the mark
	for _, r := range text { // an invalid byte comes as U+FFFD
		if r == 0 {
			r = utf8.RuneError
		}
		if b.Len()+utf8.RuneLen(r) > limit {
			return b.String()[:room] + mark
		}
		b.WriteRune(r)
		if b.Len() <= limit-len(mark) {
			room = b.Len()
		}
	}
	return b.String()
}

// Line returns the first line of text.
func Line(text string) string {
	line, _, _ := strings.Cut(text, "\n")
	return line
}
