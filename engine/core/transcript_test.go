package core

import (
	"cmp"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/pawl-go/pawl/engine/schedule"
)

// A transcript in testdata/transcripts is a text that documents and tests one behaviour. Each
// step is a line with a time and an event in plain words. The indented lines below a step are
// the transitions that Apply returned. testdata/transcripts/README.md lists the steps.
// "go test ./engine/core -run Transcripts -update" writes the indented lines anew.
var update = flag.Bool("update", false, "write the transitions into the transcripts")

func TestTranscripts(t *testing.T) {
	paths, err := filepath.Glob("testdata/transcripts/*.txt")
	require.NoError(t, err)
	require.NotEmpty(t, paths)
	for _, path := range paths {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".txt"), func(t *testing.T) {
			want, err := os.ReadFile(path)
			require.NoError(t, err)
			assert.Regexp(t, `^# `, string(want), "a transcript begins with what it shows")
			assert.Regexp(t, `(?m)^# .*\b(scheduler|time|workflow|faults|found|facts) [A-Z]\d+\b`, string(want), "a transcript cites docs/spec")
			got := play(t, string(want))
			if *update {
				require.NoError(t, os.WriteFile(path, []byte(got), 0o644))
				return
			}
			assert.Equal(t, string(want), got)
		})
	}
}

// play returns the text with the transitions of its steps below them.
func play(t *testing.T, text string) string {
	w := &transcript{t: t, states: map[string]*State{}, plans: map[string]Plan{}, marks: map[string]Mark{}}
	for _, line := range strings.Split(strings.TrimRight(text, "\n"), "\n") {
		switch {
		case strings.HasPrefix(line, "    "): // what the step above it gave before
		case line == "", strings.HasPrefix(line, "#"):
			w.out.WriteString(line + "\n")
		default:
			w.out.WriteString(line + "\n")
			w.step(line)
		}
	}
	return w.out.String()
}

// transcript is the driver of the flows of one transcript.
type transcript struct {
	t      *testing.T
	out    strings.Builder
	day    time.Time // of times without a date
	now    time.Time
	since  time.Time // when the process started
	order  []string  // the flows, in the order of their definitions
	states map[string]*State
	plans  map[string]Plan
	marks  map[string]Mark // last checkpoints, by flow and run
	key    int64           // of the newest row
}

// step carries out one line.
func (w *transcript) step(line string) {
	if name, plan, ok := strings.Cut(line, ": "); ok && strings.HasPrefix(name, "flow ") {
		w.define(strings.TrimPrefix(name, "flow "), plan)
		return
	}
	word, rest, _ := strings.Cut(line, " ")
	if word == "date" {
		w.day = w.time(rest + "T00:00:00Z")
		return
	}
	w.now = w.time(word)
	for _, verb := range verbs {
		if m := verb.pattern.FindStringSubmatch(rest); m != nil {
			verb.do(w, m[1:])
			return
		}
	}
	w.t.Fatalf("%q is no step; see testdata/transcripts/README.md", line)
}

// verbs are the steps, in the words of a transcript.
var verbs = []struct {
	pattern *regexp.Regexp
	do      func(w *transcript, args []string)
}{
	{verb(`the process starts`), func(w *transcript, _ []string) { w.since = w.now }},
	{verb(`the process starts after a (crash|restart of the machine)`), func(w *transcript, a []string) { w.crash(a[0] == "crash") }},
	{verb(`the clock steps by (\S+)`), func(w *transcript, a []string) { w.clock(w.length(a[0])) }},

	{verb(`FLOW is registered`), func(w *transcript, a []string) { w.apply(a[0], Adopt{}) }},
	{verb(`FLOW is removed`), func(w *transcript, a []string) { w.retire(a[0]) }},
	{verb(`FLOW is due`), func(w *transcript, a []string) {
		w.apply(a[0], Reserve{Trigger: TriggerSchedule, Key: w.nextKey()})
	}},
	{verb(`FLOW is due, and a limit is full`), func(w *transcript, a []string) {
		w.apply(a[0], Reserve{Trigger: TriggerSchedule, Key: w.nextKey(), Full: true})
	}},
	{verb(`FLOW is triggered(, and a limit is full)?(, in a committed command)?(?:, to start at (\S+))?(?:, with key (\S+))?(?:, with overlap (.+))?`), (*transcript).trigger},
	{verb(`FLOW is triggered (\d+) times`), func(w *transcript, a []string) {
		n := w.number(a[1])
		w.apply(a[0], Accept{Key: w.nextKey(), Asks: make([]Ask, n)})
		w.key += n
	}},
	{verb(`FLOW is probed`), func(w *transcript, a []string) { w.apply(a[0], Reserve{Trigger: TriggerProbe, Key: w.nextKey()}) }},

	{verb(`FLOW run (\d+) completes`), func(w *transcript, a []string) { w.apply(a[0], Outcome{Run: w.number(a[1])}) }},
	{verb(`FLOW run (\d+) fails( for good)?(?:, to be tried again after (\S+))?: (.+)`), func(w *transcript, a []string) {
		e := Outcome{Run: w.number(a[1]), Permanent: a[2] != "", Error: a[4]}
		if a[3] != "" {
			e.RetryAfter = w.length(a[3])
		}
		w.apply(a[0], e)
	}},
	{verb(`FLOW run (\d+) has nothing to do: (.+)`), func(w *transcript, a []string) {
		w.apply(a[0], Outcome{Run: w.number(a[1]), As: RunSkipped, Error: a[2]})
	}},
	{verb(`FLOW run (\d+) returns after its deadline: (.+)`), func(w *transcript, a []string) {
		w.apply(a[0], Outcome{Run: w.number(a[1]), As: RunTimedOut, Error: a[2]})
	}},
	{verb(`FLOW run (\d+) does not return in time`), func(w *transcript, a []string) { w.apply(a[0], Timeout{Run: w.number(a[1])}) }},
	{verb(`FLOW run (\d+) waits until (\S+)`), func(w *transcript, a []string) {
		w.apply(a[0], Outcome{Run: w.number(a[1]), As: RunParked, Error: "parked", Rest: &Rest{Until: w.time(a[2])}})
	}},
	{verb(`FLOW run (\d+) waits for (\S+)`), func(w *transcript, a []string) {
		d := w.length(a[2])
		w.apply(a[0], Outcome{Run: w.number(a[1]), As: RunParked, Error: "parked", Rest: &Rest{Until: w.now.Add(d), For: d}})
	}},
	{verb(`FLOW run (\d+) was recorded by version (\d+)`), func(w *transcript, a []string) {
		version := int(w.number(a[2]))
		text := fmt.Sprintf("recorded by version %d", version)
		w.apply(a[0], Outcome{Run: w.number(a[1]), As: RunBlocked, Error: text, Rest: &Rest{Version: &version}})
	}},
	{verb(`FLOW run (\d+) enters (\S+)`), (*transcript).enter},
	{verb(`FLOW run (\d+) is cut short by a stop`), func(w *transcript, a []string) {
		w.apply(a[0], Cancel{Run: w.number(a[1]), Error: "the stop window passed", Key: w.nextKey()})
	}},
	{verb(`FLOW run (\d+) is cancelled( without undo)?: (.+)`), func(w *transcript, a []string) {
		w.apply(a[0], Abort{Run: w.number(a[1]), Force: a[2] != "", Reason: a[3]})
	}},
	{verb(`FLOW run (\d+) has run for a minute`), func(w *transcript, a []string) { w.apply(a[0], Clear{Run: w.number(a[1])}) }},
	{verb(`FLOW has runs that wake`), func(w *transcript, a []string) { w.apply(a[0], Wake{}) }},

	{verb(`FLOW is reset: (.+)`), func(w *transcript, a []string) { w.apply(a[0], Reset{Reason: a[1]}) }},
	{verb(`FLOW is paused(?: for (\S+))?(?: until (\S+))?: (.+)`), func(w *transcript, a []string) {
		e := Pause{Note: a[3]}
		if a[1] != "" {
			e.For = w.length(a[1])
		}
		if a[2] != "" {
			e.Until = w.time(a[2])
		}
		w.apply(a[0], e)
	}},
	{verb(`FLOW is resumed(?: from (\S+))?`), func(w *transcript, a []string) {
		e := Resume{}
		if a[1] != "" {
			e.From = w.time(a[1])
		}
		w.apply(a[0], e)
	}},
	{verb(`the pause of FLOW expires`), func(w *transcript, a []string) { w.apply(a[0], Resume{Expired: true}) }},
	{verb(`FLOW is backfilled from (\S+) to (\S+)`), (*transcript).backfill},
	{verb(`the backfill of FLOW is cancelled: (.+)`), func(w *transcript, a []string) { w.apply(a[0], Drop{Reason: a[1]}) }},
}

func verb(words string) *regexp.Regexp {
	return regexp.MustCompile("^" + strings.ReplaceAll(words, "FLOW", `([a-z-]+)`) + "$")
}

func (w *transcript) trigger(a []string) {
	e := Reserve{Trigger: TriggerManual, Key: w.nextKey(), Full: a[1] != "", Posted: a[2] != ""}
	if a[3] != "" {
		e.StartAt = w.time(a[3])
	}
	e.Token = a[4]
	if a[5] != "" {
		overlap, err := ParseOverlap(a[5])
		require.NoError(w.t, err)
		e.Overlap = &overlap
	}
	w.apply(a[0], e)
}

func (w *transcript) enter(a []string) {
	run := w.number(a[1])
	seq := w.marks[a[0]+a[1]].Seq + 1
	w.apply(a[0], Checkpoint{Run: run, Steps: []CheckpointData{{Seq: seq, State: a[2], Kind: "enter"}}})
}

func (w *transcript) backfill(a []string) {
	s := w.states[a[0]]
	instants, err := InstantsOf(s.Info(), w.plans[a[0]].Schedule, w.time(a[1]), w.time(a[2]), w.now)
	require.NoError(w.t, err)
	w.apply(a[0], Backfill{Key: w.nextKey(), Instants: instants})
	w.key += int64(len(instants))
}

// retire takes a flow out of the program.
func (w *transcript) retire(flow string) {
	w.apply(flow, Retire{})
	w.plans[flow] = Plan{}
}

// crash starts the process after its death, and settles the runs that were in flight.
func (w *transcript) crash(blames bool) {
	w.since = w.now
	judgement := JudgeCrash(w.inFlight())
	for _, flow := range w.order {
		end := Interrupt{Error: "interrupted: the process died"}
		open := slices.Clone(w.states[flow].Open)
		slices.SortStableFunc(open, func(a, b *Run) int { return cmp.Compare(b.Order, a.Order) })
		for _, run := range open {
			e, u := end, w.unit(flow, run)
			e.Run, e.Mark, e.Spared = run.Number, w.marks[flow+strconv.FormatInt(run.Number, 10)], !blames
			if v := judgement.Units[u]; blames {
				e.Spared, e.Suspect, e.Why = !v.Failed, v.Suspect, v.Why
			}
			w.apply(flow, e)
			end.Repeated = end.Repeated || u.Run == 0
		}
	}
}

// inFlight returns what a crash may be the failure of.
func (w *transcript) inFlight() (units []CrashUnit) {
	for _, flow := range w.order {
		for _, run := range w.states[flow].Open {
			if u := w.unit(flow, run); !slices.Contains(units, u) {
				units = append(units, u)
			}
		}
	}
	return units
}

func (w *transcript) unit(flow string, run *Run) CrashUnit {
	s := w.states[flow]
	if w.plans[flow].ContinuesAfterCrash() {
		return CrashUnit{Flow: flow, Run: run.Number, Suspect: s.Suspect || run.Suspect}
	}
	return CrashUnit{Flow: flow, Suspect: s.HasSuspects()}
}

// clock tells every flow that the wall clock has stepped.
func (w *transcript) clock(by time.Duration) {
	for _, flow := range w.order {
		if by <= -schedule.CorrectionJump {
			w.apply(flow, Correct{By: by.Milliseconds()})
		} else {
			w.apply(flow, Adjust{By: by.Milliseconds()})
		}
	}
}

// apply is a step of the driver: it applies an event, keeps the state and tells of the change.
func (w *transcript) apply(flow string, e Event) {
	s := w.states[flow]
	require.NotNil(w.t, s, "flow %q has no definition", flow)
	p := w.plans[flow]
	p.Since = w.since
	c, err := Apply(*s, e, w.now, p)
	if err != nil {
		fmt.Fprintf(&w.out, "    refused: %v\n", err)
		return
	}
	w.states[flow] = c.State
	w.mark(&c)
	w.tell(&c, p, flow)
}

// mark keeps the last checkpoint of a run, as the store does.
func (w *transcript) mark(c *Change) {
	if c.Checkpoints == nil {
		return
	}
	for _, step := range c.Checkpoints.Steps {
		id := c.ID + strconv.FormatInt(c.RunNumber, 10)
		m := Mark{Seq: step.Seq, State: step.State, Waits: step.Kind == KindTimer}
		if step.Kind == KindInterrupt || step.Kind == KindGiveUp {
			m.Stalled = w.marks[id].Stalled + 1
		}
		w.marks[id] = m
	}
}

// tell writes a change as lines for people.
func (w *transcript) tell(c *Change, p Plan, flow string) {
	w.line("    ", w.title(c, flow), w.plan(c, p), w.counts(c))
	for _, run := range c.Runs {
		w.line("      ", w.run(run))
	}
	if c.Tried != nil {
		w.line("      ", fmt.Sprintf("attempt %d: %s", c.Tried.Number, c.Tried.Status), c.Tried.Error)
	}
	if c.Checkpoints != nil {
		for _, step := range c.Checkpoints.Steps {
			w.line("      ", fmt.Sprintf("checkpoint %d: %s %s", step.Seq, step.Kind, step.State))
		}
	}
	for _, v := range c.Verdicts {
		w.line("      ", w.verdict(v))
	}
	if c.Token != nil {
		w.line("      ", fmt.Sprintf("key %s stands for run %d", c.Token.Key, c.Token.Number))
	}
	if c.Leak != 0 {
		w.line("      ", fmt.Sprintf("the job of run %d has not returned", c.Leak))
	}
	if summary := c.Transition(); summary.Summary() != "" {
		w.line("      ", "note: "+summary.Summary())
	}
}

// line writes the parts that are not empty.
func (w *transcript) line(indent string, parts ...string) {
	parts = slices.DeleteFunc(parts, func(part string) bool { return part == "" })
	w.out.WriteString(indent + strings.Join(parts, "; ") + "\n")
}

func (w *transcript) title(c *Change, flow string) string {
	of := ""
	if len(w.order) > 1 {
		of = flow + " "
	}
	return fmt.Sprintf("%s%s: %s -> %s", of, c.Event, c.From, c.Status)
}

// plan says when the flow runs next, and what holds it back.
func (w *transcript) plan(c *Change, p Plan) string {
	text := "next " + w.clockText(c.NextRun)
	if p.Schedule != nil && c.InFlight == 0 {
		if due := c.TickAt(w.now, p); !due.IsZero() && !due.Equal(c.NextRun) {
			text += ", starts " + w.clockText(due)
		}
	}
	if !c.Held.IsZero() {
		text += ", suppressed since " + w.clockText(c.Held)
	}
	if c.NextEligible.After(w.now) {
		text += ", backoff until " + w.clockText(c.NextEligible)
	}
	if !c.PausedAt.IsZero() {
		text += ", paused since " + w.clockText(c.PausedAt)
	}
	return text
}

func (w *transcript) counts(c *Change) string {
	var parts []string
	if c.FailureStreak > 0 {
		parts = append(parts, fmt.Sprintf("streak %d", c.FailureStreak))
	}
	for _, count := range []struct {
		n    int
		what string
	}{
		{c.InFlight, "in flight"}, {c.Waiting, "queued"}, {c.Backfill, "of a backfill queued"}, {c.Parked(), "parked"},
		{c.Blocked(), "blocked"}, {c.SuspectCount(), "suspect"},
	} {
		if count.n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", count.n, count.what))
		}
	}
	return strings.Join(parts, ", ")
}

func (w *transcript) run(r Run) string {
	text := fmt.Sprintf("run %d: %s", r.Number, r.Status)
	if r.Was != "" && r.Was != r.Status {
		text = fmt.Sprintf("run %d: %s -> %s", r.Number, r.Was, r.Status)
	}
	if r.Was == "" {
		text += fmt.Sprintf(", %s for %s", r.Trigger, w.clockText(r.ScheduledAt))
	}
	for _, part := range []struct {
		is   bool
		text string
	}{
		{r.Attempt > 1, fmt.Sprintf("attempt %d", r.Attempt)},
		{r.Restarts > 0, fmt.Sprintf("restart %d", r.Restarts)},
		{r.Status == RunWaiting, "from " + w.clockText(r.DueAt)},
		{r.Status == RunParked, "until " + w.clockText(r.DueAt)},
		{!r.Deadline.IsZero() && !r.Status.Over(), "deadline " + w.clockText(r.Deadline)},
		{r.Ending && !r.Status.Over(), "being cancelled"},
		{r.Lost && !r.Status.Over(), "being undone"},
		{r.Suspect, "suspect"},
		{r.Repeated, "repeated"},
		{r.Error != "", strconv.Quote(r.Error)},
	} {
		if part.is {
			text += ", " + part.text
		}
	}
	return text
}

func (w *transcript) verdict(v Verdict) string {
	text := w.clockText(v.First)
	if v.Count > 1 {
		text = fmt.Sprintf("%s to %s (%d)", text, w.clockText(v.Last), v.Count)
	}
	text += ": " + string(v.Kind)
	if v.Run != 0 {
		text += fmt.Sprintf(" by run %d", v.Run)
	}
	if v.Reason != "" {
		text += " (" + v.Reason + ")"
	}
	return text
}

// define gives a flow its plan.
func (w *transcript) define(flow, text string) {
	parts := strings.Split(text, "; ")
	p := Plan{Schedule: w.schedule(flow, parts[0]), Database: "transcript"}
	for _, part := range parts[1:] {
		w.option(&p, part)
	}
	require.NoError(w.t, p.Validate())
	w.plans[flow] = p
	if w.states[flow] == nil {
		p.Position = len(w.order)
		w.plans[flow] = p
		s := NewState(flow, int64(len(w.order)+1))
		w.states[flow] = &s
		w.order = append(w.order, flow)
	}
}

func (w *transcript) schedule(flow, text string) schedule.Schedule {
	word, rest, _ := strings.Cut(text, " ")
	var s schedule.Schedule
	var err error
	switch word {
	case "manual":
		return schedule.Manual()
	case "cron":
		s, err = schedule.Cron(rest)
	case "once":
		s, err = schedule.Once(w.time(rest))
	case "every":
		s, err = w.interval(rest)
	default:
		w.t.Fatalf("flow %q: %q is no schedule", flow, text)
	}
	require.NoError(w.t, err)
	return s
}

func (w *transcript) interval(text string) (schedule.Schedule, error) {
	length, how, _ := strings.Cut(text, " ")
	switch d := w.length(length); how {
	case "fixed rate":
		return schedule.FixedRate(d)
	case "aligned":
		return schedule.Aligned(d)
	default:
		return schedule.Every(d)
	}
}

func (w *transcript) option(p *Plan, text string) {
	var err error
	word, rest, _ := strings.Cut(text, " ")
	switch word {
	case "backoff":
		var b BackoffPolicy
		b, err = ParseBackoff(rest)
		p.Backoff = &b
	case "overlap":
		p.Overlap, err = ParseOverlap(rest)
	case "catch-up":
		p.CatchUp, err = ParseCatchUp(rest)
	case "retry":
		n, delay, _ := strings.Cut(rest, ", ")
		p.Retry = &Retry{Max: int(w.number(n))}
		p.Retry.Delay, err = ParseBackoff(delay)
		p.Retry.Delay.Jitter = NoJitter
	case "timeout":
		p.Timeout = w.length(rest)
	case "jitter":
		p.Jitter = w.length(rest)
	case "limit":
		p.Limit = w.number(rest)
	case "key":
		p.KeyFor = w.length(strings.TrimPrefix(rest, "window "))
	case "checkpoints":
		p.Resumes = true
	case "version":
		p.Version = int(w.number(rest))
	default:
		w.t.Fatalf("%q is no option of a flow", text)
	}
	require.NoError(w.t, err)
}

func (w *transcript) nextKey() int64 { w.key++; return w.key }

func (w *transcript) number(text string) int64 {
	n, err := strconv.ParseInt(text, 10, 64)
	require.NoError(w.t, err)
	return n
}

func (w *transcript) length(text string) time.Duration {
	d, err := time.ParseDuration(text)
	require.NoError(w.t, err)
	return d
}

// time reads a time of the transcript's day, or one with a date.
func (w *transcript) time(text string) time.Time {
	if !strings.Contains(text, "T") {
		text = w.day.Format(time.DateOnly) + "T" + text + "Z"
	}
	t, err := time.Parse(time.RFC3339Nano, text)
	require.NoError(w.t, err)
	return t.UTC()
}

func (w *transcript) clockText(t time.Time) string {
	switch {
	case t.IsZero():
		return "none"
	case t.UTC().Format(time.DateOnly) == w.day.Format(time.DateOnly):
		return t.UTC().Format("15:04:05.999")
	}
	return t.UTC().Format("2006-01-02T15:04:05.999Z")
}
