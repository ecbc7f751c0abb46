//go:build unix

package main

import (
	"bytes"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/pawl-go/pawl/pawlprom"
)

// found A11: who has the token runs commands, so a token file that others can write, and one
// that holds no token, are refused. A link counts as what it leads to, since secrets are
// mounted as links.
func TestTokenFile(t *testing.T) {
	const token = "0123456789abcdef0123456789abcdef\n"
	for name, test := range map[string]struct {
		text    string
		mode    os.FileMode
		make    func(t *testing.T, path string) // in place of text
		refused string
		warned  bool
	}{
		"right":                  {text: token, mode: 0o600},
		"everybody reads it":     {text: token, mode: 0o644, warned: true},
		"everybody writes it":    {text: token, mode: 0o666, refused: "can write"},
		"its group writes it":    {text: token, mode: 0o660, refused: "can write"},
		"empty":                  {mode: 0o600, refused: "shorter than 16 characters; openssl rand -hex 32 makes a good one"},
		"blank":                  {text: strings.Repeat(" \n", 40), mode: 0o600, refused: "shorter than 16 characters"},
		"short":                  {text: "secret\n", mode: 0o600, refused: "shorter than 16 characters"},
		"large":                  {text: strings.Repeat("x", maxToken+1), mode: 0o600, refused: "is larger than 64"},
		"missing":                {make: func(*testing.T, string) {}, refused: "no such file"},
		"a directory":            {make: func(t *testing.T, path string) { require.NoError(t, os.Mkdir(path, 0o700)) }, refused: "is a directory: give a regular file"},
		"a link":                 {make: linkTo(token, 0o600)},
		"a link to an open file": {make: linkTo(token, 0o666), refused: "can write"},
		"a link to nothing":      {make: func(t *testing.T, path string) { require.NoError(t, os.Symlink("nowhere", path)) }, refused: "no such file"},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "token")
			if test.make == nil {
				test.make = func(t *testing.T, path string) { writeMode(t, path, test.text, test.mode) }
			}
			test.make(t, path)
			var log bytes.Buffer
			d := &daemon{log: slog.New(slog.NewTextHandler(&log, nil)), metrics: pawlprom.New()}
			l, _, err := (&front{address: "127.0.0.1:0", token: path}).open(d)
			if l != nil {
				defer l.Close()
			}
			assert.Equal(t, test.warned, strings.Contains(log.String(), "can read the token"))
			if test.refused == "" {
				require.NoError(t, err)
				return
			}
			require.ErrorContains(t, err, test.refused)
			assert.ErrorContains(t, err, "--listen-token: ")
			assert.ErrorContains(t, err, path)
			assert.NotContains(t, err.Error()+log.String(), "0123456789abcdef", "the token is secret")
		})
	}
}

func writeMode(t *testing.T, path, text string, mode os.FileMode) {
	t.Helper()
	require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
	require.NoError(t, os.Chmod(path, mode))
}

func linkTo(text string, mode os.FileMode) func(*testing.T, string) {
	return func(t *testing.T, path string) {
		writeMode(t, path+".target", text, mode)
		require.NoError(t, os.Symlink(path+".target", path))
	}
}
