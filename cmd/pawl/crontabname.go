package main

import (
	"fmt"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

var (
	notInName = regexp.MustCompile(`[^\pL\pN._-]+`)
	variable  = regexp.MustCompile(`^[A-Za-z_]\w*=`)
	shellWord = regexp.MustCompile(`[^\s;&|()<>"']+`)
	extension = regexp.MustCompile(`\.(sh|bash|py|pl|rb|php|js)$`)
)

// wrappers are programs that run another, or prepare for it.
var wrappers = []string{"cd", "test", "[", "]", "[[", "]]", "command", "-v", "-x", "-f", "-d", "-e", "if", "then", "exec", "nice", "ionice",
	"sudo", "env", "flock", "timeout", "chronic", "sleep", "true", "bash", "sh", "python", "python3", "perl", "php", "ruby", "node",
	"umask", "export", "source", ".", "{", "}", "!", "time", "nohup", "setsid", "systemd-run", "runuser", "su", "run-parts"}

// flowName makes a name of what a command runs, other than those that are taken.
func flowName(command string, taken map[string]bool) string {
	base := "job"
	for _, word := range shellWord.FindAllString(command, -1) {
		name := filepath.Base(word)
		if variable.MatchString(word) || strings.HasPrefix(word, "-") || strings.HasPrefix(word, "$") || slices.Contains(wrappers, name) || isArgument(command, word) {
			continue
		}
		if name = strings.Trim(notInName.ReplaceAllString(extension.ReplaceAllString(name, ""), "-"), "-."); name != "" {
			base = name
			break
		}
	}
	name := base
	for n := 2; taken[name]; n++ {
		name = fmt.Sprintf("%s-%d", base, n)
	}
	taken[name] = true
	return name
}

// isArgument says whether a word is what a wrapper is about, and not what it runs: the
// folder of a cd, the file of a test, the length of a sleep.
func isArgument(command, word string) bool {
	before, _, _ := strings.Cut(command, word)
	words := strings.Fields(before)
	if len(words) == 0 {
		return false
	}
	last := words[len(words)-1]
	return slices.Contains([]string{"cd", "-x", "-f", "-d", "-e", "-n", "-u", "-w", "sleep", "timeout", "flock", "umask", "source"}, last) ||
		strings.Trim(word, "0123456789smhd.") == ""
}
