package engine

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/pawl-go/pawl/engine/core"
)

// verbs are the commands that the inbox knows.
const verbs = "trigger, probe, reset, cancel, pause, resume, backfill, forget, claim or accept_clock"

// fromInbox makes a command of a row of the inbox. One that makes no sense is
// answered like any other, with an error.
func (e *Engine) fromInbox(row Command) command {
	c := command{inbox: true, row: row.ID}
	if row.TooLong != "" {
		c.err, c.posted, c.rest = fmt.Errorf("%w: %s; the arguments were taken off the row; store a large value elsewhere and pass a reference", core.ErrTooLarge, row.TooLong), &row, new(string)
		return c
	}
	a, err := parseArgs(row.Verb, row.Args)
	if err != nil {
		c.err, c.posted = fmt.Errorf("args: %w", err), &row
		return c
	}
	if !a.Waits {
		c.posted = &row
	}
	if row.Verb == "claim" {
		c.claim = true
		return c
	}
	if row.Verb == acceptClock {
		c.accept = true
		return c
	}
	if row.Verb == "forget" {
		c.do = func() reply { return reply{err: e.forget(row.Flow, &Answer{ID: row.ID, At: e.now(), Result: "done"})} }
		return c
	}
	if c.event, c.err = a.event(row); c.err != nil {
		return c
	}
	if a.Input != "" {
		a.Input = ""
		rest := a.String()
		c.rest = &rest
	}
	// Not target: at a start the flow may be adopted by the same batch. Apply refuses one that
	// is not registered.
	if c.flow, c.err = e.find(row.Flow); c.err != nil {
		return c
	}
	if b, ok := c.event.(core.Backfill); ok && c.flow.plan().Schedule != nil {
		c.again = a.Again
		b.Posted = c.posted != nil
		b.Instants, c.err = core.InstantsOf(c.flow.info(), c.flow.plan().Schedule, a.From, a.To, e.now())
		c.event = b
	}
	return c
}

// event is what a row asks for.
func (a Args) event(row Command) (core.Event, error) {
	switch row.Verb {
	case "probe":
		return core.Reserve{Trigger: core.TriggerProbe}, nil
	case "trigger":
		ask := core.Ask{Input: a.Input, StartAt: a.StartAt, Token: a.Key}
		if err := ask.Validate(); err != nil {
			return nil, err
		}
		if a.Overlap != "" {
			o, err := core.ParseOverlap(a.Overlap)
			if err != nil {
				return nil, err
			}
			ask.Overlap = &o
		}
		return core.Reserve{Trigger: core.TriggerManual, Ask: ask, Posted: !a.Waits}, nil
	case "reset":
		return core.Reset{Reason: row.Why}, nil
	case "cancel":
		if a.Run == 0 {
			return nil, errors.New(`cancel needs the number of a run in args: {"run": 17}`)
		}
		return core.Abort{Run: a.Run, Reason: row.Why, Force: a.Force}, nil
	case "pause":
		return core.Pause{Note: row.Why, Until: a.Until, For: time.Duration(a.For)}, nil
	case "resume":
		return core.Resume{From: a.From}, nil
	case "backfill":
		if a.Drop {
			return core.Drop{Reason: row.Why}, nil
		}
		return core.Backfill{}, nil
	}
	return nil, fmt.Errorf("unknown command %q: want %s", core.Clip(row.Verb, 100), verbs)
}

// tellRefused logs and counts what a batch refused although it was committed in the inbox
// and nobody waits for the answer.
func (e *Engine) tellRefused(b batch) {
	answers := b.Answers
	for _, c := range b.commands {
		if !c.inbox {
			continue
		}
		if refusal := answers[0].Error; refusal != "" && c.posted != nil {
			e.refusals.Add(1)
			e.Logger.Warn("pawl: a committed request was refused; its row in pawl_commands has the reason",
				"command", c.row, "verb", core.Clip(c.posted.Verb, 100), "flow", core.Clip(c.posted.Flow, 100), "by", core.Clip(c.posted.By, 100), "error", refusal)
		}
		answers = answers[1:]
	}
}

// Refusals is how many rows of the inbox were refused since the start while nobody waited
// for their answers.
func (e *Engine) Refusals() int64 { return e.refusals.Load() }

// inboxRest is how long nobody has to ask for anything until the inbox is looked
// at half as often: waking up is most of what an idle process costs.
const inboxRest = time.Minute

// A nudged poller looks often for a while, since somebody is about to commit a row,
// and then less often for a longer one.
const (
	nudgePause = 5 * time.Millisecond
	nudgeLooks = 400
	laterPause = 50 * time.Millisecond
	laterLooks = 2400
)

// afterNudge is the time to the next look, when so many are left.
func afterNudge(looks int) time.Duration {
	if looks > laterLooks {
		return nudgePause
	}
	return laterPause
}

// Nudge tells the poller that a row is about to be committed.
func (e *Engine) Nudge() {
	select {
	case e.nudged <- struct{}{}:
	default:
	}
}

// pollInbox feeds commands of other processes to the driver, and looks for more
// when those are answered. What the store failed to answer is read once more:
// only the rows know whether it was carried out. Without a pause it looks when it is
// nudged alone.
func (e *Engine) pollInbox() {
	timer := time.NewTimer(e.InboxPoll)
	defer timer.Stop()
	if e.InboxPoll == 0 {
		timer.Stop()
	}
	used := time.Time{} // when it last held something
	soon := 0           // looks that are left of those after a nudge
	again, failing, told := false, false, false
	for {
		select {
		case <-timer.C:
		case <-e.nudged:
			soon = nudgeLooks + laterLooks
		case <-e.stopping:
			return
		case <-e.drained:
			return
		}
		rows, err := e.Store.Inbox(context.Background(), again)
		if err != nil && !failing {
			e.probe() // most often it takes no writes either, and the driver says so
		} else if err != nil && !told && e.Degraded() == nil {
			e.Logger.Error("pawl: the inbox cannot be read", "error", err)
			told = true
		}
		failing, told = err != nil, told && err != nil
		again = failing || !e.carryOut(rows)
		if len(rows) > 0 {
			used = time.Now()
		}
		pause := e.InboxPoll
		if time.Since(used) >= inboxRest {
			pause *= 2
		}
		if soon > 0 {
			soon--
			if sooner := afterNudge(soon); pause == 0 || sooner < pause {
				pause = sooner
			}
		}
		if pause > 0 {
			timer.Reset(pause)
		}
	}
}

// carryOut sends commands of the inbox to the driver and says whether the store
// took all answers.
func (e *Engine) carryOut(rows []Command) bool {
	sent := make([]command, 0, len(rows))
	for _, row := range rows {
		c := e.fromInbox(row)
		c.reply = make(chan reply, 1)
		select {
		case e.commands <- c:
			sent = append(sent, c)
		case <-e.stopping:
			return true // the rows wait for the next start
		case <-e.drained:
			return true
		}
	}
	all := true
	for _, c := range sent {
		select {
		case r := <-c.reply:
			all = all && !r.unknown
		case <-e.drained:
			return true
		}
	}
	return all
}
