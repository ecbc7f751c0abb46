package main

import (
	_ "embed"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/user"
	"path/filepath"
	"strings"

	"github.com/pawl-go/pawl/cmd/pawl/internal/files"
	"github.com/pawl-go/pawl/cmd/pawl/internal/term"
	"github.com/spf13/cobra"
)

//go:embed init.yaml
var example []byte

func initVerb(database *string) *cobra.Command {
	var systemd bool
	var config string
	cmd := &cobra.Command{
		Use:   "init",
		Short: "Write an example config, or a systemd unit",
		Long: `Make pawl.yaml, an example of a config that has something to show, to be changed. A file
that is there is not overwritten.

With --systemd it prints a unit for the config and the database here, and makes nothing:

  pawl init --systemd | sudo tee /etc/systemd/system/pawl.service`,
		Args: cobra.NoArgs,
	}
	cmd.Flags().StringVarP(&config, "config", "c", defaultConfig, "the config `file`")
	cmd.Flags().BoolVar(&systemd, "systemd", false, "print a systemd unit")
	cmd.RunE = does(func(*cobra.Command, []string) error {
		if systemd {
			return printUnit(config, *database)
		}
		if err := files.Create(config, example); errors.Is(err, fs.ErrExist) {
			return fmt.Errorf("%w; it stays as it is; -c names another file", err)
		} else if err != nil {
			return err
		}
		option := ""
		if config != defaultConfig {
			option = " -c " + term.Quote(config)
		}
		fmt.Fprintf(term.Stdout, `%s is made: five flows, that show what they can be. Now:

  %-20s  runs them, in the foreground
  pawl status --watch   in another terminal: how they are
  pawl history          what ran
  pawl trigger import --input '{"file": "a.csv"}' --wait
  pawl init --systemd   prints a unit for systemd
`, term.Printable(config), "pawl run"+option)
		return nil
	})
	return cmd
}

// unit is a systemd unit. The daemon alone gets SIGTERM, and ends its commands itself.
const unit = `[Unit]
Description=Pawl, a durable crontab
Documentation=man:pawl(1)
After=network-online.target
Wants=network-online.target

[Service]
Type=notify
ExecStart=%s run -c %s --db %s
ExecReload=/bin/kill -HUP $MAINPID
User=%s
WorkingDirectory=%s
UMask=0077
KillMode=mixed
TimeoutStopSec=45
WatchdogSec=60
Restart=on-failure
RestartSec=2
# Wrong usage, a damaged database, no permission, a wrong config: these stay.
RestartPreventExitStatus=2 65 77 78

[Install]
WantedBy=multi-user.target
`

func printUnit(config, database string) error {
	program, err := os.Executable()
	if err != nil {
		return err
	}
	paths := []string{program, config, database, filepath.Dir(config)}
	for i := range paths {
		if paths[i], err = filepath.Abs(paths[i]); err != nil {
			return err
		}
	}
	account := "root"
	if u, err := user.Current(); err == nil {
		account = u.Username
	}
	fmt.Fprintf(term.Stdout, unit, inUnit(paths[0]), inUnit(paths[1]), inUnit(paths[2]), account, strings.ReplaceAll(paths[3], "%", "%%"))
	return nil
}

// inUnit is a word as systemd takes it in a command.
func inUnit(word string) string {
	word = strings.NewReplacer("%", "%%", "$", "$$").Replace(word)
	if term.PlainWord.MatchString(strings.NewReplacer("%%", "", "$$", "").Replace(word)) {
		return word
	}
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(word) + `"`
}
