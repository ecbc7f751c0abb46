package store

import (
	"encoding/json"
	"time"

	"github.com/pawl-go/pawl/engine"
	"github.com/pawl-go/pawl/engine/core"
)

// shutdownRecord is what an owner writes into the lock file when it stops while the
// database takes no writes: that it stopped in order, and how its runs ended.
type shutdownRecord struct {
	Of       int64       `json:"stopped_generation,omitempty"`
	Stopping time.Time   `json:"stopping_at,omitzero"`
	Ends     []endRecord `json:"ends,omitempty"`
}

type endRecord struct {
	Flow      string         `json:"flow"`
	Run       int64          `json:"run"`
	Error     string         `json:"error,omitempty"`
	As        core.RunStatus `json:"as,omitempty"`
	Permanent bool           `json:"permanent,omitempty"`
	ExitCode  int            `json:"exit_code,omitempty"`
	Output    core.JSON      `json:"output,omitempty"`
	Ended     int64          `json:"ended,omitempty"`
}

// The limits keep the lock file within the block that it already has: the disk may be full.
const (
	shutdownSize      = 3 << 10
	shutdownErrorSize = 200
)

// Farewell implements [engine.Store].
func (s *Store) Farewell(f engine.Farewell) error {
	left := shutdownRecord{Of: f.Generation, Stopping: f.StoppingAt}
	size := 0
	for _, e := range f.Ends {
		end := endRecord(e)
		end.Error = core.Clip(e.Error, shutdownErrorSize)
		text, err := json.Marshal(end)
		if err != nil {
			return err
		}
		if size+len(text) > shutdownSize {
			continue // the next start closes the run as interrupted, without blame
		}
		size += len(text)
		left.Ends = append(left.Ends, end)
	}
	s.lock.holder.shutdownRecord, s.lock.holder.Degraded = left, ""
	return s.lock.write()
}

// addShutdownRecord adds the shutdown record of the last owner to what the database says of
// that owner.
func (s *Store) addShutdownRecord(snap *engine.Snapshot) {
	left := s.lock.holder.shutdownRecord
	if snap.Previous == nil || left.Of != snap.Previous.Generation || snap.Doubt != "" {
		return
	}
	snap.Previous.StoppingAt = left.Stopping
	for _, e := range left.Ends {
		snap.Ends = append(snap.Ends, engine.End(e))
	}
}
