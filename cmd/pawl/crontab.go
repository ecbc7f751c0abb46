package main

import (
	"fmt"
	"regexp"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// A crontab is one that was read: its entries, and what of it Pawl cannot do.
type crontab struct {
	file    string
	system  bool // each entry names a user
	entries []cronEntry
	notes   []fault // not errors: what was left out, or is different
	errors  []fault // lines that are no crontab's
}

// A cronEntry is a line that runs a command.
type cronEntry struct {
	line    int
	column  int      // of the command
	comment string   // the lines above it
	times   string   // five fields, or a word with an @, as Pawl takes them
	reboot  bool     // not at times, but when the machine starts
	user    string   // of a system crontab
	command string   // for the shell
	input   string   // for its standard input
	env     []string // NAME=value, that stand above
	shell   string   // other than sh
	home    string   // working directory
	zone    string
	lost    int // line of a CRON_TZ above that names no zone; 0: none
	jitter  string
}

var (
	cronAssignment = regexp.MustCompile(`^\s*(?:"([A-Za-z_]\w*)"|'([A-Za-z_]\w*)'|([A-Za-z_]\w*))\s*=\s*(.*?)\s*$`)
	cronWord       = regexp.MustCompile(`^\s*(\S+)`)
)

// parseCrontab reads a crontab; system says that its entries name users.
func parseCrontab(file, text string, system bool) *crontab {
	c := &crontab{file: file, system: system}
	var now cronEntry // what holds for the entries that follow
	var comment []string
	for i, line := range strings.Split(strings.ReplaceAll(text, "\r\n", "\n"), "\n") {
		trimmed := strings.TrimSpace(line)
		now.line = i + 1
		switch {
		case trimmed == "":
			comment = nil
		case noText(line) >= 0:
			c.fail(now.line, noText(line)+1, "the line holds control characters, or is no UTF-8")
		case strings.HasPrefix(trimmed, "#"):
			comment = append(comment, strings.TrimSpace(strings.TrimLeft(trimmed, "#")))
		case cronAssignment.MatchString(line):
			c.assign(&now, line)
			comment = nil
		default:
			e := now
			e.env = append([]string(nil), now.env...)
			e.comment = strings.TrimSpace(strings.Join(comment, "\n"))
			comment = nil
			if c.entry(&e, line) {
				c.entries = append(c.entries, e)
			}
		}
	}
	return c
}

func (c *crontab) note(line, column int, text string) {
	c.notes = append(c.notes, fault{File: c.file, Line: line, Column: column, Text: text})
}

func (c *crontab) fail(line, column int, text string) {
	c.errors = append(c.errors, fault{File: c.file, Line: line, Column: column, Text: text})
}

// noText is where a line has what a config cannot hold; -1: nowhere.
func noText(line string) int {
	for i, r := range line {
		_, size := utf8.DecodeRuneInString(line[i:])
		if r == utf8.RuneError && size == 1 || unicode.IsControl(r) && r != '\t' {
			return i
		}
	}
	return -1
}

// assign takes a line NAME=value, which holds for all entries below.
func (c *crontab) assign(now *cronEntry, line string) {
	parts := cronAssignment.FindStringSubmatch(line)
	name, value := parts[1]+parts[2]+parts[3], unquoted(parts[4])
	column, valued := strings.Index(line, name)+1, len(strings.TrimRight(line, " \t\r"))-len(parts[4])+1
	switch {
	case strings.HasPrefix(name, "PAWL_"):
		c.fail(now.line, column, name+": the names that begin with PAWL_ are set by pawl")
		return
	case name == "CRON_TZ" && !isZone(value):
		now.lost = now.line
		c.fail(now.line, valued, fmt.Sprintf("CRON_TZ: %q is no time zone", value))
		return
	case name == "RANDOM_DELAY" && strings.Trim(value, "0123456789") != "":
		c.fail(now.line, valued, fmt.Sprintf("RANDOM_DELAY: %q is no number of minutes", value))
		return
	}
	switch name {
	case "MAILTO", "MAILFROM", "MAIL", "CONTENT_TYPE", "CONTENT_TRANSFER_ENCODING":
		c.note(now.line, column, name+" is left out: nothing is mailed. What commands print is kept, see pawl logs; notify in the config calls a webhook when a flow fails")
	case "SHELL":
		if now.shell = value; strings.HasSuffix(value, "/sh") {
			now.shell = ""
		}
	case "HOME":
		now.home = strings.TrimSpace(value)
	case "CRON_TZ":
		now.zone, now.lost = value, 0
	case "RANDOM_DELAY":
		if now.jitter = ""; value != "" {
			now.jitter = value + "m"
		}
	case "LOGNAME", "USER":
		c.note(now.line, column, name+" is left out: commands run as the user of the daemon")
	default:
		now.env = append(now.env, name+"="+value)
	}
}

func isZone(name string) bool {
	_, err := time.LoadLocation(name)
	return err == nil && name != "Local"
}

func unquoted(text string) string {
	if n := len(text); n > 1 && (text[0] == '"' || text[0] == '\'') && text[n-1] == text[0] {
		return text[1 : n-1]
	}
	return text
}

// entry takes a line apart that runs a command. False: it is none.
func (c *crontab) entry(e *cronEntry, line string) bool {
	rest, column := line, 1
	next := func() string {
		at := cronWord.FindStringSubmatchIndex(rest)
		if at == nil {
			return ""
		}
		word := rest[at[2]:at[3]]
		column += at[2]
		e.column = column
		rest, column = rest[at[3]:], column+at[3]-at[2]
		return word
	}
	if !c.times(e, next) {
		return false
	}
	if e.lost > 0 && !e.reboot {
		c.fail(e.line, len(line)-len(strings.TrimLeft(line, " \t"))+1, fmt.Sprintf("left out: CRON_TZ in line %d, whose zone its times are in, names none", e.lost))
		return false
	}
	if c.system {
		e.user = next()
	}
	gap := len(rest) - len(strings.TrimLeft(rest, " \t"))
	e.column = column + gap
	e.command, e.input = cutInput(strings.TrimSpace(rest))
	if e.command == "" {
		what := "there is no command behind the times"
		if c.system {
			what = "there is no command behind the times and the user: a crontab of a user, without that field, is read with --user"
		}
		c.fail(e.line, e.column, what)
		return false
	}
	if word := strings.Fields(e.command)[0]; moreTimes.MatchString(word) {
		c.note(e.line, e.column, fmt.Sprintf("the command begins with %q, as cron reads it; if that is a time, the line is none of cron's: leave its seconds and its year out", word))
	}
	return true
}

// moreTimes is a word that a scheduler with more than five fields of times reads as one.
var moreTimes = regexp.MustCompile(`^(?i:[*?\d][*?\d,/#LW-]*|(mon|tue|wed|thu|fri|sat|sun)([-,#L].*)?)$`)

// cutInput splits a command at its first %: what follows is its standard input, in
// which further ones end lines. With a backslash before it, it is a percent sign.
func cutInput(text string) (command, input string) {
	var parts []string
	var part strings.Builder
	for i := 0; i < len(text); i++ {
		switch {
		case text[i] == '\\' && i+1 < len(text) && text[i+1] == '%':
			part.WriteByte('%')
			i++
		case text[i] == '%':
			parts = append(parts, part.String())
			part.Reset()
		default:
			part.WriteByte(text[i])
		}
	}
	parts = append(parts, part.String())
	if len(parts) == 1 {
		return parts[0], ""
	}
	return strings.TrimSpace(parts[0]), strings.Join(parts[1:], "\n") + "\n"
}
