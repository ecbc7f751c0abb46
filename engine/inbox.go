package engine

import (
	"context"
	"fmt"
	"time"
)

// fromInbox makes a command of a row of the inbox. One that makes no sense is
// answered like any other, with an error.
func (e *Engine) fromInbox(row Command) command {
	c := command{inbox: row.ID}
	switch row.Verb {
	case "trigger":
		c.event = Reserve{Trigger: TriggerManual}
	case "reset":
		c.event = Reset{}
	default:
		c.err = fmt.Errorf("unknown command %q: want trigger or reset", Clip(row.Verb, 100))
		return c
	}
	c.flow, c.err = e.registered(row.Flow)
	return c
}

// pollInbox feeds commands of other processes to the driver, and looks for more
// when those are answered.
func (e *Engine) pollInbox() {
	tick := time.NewTicker(e.InboxPoll)
	defer tick.Stop()
	var waiting []Command // the store could not take their answers
	failing := false
	for {
		select {
		case <-tick.C:
		case <-e.stopping:
			return
		case <-e.drained:
			return
		}
		rows, err := e.Store.Inbox(context.Background())
		if err != nil && !failing {
			e.Logger.Error("pawl: the inbox cannot be read", "error", err)
		}
		failing = err != nil
		waiting = e.carryOut(append(waiting, rows...))
	}
}

// carryOut sends commands of the inbox to the driver and returns those that the
// store failed to answer.
func (e *Engine) carryOut(rows []Command) (failed []Command) {
	sent := make([]command, 0, len(rows))
	for _, row := range rows {
		c := e.fromInbox(row)
		c.reply = make(chan reply, 1)
		select {
		case e.commands <- c:
			sent = append(sent, c)
		case <-e.stopping:
			return nil // the rows wait for the next start
		}
	}
	for i, c := range sent {
		select {
		case r := <-c.reply:
			if r.unknown {
				failed = append(failed, rows[i])
			}
		case <-e.drained:
			return nil
		}
	}
	return failed
}
