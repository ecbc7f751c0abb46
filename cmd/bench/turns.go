package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"time"
)

// measureAll measures the experiments that the flags ask for. An error is of sides
// that failed; the others are in the results.
func (s settings) measureAll(ctx context.Context) (results, error) {
	program, remove, err := buildProgram(ctx)
	if err != nil {
		return nil, err
	}
	defer remove()
	found := results{}
	var errs []error
	for _, x := range experiments(sizesOf(s.full)) {
		if x.name != commitExperiment.name && !s.only.MatchString(x.name) {
			continue
		}
		found[x.name], err = s.measure(ctx, x, program)
		errs = append(errs, err)
		if ctx.Err() != nil {
			break
		}
	}
	return found, errors.Join(errs...)
}

// buildProgram builds pawl, whose verbs are timed.
func buildProgram(ctx context.Context) (path string, remove func(), err error) {
	dir, err := os.MkdirTemp("", "pawl-bench-")
	if err != nil {
		return "", nil, err
	}
	path = filepath.Join(dir, "pawl")
	cmd := exec.CommandContext(ctx, "go", "-C", "../..", "build", "-o", path, "./cmd/pawl")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		os.RemoveAll(dir)
		return "", nil, fmt.Errorf("build pawl (is this directory cmd/bench?): %w\n%s", err, out)
	}
	return path, func() { os.RemoveAll(dir) }, nil
}

// roundsOf is how often an experiment is measured.
func (s settings) roundsOf(x experiment) int {
	if x.long && !s.full {
		return 1
	}
	return s.rounds
}

// measure gives every side of an experiment its turn, round by round. A side that
// fails has no more turns.
func (s settings) measure(ctx context.Context, x experiment, program string) (samples, error) {
	found := samples{}
	failed := map[string]error{}
	dir := ""
	for round := range s.roundsOf(x) {
		if !x.kept || dir == "" {
			var err error
			if dir, err = os.MkdirTemp("", "pawl-bench-"); err != nil {
				return found, err
			}
			defer os.RemoveAll(dir) // of a kept one, and after an error
		}
		s.round(ctx, x, trial{Dir: dir, Length: s.length, Program: program}, round, found, failed)
		if !x.kept {
			os.RemoveAll(dir)
		}
	}
	var errs []error
	for _, err := range failed {
		errs = append(errs, err)
	}
	return found, errors.Join(errs...)
}

func (s settings) round(ctx context.Context, x experiment, t trial, round int, found samples, failed map[string]error) {
	t.Minute = time.Now().Add(30 * time.Minute).Minute()
	for _, side := range x.sides {
		if failed[side.name] != nil || ctx.Err() != nil {
			continue
		}
		began := time.Now()
		v, err := s.child(ctx, task{Experiment: x.name, Side: side.name, Full: s.full, Profile: s.profile, Trial: t})
		fmt.Fprintf(os.Stderr, "%s %s, round %d: %s\n", x.name, side.name, round+1, time.Since(began).Round(time.Millisecond))
		if err != nil {
			failed[side.name] = fmt.Errorf("%s, %s: %w", x.name, side.name, err)
			fmt.Fprintln(os.Stderr, "bench:", failed[side.name])
		}
		found.add(side.name, v)
	}
}

// childCommand as the first argument makes this program measure one side.
const childCommand = "measure-one-side"

// task is the second argument of a child.
type task struct {
	Experiment, Side, Profile string
	Full                      bool
	Trial                     trial
}

func (s settings) child(ctx context.Context, t task) (v values, err error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	text, err := json.Marshal(t)
	if err != nil {
		return nil, err
	}
	cmd := exec.CommandContext(ctx, self, childCommand, string(text))
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		return nil, err
	}
	out = bytes.TrimSpace(out)
	return v, json.Unmarshal(out[bytes.LastIndexByte(out, '\n')+1:], &v) // a library may have printed something
}

// measureOne is the child: it measures one side and prints the values. Its context
// never ends, since the driver starts a goroutine for each statement under
// one that may; an interrupt kills the child.
func measureOne(context.Context) error {
	var t task
	if err := json.Unmarshal([]byte(os.Args[2]), &t); err != nil {
		return err
	}
	measure := find(sizesOf(t.Full), t.Experiment, t.Side)
	endProfile, err := profile(t.Profile, t.Experiment+"-"+t.Side)
	if err != nil {
		return err
	}
	v, err := measure(context.Background(), t.Trial)
	if err := errors.Join(err, endProfile()); err != nil {
		return err
	}
	return json.NewEncoder(os.Stdout).Encode(v)
}
