// Bench measures what Pawl costs, beside the least that durable runs can cost (the
// yardstick, see yardstick.go) and beside other libraries, and prints it in
// Markdown.
//
//	go run . [-full] [-seconds 1] [-rounds 3] [-only regexp] [-profile dir]
//		[-docs dir] [-readme file] [-save file] [-load file]
//
// # How to read it
//
// Machines differ and change from minute to minute, ratios hardly do: the sides
// of an experiment are measured in turn, round by round, and a ratio is that of
// a round. Every figure is the median of the rounds with the lowest and the
// highest; where these are far apart the machine was busy, so measure again.
//
// A fast disk flatters whoever commits one by one, so look at the cost of one
// commit in the first lines before comparing machines. The databases lie in
// the temporary directory; set TMPDIR if that is not on the disk you mean. On
// tmpfs nothing is durable and the tables mean little.
//
// A measurement has a process of its own, so that heaps do not mix. With
// -profile each leaves its CPU and allocation profiles in the directory, for
// go tool pprof. Run it in its own directory: it builds ../pawl to time it.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"regexp"
	"time"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	run := bench
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
	full    bool
	length  time.Duration
	rounds  int
	only    *regexp.Regexp
	profile string // directory; empty: none
	docs    string // directory of the report and its plots; empty: none
	readme  string // file with a section for the comparison; empty: none
	save    string // file for what was measured; empty: none
	load    string // such a file, to be shown again; empty: measure
}

func parseFlags() (s settings, err error) {
	flag.BoolVar(&s.full, "full", false, "every size: takes half an hour, and 3 GB of disk")
	seconds := flag.Float64("seconds", 1, "length of a measurement that is about a rate or a latency")
	flag.IntVar(&s.rounds, "rounds", 3, "how often each is measured")
	only := flag.String("only", "", "measure the experiments whose name matches this regular `expression`")
	flag.StringVar(&s.profile, "profile", "", "leave CPU and allocation profiles in this `directory`")
	flag.StringVar(&s.docs, "docs", "", "write speed.md and its plots to this `directory`")
	flag.StringVar(&s.readme, "readme", "", "write the comparison to the marked section of this `file`")
	flag.StringVar(&s.save, "save", "", "keep what was measured in this `file`")
	flag.StringVar(&s.load, "load", "", "measure nothing, show what -save has kept in this `file`")
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

// bench measures, prints the report and writes what the flags ask for. What fails
// leaves its cells empty and is the error.
func bench(ctx context.Context) error {
	s, err := parseFlags()
	if err != nil {
		return err
	}
	if s.readme != "" { // before it takes half an hour
		if err := checkSection(s.readme); err != nil {
			return err
		}
	}
	r, err := s.report(ctx)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	fmt.Print(r.markdown())
	if err != nil {
		return err
	}
	if s.save != "" {
		err = r.save(s.save)
	}
	return errors.Join(err, r.writeDocs(s.docs), r.writeSection(s.readme))
}

func (s settings) report(ctx context.Context) (report, error) {
	if s.load != "" {
		return load(s.load)
	}
	began := time.Now()
	found, err := s.measureAll(ctx)
	return newReport(s, found, began), err
}
