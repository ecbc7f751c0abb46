package workflow

import (
	"context"
	"encoding"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"
)

// lookup is what is known of a state; nil: nothing is, or it cannot be compared.
func (w *Workflow[S]) lookup(state S) *node[S] {
	if sound(state) != nil {
		return nil
	}
	return w.nodes[state]
}

// sound tells why a value is no state in this process: comparable types have some that are
// not equal to themselves, or that panic when they are compared.
func sound[S comparable](state S) (err error) {
	defer func() {
		if recover() != nil {
			err = fmt.Errorf("it holds what cannot be compared: it is %T", state)
		}
	}()
	if again := state; again != state {
		return errors.New("it is not equal to itself, as what holds a NaN")
	}
	return nil
}

// lasting tells why the text of a state is not the same in the next process.
func lasting(state any) error {
	switch state.(type) {
	case encoding.TextMarshaler, fmt.Stringer, fmt.Formatter, error:
		return nil // it says itself what its text is
	}
	if strings.Contains(fmt.Sprintf("%.0v", state), "0x") { // without its strings, only an address has that
		return fmt.Errorf("it holds an address, which is another one in the next process: "+
			"leave pointers and channels out of states, or give %T a method String", state)
	}
	return nil
}

// textOf is the text form of a state: that of its MarshalText, its String, or its value.
func textOf(state any) (text string, err error) {
	if m, ok := state.(encoding.TextMarshaler); ok {
		err := safely(context.Background(), func(context.Context) error {
			b, err := m.MarshalText()
			text = string(b)
			return err
		})
		if err != nil {
			return fmt.Sprintf("%#v", state), fmt.Errorf("its text: %w", err)
		}
	} else {
		text = fmt.Sprint(state)
	}
	switch {
	case text == "":
		return fmt.Sprintf("%#v", state), errors.New("its text is empty")
	case len(text) > MaxState:
		return clip(text, 60), fmt.Errorf("its text has %d bytes, at most %d are allowed", len(text), MaxState)
	case !utf8.ValidString(text):
		return fmt.Sprintf("%q", text), errors.New("its text is not UTF-8")
	}
	return text, nil
}
