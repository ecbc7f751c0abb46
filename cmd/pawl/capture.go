package main

import (
	"fmt"
	"github.com/pawl-go/pawl/cmd/pawl/internal/term"
	"io"
	"strings"
	"unicode/utf8"
)

const (
	headSize = 1 << 10 // bytes kept of the beginning of an output
	tailSize = 4 << 10 // and of its end
)

// An output keeps the beginning and the end of what a command prints, in
// constant memory. The zero output is empty.
type output struct {
	head  []byte
	tail  []byte // up to twice tailSize, so that it moves seldom
	total int64
}

// ReadFrom takes in all there is to read.
func (o *output) ReadFrom(r io.Reader) (int64, error) {
	buffer := make([]byte, 32<<10)
	for {
		n, err := r.Read(buffer)
		o.add(buffer[:n])
		if err == io.EOF {
			return o.total, nil
		}
		if err != nil {
			return o.total, err
		}
	}
}

func (o *output) add(p []byte) {
	o.total += int64(len(p))
	n := min(len(p), headSize-len(o.head))
	o.head, p = append(o.head, p[:n]...), p[n:]
	p = p[max(0, len(p)-tailSize):]
	if len(o.tail)+len(p) > 2*tailSize {
		o.tail = append(o.tail[:0], o.tail[len(o.tail)-tailSize:]...)
	}
	o.tail = append(o.tail, p...)
}

// String is the output as text, with a line in place of what was left out. What
// is not UTF-8, and NUL, is a question mark, which never makes it longer.
func (o *output) String() string {
	head, tail := string(o.head), string(o.tail[max(0, len(o.tail)-tailSize):])
	if o.total == int64(len(head)+len(tail)) {
		return clean(head + tail)
	}
	head = clip(head, headSize-utf8.UTFMax)
	for tail != "" && !utf8.RuneStart(tail[0]) {
		tail = tail[1:]
	}
	omitted := o.total - int64(len(head)+len(tail))
	return fmt.Sprintf("%s\n[%s omitted]\n%s", clean(head), term.Bytes(omitted), clean(tail))
}

func clean(text string) string {
	text = strings.ReplaceAll(strings.ToValidUTF8(text, "?"), "\x00", "?")
	return strings.TrimRight(text, "\r\n\t ")
}

// clip is the beginning of a text, at most limit bytes of whole characters.
func clip(text string, limit int) string {
	if len(text) <= limit {
		return text
	}
	for limit > 0 && !utf8.RuneStart(text[limit]) {
		limit--
	}
	return text[:limit]
}
