package faultvfs

import (
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
)

// Kind is what an operation does to a file.
type Kind string

// The kinds of operations.
const (
	Open     Kind = "open" // of a file that is not there yet, so that it is made
	Write    Kind = "write"
	Sync     Kind = "sync"
	Truncate Kind = "truncate"
	Delete   Kind = "delete"
	Mark     Kind = "mark" // of the test, see [Storage.Mark]
)

// The kinds of operations that change nothing, see [Storage.FailRead].
const (
	Read Kind = "read"
	Map  Kind = "map"  // of a part of the log's index (-shm) into memory, which makes it if need be
	Lock Kind = "lock" // of a part of that; unlocking always succeeds
)

// Op is an operation on the storage.
type Op struct {
	Kind   Kind
	File   string // without its folder
	Offset int64  // of a write, a read and what is mapped or locked; the new size of a truncated file
	Data   []byte // that is written
	Folder bool   // the names in the folder become durable with it, too
	Note   int64  // of a mark
	Failed bool   // a sync that failed: what it was to write, the system has forgotten to write
}

// Fault is what becomes of an operation.
type Fault int

// Every fault but Skip makes the operation fail.
const (
	None  Fault = iota
	EIO         // nothing is done
	Full        // nothing is done: there is no space
	Short       // half of a write is done, then there is no space; anything else fails as with EIO
	Skip        // nothing is done, but it is taken for done, by the log too
)

// Storage is what SQLite does to the files of one folder.
type Storage struct {
	// Fail decides what becomes of the nth operation, counted from 1; nil: it is
	// done. Set it before the first one.
	Fail func(n int, op Op) Fault

	// FailRead does the same for operations that change nothing, which are counted
	// apart and not in the log. Whatever it returns but None is an EIO. It is called
	// from several goroutines at once.
	FailRead func(n int, op Op) Fault

	folder string
	reads  atomic.Int64
	mu     sync.Mutex
	count  int
	log    []Op
}

var (
	watchedMu sync.RWMutex
	watched   []*Storage
)

// Watch begins to watch a folder. Files that are open already are not seen.
func Watch(folder string) *Storage {
	register()
	if real, err := filepath.EvalSymlinks(folder); err == nil { // as SQLite sees it
		folder = real
	}
	s := &Storage{folder: filepath.Clean(folder) + string(filepath.Separator)}
	watchedMu.Lock()
	defer watchedMu.Unlock()
	watched = append(watched, s)
	return s
}

// Close ends the watch.
func (s *Storage) Close() {
	watchedMu.Lock()
	defer watchedMu.Unlock()
	watched = slices.DeleteFunc(watched, func(w *Storage) bool { return w == s })
}

// Log is what was done so far, in order. What failed is not in it, but for syncs
// and for the part of a short write that was done.
func (s *Storage) Log() []Op {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.log)
}

// Forget empties the log.
func (s *Storage) Forget() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.log = nil
}

// Count is how many operations there were so far.
func (s *Storage) Count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.count
}

// Reads is how many operations there were so far that change nothing.
func (s *Storage) Reads() int { return int(s.reads.Load()) }

// Mark puts a note of the test into the log, such as what was acknowledged.
func (s *Storage) Mark(note int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.log = append(s.log, Op{Kind: Mark, Note: note})
}

// find returns nil for a file that nobody watches.
func find(path string) *Storage {
	watchedMu.RLock()
	defer watchedMu.RUnlock()
	for _, s := range watched {
		if strings.HasPrefix(path, s.folder) {
			return s
		}
	}
	return nil
}

// do carries an operation out, or fails it. act does it, or the first part of a
// write, and returns SQLite's result code.
func (s *Storage) do(op Op, act func(data []byte) int32) int32 {
	s.mu.Lock()
	defer s.mu.Unlock() // operations are in the log in the order in which they are done
	s.count++
	fault := None
	if s.Fail != nil {
		fault = s.Fail(s.count, op)
	}
	switch {
	case fault == Skip:
		act = func([]byte) int32 { return 0 }
	case fault == Short && op.Kind == Write:
		op.Data = op.Data[:len(op.Data)/2]
	case fault != None:
		if op.Kind == Sync {
			op.Failed = true
			s.log = append(s.log, op)
		}
		return fault.code(op.Kind)
	}
	rc := act(op.Data)
	if rc == 0 {
		s.log = append(s.log, op)
	}
	if fault == Short {
		return Full.code(Write)
	}
	return rc
}

// look carries an operation out that changes nothing, or fails it.
func (s *Storage) look(op Op, act func() int32) int32 {
	n := int(s.reads.Add(1))
	if s.FailRead != nil && s.FailRead(n, op) != None {
		return EIO.code(op.Kind)
	}
	return act()
}
