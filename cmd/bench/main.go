// Bench measures what Pawl costs next to the SQL that it cannot do without, and
// prints a table in Markdown.
//
//	go run . [-seconds 1.5] [-rounds 3] [-only regexp] [-profile dir]
//
// # How to read it
//
// The column pawl is the library as its users call it, raw is the same SQL on
// the same schema by hand; the caption above the table says what that is for
// each row. Machines differ and change from minute to minute, ratios hardly do:
// the two are measured in turn, round by round, and the ratio is that of a
// round. Every figure is the median of the rounds with the lowest and the
// highest; where these are far apart the machine was busy, so measure again. For
// runs per second a ratio near 1 is good, for times one near 1 or below.
//
// A fast disk flatters whoever commits one by one, so look at the cost of one
// commit in the first lines before comparing machines. The databases lie in
// the temporary directory; set TMPDIR if that is not on the disk you mean. On
// tmpfs nothing is durable and the table means little.
//
// A measurement has a process of its own, so that heaps do not mix. With
// -profile each leaves its CPU and allocation profiles in the directory, for
// go tool pprof.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"regexp"
	"strconv"
	"time"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	run := printTable
	if len(os.Args) > 1 && os.Args[1] == childCommand {
		run = measureOne
	}
	if err := run(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// settings are the flags.
type settings struct {
	length  time.Duration
	rounds  int
	only    *regexp.Regexp
	profile string // directory; empty: none
}

func parseFlags() (s settings, err error) {
	seconds := flag.Float64("seconds", 1.5, "length of a measurement that is about a rate or a latency")
	flag.IntVar(&s.rounds, "rounds", 3, "how often each is measured")
	only := flag.String("only", "", "measure the experiments whose name matches this regular `expression`")
	flag.StringVar(&s.profile, "profile", "", "leave CPU and allocation profiles in this `directory`")
	flag.Parse()
	switch {
	case flag.NArg() > 0:
		return s, fmt.Errorf("unexpected argument %q", flag.Arg(0))
	case *seconds <= 0 || s.rounds < 1:
		return s, errors.New("-seconds and -rounds must be above 0")
	}
	s.length = time.Duration(*seconds * float64(time.Second))
	if s.profile != "" {
		if s.profile, err = filepath.Abs(s.profile); err != nil {
			return s, err
		}
	}
	s.only, err = regexp.Compile(*only)
	return s, err
}

func printTable(ctx context.Context) error {
	s, err := parseFlags()
	if err != nil {
		return err
	}
	began := time.Now()
	machine, err := s.measure(ctx, machineCommit)
	if err != nil {
		return err
	}
	printHead(s, machine)
	for _, x := range experiments() {
		if !s.only.MatchString(x.name) {
			continue
		}
		found, err := s.measure(ctx, x)
		if err != nil {
			return err
		}
		x.print(found)
	}
	fmt.Printf("\nMeasured in %s.\n", time.Since(began).Round(time.Second))
	return nil
}

// measure gives every side of an experiment its turn, round by round.
func (s settings) measure(ctx context.Context, x experiment) (samples, error) {
	found := samples{}
	for round := range s.rounds {
		if err := s.round(ctx, x, round, found); err != nil {
			return nil, fmt.Errorf("%s: %w", x.name, err)
		}
	}
	return found, nil
}

func (s settings) round(ctx context.Context, x experiment, round int, found samples) error {
	dir, err := os.MkdirTemp("", "pawl-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	for _, side := range x.sides {
		fmt.Fprintf(os.Stderr, "%s %s, round %d\n", x.name, side.name, round+1)
		v, err := s.child(ctx, x.name, side.name, dir)
		if err != nil {
			return fmt.Errorf("%s: %w", side.name, err)
		}
		found.add(side.name, v)
	}
	return nil
}

// childCommand as the first argument makes this program measure one side.
const childCommand = "measure-one-side"

func (s settings) child(ctx context.Context, experiment, side, dir string) (v values, err error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	cmd := exec.CommandContext(ctx, self, childCommand, experiment, side, dir, strconv.FormatInt(int64(s.length), 10), s.profile)
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		return nil, err
	}
	return v, json.Unmarshal(out, &v)
}

// measureOne is the child: it measures one side and prints the values. Its context
// never ends, since the driver starts a goroutine for each statement under
// one that may; an interrupt kills the child.
func measureOne(context.Context) error {
	args := os.Args[2:]
	length, err := strconv.ParseInt(args[3], 10, 64)
	if err != nil {
		return err
	}
	measure := find(args[0], args[1])
	endProfile, err := profile(args[4], args[0]+"-"+args[1])
	if err != nil {
		return err
	}
	v, err := measure(context.Background(), trial{dir: args[2], length: time.Duration(length)})
	if err := errors.Join(err, endProfile()); err != nil {
		return err
	}
	return json.NewEncoder(os.Stdout).Encode(v)
}
