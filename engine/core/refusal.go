package core

import (
	"errors"
	"fmt"
)

// Refusals for the driver, which no caller sees: it evaluates the flow again.
var (
	ErrNotDue      = errors.New("flow is not due")
	ErrNotInFlight = errors.New("run is not in flight")
	ErrUnchanged   = errors.New("nothing to change")
	ErrFull        = errors.New("there is no room for a run")
	ErrUnread      = errors.New("the runs of a backfill cannot be read")
)

// DuplicateKey refuses a start whose key stands for a run already.
type DuplicateKey struct{ Run int64 }

func (k *DuplicateKey) Error() string { return fmt.Sprintf("its key stands for run %d", k.Run) }
