package web

import (
	"fmt"
	"slices"
	"time"

	"github.com/pawl-go/pawl"
	"github.com/pawl-go/pawl/web/internal/plain"
)

// lane is a flow along a stretch of time: what ran, what did not and why, what will.
type lane struct {
	Ticks []tick
	Label string
}

// tick is something on a lane; X and W are percentages of its length.
type tick struct {
	X, W string
	Y, H int
	Kind string
	Text string
	URL  string
}

const (
	laneHeight = 30
	thinnest   = 0.22 // percent of a lane that the shortest run takes
)

func (s stretch) tick(kind string, from, to time.Time, height int, text string) tick {
	x, end := s.place(from), s.place(to)
	width := max(end-x, thinnest)
	if kind == "ghost" && width == thinnest {
		kind = "ghost thin"
	}
	return tick{X: percent(min(x, 100-width)), W: percent(width), Y: laneHeight - 4 - height, H: height, Kind: kind, Text: text}
}

// known is what is known of a flow in a stretch.
type known struct {
	Flow        pawl.FlowInfo
	Runs        []pawl.RunInfo // newest first
	Full        bool           // there may be older ones
	Occurrences []pawl.Occurrence
	Next        []pawl.Instant
	More        bool // there are further ones
}

// lane draws what is to be seen behind first.
func (s stretch) lane(k known) lane {
	var l lane
	l.Ticks = append(l.Ticks, s.unread(k)...)
	l.Ticks = append(l.Ticks, s.held(k.Flow)...)
	for _, o := range k.Occurrences {
		text := fmt.Sprintf("%s, %s", s.instants(o.First, o.Last, o.Count), verdict(o))
		l.Ticks = append(l.Ticks, s.ghost(o, text))
	}
	l.Ticks = append(l.Ticks, s.coming(k)...)
	l.Ticks = append(l.Ticks, s.ran(k.Runs)...)
	l.Label = k.summary(s)
	return l
}

// ghost is what was not run. Where a run was in the way it stands above that.
func (s stretch) ghost(o pawl.Occurrence, text string) tick {
	t := s.tick("ghost", o.First, o.Last, 12, text)
	if o.Verdict == pawl.VerdictOverlap {
		t.Y, t.H = 1, 6
	}
	return t
}

// ran is the runs, the oldest first, those that failed on top; what lies too close to
// tell apart is one tick.
func (s stretch) ran(runs []pawl.RunInfo) []tick {
	var good, bad []tick
	var open pawl.RunInfo // the first of the tick that grows
	count, end := 0, time.Time{}
	flush := func() {
		if count > 0 {
			good = append(good, s.runTick(open, end, count))
		}
		count = 0
	}
	for _, r := range slices.Backward(runs) {
		over := s.over(r)
		if r.StartedAt.IsZero() || !r.StartedAt.Before(s.To) {
			continue
		}
		if r.Status.Failure() {
			bad = append(bad, s.runTick(r, over, 1))
			continue
		}
		if count > 0 && (r.Status != open.Status || s.place(r.StartedAt)-s.place(end) > thinnest) {
			flush()
		}
		if count == 0 {
			open = r
		}
		count++
		end = over
	}
	flush()
	return append(good, bad...)
}

// over is when a run ended, as far as it is known.
func (s stretch) over(r pawl.RunInfo) time.Time {
	d, _ := length(r, s.Now)
	return r.StartedAt.Add(d)
}

func (s stretch) runTick(first pawl.RunInfo, end time.Time, count int) tick {
	height := 16
	if heightOf(first.Status) == stripHeight {
		height = 24
	}
	if count > 1 {
		text := fmt.Sprintf("%s %s, %s to %s", plain.Count(count, "run"), runState(first.Status).Word, s.near(first.StartedAt), s.near(end))
		return s.tick(string(first.Status), first.StartedAt, end, height, text)
	}
	t := s.tick(string(first.Status), first.StartedAt, end, height, s.runTitle(first))
	t.URL = runURL(first.FlowID, first.Number)
	return t
}

// unread is the part whose runs were too many to read.
func (s stretch) unread(k known) []tick {
	if !k.Full || len(k.Runs) == 0 {
		return nil
	}
	oldest := k.Runs[len(k.Runs)-1].StartedAt
	if !oldest.After(s.From) {
		return nil
	}
	return []tick{s.tick("unread", s.From, oldest, 16, "runs before "+s.near(oldest)+" are too many to draw")}
}

// held is what is being held back still.
func (s stretch) held(f pawl.FlowInfo) []tick {
	if f.Held.IsZero() || !f.Held.Before(s.Now) || !f.Held.Before(s.To) || s.Now.Before(s.From) {
		return nil
	}
	return []tick{s.tick("ghost", f.Held, s.Now, 12, "since "+s.near(f.Held)+" not run: "+s.holding(f))}
}

// holding is why a flow holds back what is due.
func (c clock) holding(f pawl.FlowInfo) string {
	switch {
	case f.Status == pawl.StatusTripped:
		return fmt.Sprintf("tripped, it failed %s in a row", plain.Count(f.FailureStreak, "time"))
	case !f.PausedAt.IsZero():
		text := "paused"
		if !f.PausedUntil.IsZero() {
			text += " until " + c.near(f.PausedUntil)
		}
		return withMore(text, plain.FirstLine(f.PauseNote))
	}
	return "backoff until " + c.near(f.NextEligible)
}

// coming is the instants ahead: ghosts, if something stands in their way.
func (s stretch) coming(k known) (list []tick) {
	last, kind, held := s.Now, "next", ""
	for _, i := range k.Next {
		if !i.At.Before(s.To) {
			return list
		}
		text := s.near(i.At)
		if i.Estimate {
			text = "about " + text
		}
		if kind, held = "next", ""; i.Held != "" {
			kind, held = "ghost", ", "+plain.Text(i.Held)
		}
		if last = i.At; !last.Before(s.From) {
			list = append(list, s.tick(kind, i.At, i.At, 9, text+held))
		}
	}
	if k.More && last.Before(s.To) {
		list = append(list, s.tick(kind, last, s.To, 3, "and so on"+held))
	}
	return list
}

// counts is how much a lane shows.
type counts struct{ Ran, Failed, Skipped, Next, Held int64 }

func (k known) counts(s stretch) (n counts) {
	for _, r := range k.Runs {
		if r.StartedAt.IsZero() || r.StartedAt.Before(s.From) {
			continue
		}
		n.Ran++
		if heightOf(r.Status) == stripHeight {
			n.Failed++
		}
	}
	for _, o := range k.Occurrences {
		n.Skipped += o.Count
	}
	for _, i := range k.Next {
		switch {
		case !i.At.Before(s.To) || i.At.Before(s.From):
		case i.Held != "":
			n.Held++
		default:
			n.Next++
		}
	}
	return n
}

func (k known) summary(s stretch) string {
	n := k.counts(s)
	text := fmt.Sprintf("%s, %d failed, %d not run, %d to come", plain.Count(n.Ran, "run"), n.Failed, n.Skipped, n.Next)
	if n.Held > 0 {
		text += fmt.Sprintf(", %d held back", n.Held)
	}
	return text
}
