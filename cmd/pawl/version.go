package main

import (
	"fmt"
	"runtime"
	"runtime/debug"

	"github.com/pawl-go/pawl/cmd/pawl/internal/term"
	"github.com/spf13/cobra"
)

// A build is what a binary was made of.
type build struct {
	Version  string `json:"version"`
	Commit   string `json:"commit,omitempty"`
	Time     string `json:"time,omitempty"`
	Modified bool   `json:"modified"` // there were changes that no commit has
	Go       string `json:"go"`
	OS       string `json:"os"`
	Arch     string `json:"arch"`
	SQLite   string `json:"sqlite,omitempty"` // version of the library's module
}

// built reads what the go command has stamped.
func built() build {
	b := build{Version: version(), Go: runtime.Version(), OS: runtime.GOOS, Arch: runtime.GOARCH}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return b
	}
	for _, s := range info.Settings {
		switch s.Key {
		case "vcs.revision":
			b.Commit = s.Value
		case "vcs.time":
			b.Time = s.Value
		case "vcs.modified":
			b.Modified = s.Value == "true"
		}
	}
	for _, m := range info.Deps {
		if m.Path == "modernc.org/sqlite" {
			b.SQLite = m.Version
		}
	}
	return b
}

// version is that of the module, as the go command has stamped it.
func version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok || info.Main.Version == "" {
		return "unknown"
	}
	return info.Main.Version
}

func versionVerb() *cobra.Command {
	cmd := &cobra.Command{Use: "version", Short: "Say which version this is, and what it is built of", Args: cobra.NoArgs}
	out := formatFlag(cmd)
	cmd.RunE = does(func(*cobra.Command, []string) error {
		b := built()
		t := func() term.Table {
			return term.Table{Columns: []term.Column{{Title: "VERSION"}, {Title: "COMMIT"}, {Title: "TIME"}, {Title: "GO"}, {Title: "SYSTEM"}, {Title: "SQLITE"}},
				Rows: [][]string{{b.Version, b.Commit, b.Time, b.Go, b.OS + "/" + b.Arch, b.SQLite}}}
		}
		return term.Show(*out, []build{b}, t, func() {
			fmt.Fprintf(term.Stdout, "pawl %s, %s, %s/%s, modernc.org/sqlite %s\n", b.Version, b.Go, b.OS, b.Arch, term.OrNone(b.SQLite))
			if b.Commit != "" {
				modified := ""
				if b.Modified {
					modified = ", with changes"
				}
				fmt.Fprintf(term.Stdout, "commit %s of %s%s\n", b.Commit, b.Time, modified)
			}
		})
	})
	return cmd
}
