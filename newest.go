package pawl

import (
	"context"
	"fmt"
)

// NewestTransition is the Seq of the newest transition, from which on
// [Client.Transitions] tells only what is new; 0: there is none yet.
func (c *Client) NewestTransition(ctx context.Context) (seq int64, err error) {
	if seq, err = c.reader.NewestSeq(ctx); err != nil {
		return 0, fmt.Errorf("newest transition: %w", err)
	}
	return seq, nil
}
