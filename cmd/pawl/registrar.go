package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/pawl-go/pawl"
	"github.com/pawl-go/pawl/cmd/pawl/internal/term"
)

// A registrar is the program that registered the flows of a database, by the name of its
// executable; empty: it is not known.
type registrar string

// registrarOf is the program of the newest owner of a database.
func registrarOf(ctx context.Context, c *pawl.Client) (registrar, error) {
	o, _, err := c.LastOwner(ctx)
	return registrar(o.Program), err
}

// ours says that the program is this one.
func (s registrar) ours() bool {
	self, err := os.Executable()
	return s == "pawl" || err == nil && string(s) == strings.TrimSuffix(filepath.Base(self), ".exe")
}

// start says what to start so that the flows run.
func (s registrar) start() string {
	switch {
	case s == "":
		return "start the program that registered them: pawl run with its config, or the program that embeds Pawl"
	case s.ours():
		return "start one with pawl run"
	}
	return fmt.Sprintf("start %s, the program that registered them", term.Printable(string(s)))
}

// next names the next start of the program.
func (s registrar) next() string {
	switch {
	case s == "":
		return "the next start"
	case s.ours():
		return "the next pawl run"
	}
	return "the next start of " + term.Printable(string(s))
}

// demoFits returns an error if the flows of a database are not those of the demo: as
// its owner, the demo would end their schedules. A file that is not there, or that the
// start refuses anyhow, is none of its business.
func demoFits(database string) error {
	demo, err := loadConfig("")
	if err != nil {
		return err
	}
	c, err := pawl.Open(database)
	switch {
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, pawl.ErrForeignDatabase), errors.Is(err, pawl.ErrSchemaTooNew), errors.Is(err, pawl.ErrDatabaseDamaged):
		return nil
	case err != nil:
		return fmt.Errorf("%w: there is no %s, and whether the demo fits %s cannot be seen (%w): give the config with -c, or --demo", errConfig, defaultConfig, database, err)
	}
	defer c.Close()
	flows, err := c.List(context.Background())
	if err != nil {
		return err
	}
	by, err := registrarOf(context.Background(), c)
	if err != nil {
		return err
	}
	foreign := slices.ContainsFunc(flows, func(f pawl.FlowInfo) bool {
		return !slices.ContainsFunc(demo.flows, func(d *flow) bool { return d.id == f.ID })
	})
	if !foreign && (len(flows) == 0 || by == "" || by.ours()) {
		return nil
	}
	whose, advice := "that another config registered", "give that config with -c"
	if !by.ours() {
		whose, advice = "that another program registered", by.start()
	}
	return fmt.Errorf("%w: there is no %s, and %s has %s %s: %s; --demo runs the built-in demo on it all the same",
		errConfig, defaultConfig, database, term.Count(int64(len(flows)), "flow"), whose, advice)
}
