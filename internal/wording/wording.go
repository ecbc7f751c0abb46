// Package wording is about errors that name settings. A Go program knows a setting as an option
// or a field, the program pawl as a key of its config: the error keeps the names apart from the
// rest of its text, so that each says its own and nothing has to be looked for in a text.
package wording

import (
	"errors"
	"fmt"
	"slices"
)

// Name is the name of a setting, or of a value of one, in Go.
type Name string

// The names that errors have.
const (
	Initial     Name = "Initial"
	Multiplier  Name = "Multiplier"
	MaxDelay    Name = "MaxDelay"
	Jitter      Name = "Jitter"
	NoJitter    Name = "NoJitter"
	StreakLimit Name = "StreakLimit"

	FixedRate      Name = "WithFixedRate"
	Aligned        Name = "WithAligned"
	Location       Name = "WithLocation"
	DST            Name = "WithDST"
	GapSkip        Name = "GapSkip"
	FoldSecond     Name = "FoldSecond"
	FoldBoth       Name = "FoldBoth"
	Limit          Name = "WithLimit"
	CatchUpWithin  Name = "WithCatchUpWithin"
	CatchUpAll     Name = "CatchUpAll"
	OverlapSkip    Name = "OverlapSkip"
	OverlapCancel  Name = "OverlapCancel"
	OverlapAllow   Name = "OverlapAllow"
	Queueing       Name = "OverlapBuffer or OverlapAllow"
	Timeout        Name = "WithTimeout"
	AttemptTimeout Name = "WithAttemptTimeout"
	KeyWindow      Name = "WithKeyWindow"
)

// Errorf is as [fmt.Errorf]. In says the arguments of type Name in other words, and those of
// the errors among the arguments.
func Errorf(format string, args ...any) error {
	return &worded{fmt.Errorf(format, args...), format, args}
}

type worded struct {
	error
	format string
	args   []any
}

// Unwrap returns the errors among the arguments.
func (w *worded) Unwrap() (inner []error) {
	for _, a := range w.args {
		if err, ok := a.(error); ok {
			inner = append(inner, err)
		}
	}
	return inner
}

// In is the text of an error with other words for the names in it. A name that words does not
// have stays as it is.
func In(err error, words map[Name]string) string {
	w, ok := err.(*worded)
	if !ok {
		return err.Error()
	}
	args := slices.Clone(w.args)
	for i, a := range args {
		switch a := a.(type) {
		case Name:
			if word, ok := words[a]; ok {
				args[i] = Name(word)
			}
		case error:
			args[i] = errors.New(In(a, words))
		}
	}
	return fmt.Errorf(w.format, args...).Error()
}

// Inner is what an error of Errorf wraps, the last of several; otherwise the error itself.
func Inner(err error) error {
	if w, ok := err.(*worded); ok {
		if inner := w.Unwrap(); len(inner) > 0 {
			return inner[len(inner)-1]
		}
	}
	return err
}
