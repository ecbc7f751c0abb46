package engine

import (
	"strings"
	"time"
)

// WAL is the write-ahead log of a store beside its file. While another process has a
// transaction open that reads, nothing that was committed after it began can be moved
// into the file, so the log grows.
type WAL struct {
	Size    int64    // bytes
	File    int64    // bytes of the file
	Readers []string // who keeps an excessive log from being truncated, as far as known
}

const (
	walNoticed = 64 << 20 // bytes: a shorter log is not excessive
	walShare   = 4        // times the file
	walLarge   = 1 << 30  // bytes: a log of this is excessive beside any file
)

// Excessive says whether the log is so long that somebody has to know.
func (w WAL) Excessive() bool {
	return w.Size >= walNoticed && (w.Size >= walShare*w.File || w.Size >= walLarge)
}

// tendEvery is how often the store is tended while it may have something to do: what
// a reader that ended kept it from doing is done within a minute.
const tendEvery = 20 * time.Second

// tending is what the driver knows of the upkeep of its store.
type tending struct {
	next   time.Time // monotonic
	wanted bool      // there were commits since the last time, or it was not done then
	ill    bool      // the last attempt failed
	told   int64     // length of the log that was logged as excessive; 0: it is not
}

// tend lets the store do its upkeep when that is due.
func (e *Engine) tend() {
	now, t := time.Now(), &e.tending
	if now.Before(t.next) || now.Before(e.retryAt) {
		return
	}
	t.next = now.Add(tendEvery)
	log, err := e.Store.Tend()
	if err != nil && !t.ill {
		e.Logger.Error("pawl: the log of the database cannot be truncated; it is tried again", "error", err)
	}
	t.ill = err != nil
	t.wanted = err != nil || log.Excessive()
	if err == nil {
		e.noticeLog(log)
	}
}

// noticeLog logs when the write-ahead log becomes excessive, each time that it has
// doubled, and when that is over.
func (e *Engine) noticeLog(w WAL) {
	t := &e.tending
	switch {
	case w.Excessive() && w.Size >= 2*t.told:
		t.told = w.Size
		readers := "unknown"
		if len(w.Readers) > 0 {
			readers = strings.Join(w.Readers, ", ")
		}
		e.Logger.Warn("pawl: the write-ahead log grows, since a program reads the database for long; end its transaction",
			"bytes", w.Size, "file_bytes", w.File, "readers", readers)
	case !w.Excessive() && t.told > 0:
		t.told = 0
		e.Logger.Info("pawl: the write-ahead log is short again", "bytes", w.Size)
	}
}

// tendIn is how long the driver may sleep until the store has to be tended.
func (e *Engine) tendIn(now time.Time) time.Duration {
	if !e.tending.wanted {
		return lookDelay
	}
	return e.tending.next.Sub(now)
}
