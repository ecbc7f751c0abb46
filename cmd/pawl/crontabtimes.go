package main

import (
	"errors"
	"fmt"
	"hash/fnv"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/pawl-go/pawl"
	"github.com/pawl-go/pawl/cmd/pawl/internal/term"
	"github.com/pawl-go/pawl/internal/cronexpr"
)

// times reads the five fields, or the word that stands for them, in words of Pawl.
func (c *crontab) times(e *cronEntry, next func() string) bool {
	first := next()
	column := e.column
	if word := strings.ToLower(first); strings.HasPrefix(word, "@") {
		switch {
		case word == "@reboot":
			e.reboot = true
			c.note(e.line, column, "@reboot is not carried over: the flow runs when it is triggered, as by a unit with ExecStart=pawl trigger NAME")
			return true
		case word == "@every_minute":
			e.times = "* * * * *"
			return true
		case cronexpr.Descriptors[word] == "":
			c.fail(e.line, column, fmt.Sprintf("unknown word %q%s", first, term.DidYouMean(word, cronNicknames)))
			return false
		}
		e.times = word
		return true
	}
	fields, columns := []string{first}, []int{column}
	for len(fields) < 5 {
		fields = append(fields, next())
		columns = append(columns, e.column)
	}
	if fields[4] == "" {
		c.fail(e.line, lacking(fields, columns), "no line of a crontab: want five fields of times and a command, or NAME=value")
		return false
	}
	c.days(e, columns, fields)
	for i, f := range fields {
		fields[i] = c.random(e, columns[i], f, i)
	}
	e.times = strings.Join(fields, " ")
	named := pawl.CronForFlow(e.times) // the flow has no id yet
	if _, err := pawl.CronInstants(e.times, time.Now(), 1, named); err != nil {
		culprit := 2 // fields that are right can only ask for days that there never are
		if m, ok := errors.AsType[cronexpr.Mistake](err); ok && m.Field >= 0 {
			culprit = m.Field
		}
		c.fail(e.line, columns[culprit], err.Error())
		return false
	}
	warnings, err := pawl.CronWarnings(e.times, named)
	for _, text := range warnings {
		c.note(e.line, columns[0], text)
	}
	return err == nil
}

// lacking is the column of the first word that is no field, or of the field that is not
// there.
func lacking(fields []string, columns []int) int {
	fields = fields[:slices.Index(fields, "")]
	if len(fields) == 0 {
		return columns[0]
	}
	if wrong := cronexpr.FirstInvalid(fields); wrong >= 0 {
		return columns[wrong]
	}
	last := len(fields) - 1
	return columns[last] + len(fields[last])
}

var cronNicknames = []string{"@reboot", "@yearly", "@annually", "@monthly", "@weekly", "@daily", "@midnight", "@hourly"}

// days tells of fields of days that cron wants both to match: one of them begins with a
// star, which has a step. In Pawl one has to match.
func (c *crontab) days(e *cronEntry, columns []int, fields []string) {
	stepped := func(f string) bool { return strings.HasPrefix(f, "*/") && f != "*/1" }
	if day, weekday := fields[2], fields[4]; stepped(day) && weekday != "*" || stepped(weekday) && day != "*" {
		column := columns[2]
		if stepped(weekday) {
			column = columns[4]
		}
		c.note(e.line, column, fmt.Sprintf("cron runs it on days that are both %s and %s; here it runs on days that are one of them: let the command look at the other", day, weekday))
	}
}

var (
	randomRange = regexp.MustCompile(`^(\d*)~(\d*)$`)
	fieldBounds = [][2]int{{0, 59}, {0, 23}, {1, 31}, {1, 12}, {0, 6}}
)

// random settles a number that cron draws when it reads the crontab, as in 0~59: the
// same command gets the same one each time.
func (c *crontab) random(e *cronEntry, column int, field string, i int) string {
	parts := randomRange.FindStringSubmatch(field)
	if parts == nil {
		return field
	}
	low, high := fieldBounds[i][0], fieldBounds[i][1]
	if n, err := strconv.Atoi(parts[1]); err == nil {
		low = n
	}
	if n, err := strconv.Atoi(parts[2]); err == nil {
		high = n
	}
	most := fieldBounds[i][1]
	if i == 4 {
		most = 7 // Sunday again
	}
	if low > high || low < fieldBounds[i][0] || high > most {
		return field // which is refused
	}
	h := fnv.New32a()
	fmt.Fprint(h, c.file, e.line, field)
	n := low + int(h.Sum32())%(high-low+1)
	c.note(e.line, column, fmt.Sprintf("%s was drawn once: it is %d from now on; jitter spreads starts", field, n))
	return strconv.Itoa(n)
}
