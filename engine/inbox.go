package engine

import (
	"context"
	"fmt"
	"time"
)

// fromInbox makes a command of a row of the inbox. One that makes no sense is
// answered like any other, with an error.
func (e *Engine) fromInbox(row Command) command {
	c := command{inbox: true, row: row.ID}
	switch row.Verb {
	case "trigger":
		c.event = Reserve{Trigger: TriggerManual}
	case "reset":
		c.event = Reset{}
	case "claim":
		c.claim = true
		return c
	default:
		c.err = fmt.Errorf("unknown command %q: want trigger, reset or claim", Clip(row.Verb, 100))
		return c
	}
	c.flow, c.err = e.registered(row.Flow)
	return c
}

// inboxRest is how long nobody has to ask for anything until the inbox is looked
// at half as often: waking up is most of what an idle process costs.
const inboxRest = time.Minute

// pollInbox feeds commands of other processes to the driver, and looks for more
// when those are answered. What the store failed to answer is read once more:
// only the rows know whether it was carried out.
func (e *Engine) pollInbox() {
	timer := time.NewTimer(e.InboxPoll)
	defer timer.Stop()
	var used time.Time // when it last held something
	again, failing, told := false, false, false
	for {
		select {
		case <-timer.C:
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
		if time.Since(used) < inboxRest {
			timer.Reset(e.InboxPoll)
		} else {
			timer.Reset(2 * e.InboxPoll)
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
