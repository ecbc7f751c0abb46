package pawl

import (
	"context"
	"errors"

	"github.com/pawl-go/pawl/engine"
)

// ErrQueued is what a [Client.Queueing] answers when nobody owns the database: the
// command waits in the inbox for the next start.
var ErrQueued = errors.New("left in the inbox for the next start")

// Queueing is the client for whoever does not need an owner: what its methods ask for
// while nobody owns the database is left in the inbox, durably, and is [ErrQueued]
// instead of [ErrNoOwner]. The next start carries it out. It shares the connections of
// c, and is closed with it.
func (c *Client) Queueing() *Client {
	q := *c
	q.queueing = true
	return &q
}

// ownerless is the answer to a command that nobody is there to carry out.
func (c *Client) ownerless(ctx context.Context, command engine.Command) error {
	if !c.queueing {
		return ErrNoOwner
	}
	if _, err := c.post(ctx, command); err != nil {
		return err
	}
	return ErrQueued
}
