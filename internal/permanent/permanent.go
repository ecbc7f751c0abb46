// Package permanent is about errors that no further attempt can change.
package permanent

// New is an error with this text that no attempt can change.
func New(text string) error { return &permanent{text: text} }

// Wrap says that no attempt can change err; its text stays. Nil stays nil.
func Wrap(err error) error {
	if err == nil {
		return nil
	}
	return &permanent{text: err.Error(), err: err}
}

type permanent struct {
	text string
	err  error // nil: none
}

func (p *permanent) Error() string { return p.text }

func (p *permanent) Unwrap() error { return p.err }

// Permanent marks the error for [Is].
func (p *permanent) Permanent() bool { return true }

// Is says whether err, or any error that it wraps, has a method Permanent that returns
// true. An error around it that says nothing of the kind, or says no, does not take it back.
func Is(err error) bool {
	if p, ok := err.(interface{ Permanent() bool }); ok && p.Permanent() {
		return true
	}
	switch e := err.(type) {
	case interface{ Unwrap() error }:
		inner := e.Unwrap()
		return inner != nil && Is(inner)
	case interface{ Unwrap() []error }:
		for _, inner := range e.Unwrap() {
			if inner != nil && Is(inner) {
				return true
			}
		}
	}
	return false
}
