package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/pawl-go/pawl"
)

// maxVariable is how large an input may be that is a variable too, in bytes: Linux
// takes none above 128 KiB.
const maxVariable = 64 << 10

// An input is what a run was given, as its command finds it: in PAWL_INPUT_FILE, and
// in PAWL_INPUT unless it is too large for that. The zero input is none: an empty
// variable, and a file in which nothing is.
type input struct {
	json string
	file string // only we can read it
}

// takeInput puts the input of the run that a job's context belongs to into a file, whose
// name has the id of the database.
func takeInput(ctx context.Context, database string) (in input, err error) {
	if _, ok := pawl.RunFrom(ctx); !ok {
		return input{}, nil
	}
	data, err := pawl.InputOf[json.RawMessage](ctx)
	if err != nil || len(data) == 0 {
		return input{}, err
	}
	file, err := os.CreateTemp("", inputPrefix(database)+"*.json") // with mode 0600
	if err != nil {
		return input{}, fmt.Errorf("input: %w", err)
	}
	in = input{json: string(data), file: file.Name()}
	_, err = file.Write(data)
	if err = errors.Join(err, file.Close()); err != nil {
		in.remove()
		return input{}, fmt.Errorf("input: %w", err)
	}
	return in, nil
}

func inputPrefix(database string) string { return "pawl-input-" + database + "-" }

// sweepInputs deletes the files that a killed daemon has left, when no command of it is
// there any more to read them.
func sweepInputs(database string) {
	files, _ := os.ReadDir(os.TempDir()) // what cannot be listed cannot be swept
	for _, f := range files {
		if strings.HasPrefix(f.Name(), inputPrefix(database)) {
			_ = os.Remove(filepath.Join(os.TempDir(), f.Name()))
		}
	}
}

// remove deletes the file.
func (in input) remove() {
	if in.file != "" {
		_ = os.Remove(in.file) // the command may have done so
	}
}

// variables are what the command finds in its environment.
func (in input) variables() []string {
	if in.file == "" {
		return []string{"PAWL_INPUT=", "PAWL_INPUT_FILE=" + os.DevNull}
	}
	vars := []string{"PAWL_INPUT_FILE=" + in.file}
	if len(in.json) <= maxVariable {
		vars = append(vars, "PAWL_INPUT="+in.json)
	}
	return vars
}

// environ is our own environment without the input of a run that we are a part of.
func (in input) environ() []string {
	return slices.DeleteFunc(os.Environ(), func(v string) bool { return strings.HasPrefix(v, "PAWL_INPUT=") })
}
