package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/pawl-go/pawl/cmd/pawl/internal/files"
	"github.com/pawl-go/pawl/cmd/pawl/internal/term"
	"github.com/spf13/cobra"
)

func importVerb() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "import",
		Short: "Convert another scheduler's config",
		Args:  cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			return errors.New("import what? There is import crontab FILE")
		},
	}
	cmd.AddCommand(importCrontabVerb())
	return cmd
}

func importCrontabVerb() *cobra.Command {
	var system, ofUser bool
	var zone, write string
	cmd := &cobra.Command{
		Use:   "crontab FILE",
		Short: "Make a config of a crontab",
		Long: `Make a config of a crontab, that of a user or of the system, in which each line names
a user; - is standard input. It is printed, or written to a file that is not there yet.
What could not be carried over, or is different, is told line by line on stderr.

  crontab -l | pawl import crontab - > pawl.yaml
  pawl import crontab /etc/crontab --write pawl.yaml

It exits with 1 when there are lines that are no crontab's; the others are carried over.`,
		Args: cobra.ExactArgs(1),
	}
	cmd.Flags().BoolVar(&system, "system", false, "each line names a user, as in /etc/crontab and /etc/cron.d (pawl knows by the path of the file)")
	cmd.Flags().BoolVar(&ofUser, "user", false, "no line names a user")
	cmd.Flags().StringVar(&zone, "zone", "", "the time `zone` of cron (default the local one)")
	cmd.Flags().StringVar(&write, "write", "", "the `file` to make, in place of standard output")
	cmd.MarkFlagsMutuallyExclusive("system", "user")
	cmd.RunE = does(func(_ *cobra.Command, args []string) error {
		text, err := readCrontab(args[0])
		if err != nil {
			return err
		}
		name := args[0]
		if name == "-" {
			name = "crontab"
		}
		c := parseCrontab(name, text, system || !ofUser && isSystemCrontab(name))
		if !ofUser && c.seemsSystem() {
			c.note(1, 1, "each command begins with the name of a user, as in a crontab of the system: read it with --system if it is one, or with --user if it is none")
		}
		if zone == "" {
			zone = c.localZone()
		}
		return c.deliver(zone, write)
	})
	return cmd
}

func readCrontab(path string) (string, error) {
	file := os.Stdin
	if path != "-" {
		var err error
		if file, err = os.Open(path); err != nil {
			return "", err
		}
		defer file.Close()
	}
	text, err := io.ReadAll(io.LimitReader(file, maxConfig+1))
	if err == nil && len(text) > maxConfig {
		err = fmt.Errorf("%s is larger than 1 MiB: import it in parts", path)
	}
	return string(text), err
}

// isSystemCrontab tells by the place of a file.
func isSystemCrontab(path string) bool {
	absolute, err := filepath.Abs(path)
	return err == nil && (absolute == "/etc/crontab" || strings.HasPrefix(absolute, "/etc/cron.d/"))
}

// systemUsers are those that crontabs of the system name, on any machine.
var systemUsers = []string{"root", "daemon", "nobody", "www-data", "apache", "nginx", "postgres", "mysql", "git"}

// seemsSystem says whether each entry of what was read as the crontab of a user begins
// with a user, who is no program.
func (c *crontab) seemsSystem() bool {
	return !c.system && len(c.entries) > 0 && !slices.ContainsFunc(c.entries, func(e cronEntry) bool {
		words := strings.Fields(e.command)
		if len(words) < 2 || strings.Contains(words[0], "/") {
			return true
		}
		if _, err := exec.LookPath(words[0]); err == nil {
			return true
		}
		_, err := user.Lookup(words[0])
		return err != nil && !slices.Contains(systemUsers, words[0])
	})
}

// localZone is the name of the zone that cron runs in.
func (c *crontab) localZone() string {
	if name := zoneName(); name != "" {
		return name
	}
	c.note(1, 1, "the time zone of this machine has no name: times are taken to be UTC; give --zone")
	return "UTC"
}

// zoneName is the name of the local zone; empty: it has none.
func zoneName() string {
	name := time.Local.String()
	if name == "Local" {
		link, err := filepath.EvalSymlinks("/etc/localtime")
		_, after, found := strings.Cut(link, "zoneinfo/")
		if name = after; err != nil || !found {
			return ""
		}
	}
	if _, err := time.LoadLocation(name); err != nil || name == "" {
		return ""
	}
	return name
}

// deliver prints the config, or writes it, and tells what it leaves out.
func (c *crontab) deliver(zone, path string) error {
	for _, e := range c.entries {
		if e.user != "" && e.user != "root" {
			c.note(e.line, e.column, "runs as "+e.user+", by runuser: the daemon has to run as root for that")
		}
	}
	for _, f := range append(c.errors, c.notes...) {
		fmt.Fprintln(os.Stderr, term.Printable(f.Error()))
	}
	if len(c.entries) == 0 {
		return fmt.Errorf("%s has no entries: a line of a crontab is as in 30 2 * * * /usr/local/bin/backup", c.file)
	}
	text, err := c.yaml(zone, homeOf(c.system))
	if err != nil {
		return err
	}
	if _, err := parseConfig(c.file+" as a config", "/", text); err != nil {
		return err
	}
	if path == "" {
		_, err = term.Stdout.Write(text)
	} else if err = files.Create(path, text); err == nil {
		fmt.Fprintf(os.Stderr, "%s: %s\n", path, term.Count(int64(len(c.entries)), "flow"))
	}
	if err == nil && len(c.errors) > 0 {
		return silent(1)
	}
	return err
}

// homeOf is the folder in which cron runs commands; empty: it is not known.
func homeOf(system bool) string {
	if system {
		if root, err := user.Lookup("root"); err == nil {
			return root.HomeDir
		}
		return ""
	}
	home, err := os.UserHomeDir()
	if err != nil || !filepath.IsAbs(home) {
		return ""
	}
	return home
}
