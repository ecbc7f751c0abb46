// Package holdup lets a call say what it waits for, to whoever made the call's context.
package holdup

import (
	"context"
	"sync/atomic"
)

// A Note is what a call waits for.
type Note struct{ text atomic.Pointer[string] }

type noteKey struct{}

// With is a context whose calls write on the note.
func With(ctx context.Context) (context.Context, *Note) {
	n := new(Note)
	return context.WithValue(ctx, noteKey{}, n), n
}

// Say notes what the call of a context waits for now; empty: nothing, any more.
func Say(ctx context.Context, text string) {
	if n, ok := ctx.Value(noteKey{}).(*Note); ok {
		n.text.Store(&text)
	}
}

// String is what the call waits for; empty: it has not said.
func (n *Note) String() string {
	if text := n.text.Load(); text != nil {
		return *text
	}
	return ""
}
