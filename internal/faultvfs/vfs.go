package faultvfs

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"unsafe"

	"modernc.org/libc"
	sqlite3 "modernc.org/sqlite/lib"
)

// This file alone knows how modernc.org/sqlite calls a VFS: a function pointer of C
// is the address of a Go function value, a struct of C lies outside Go's memory.

type (
	openFunc     func(tls *libc.TLS, vfs, name, file uintptr, flags int32, out uintptr) int32
	deleteFunc   func(tls *libc.TLS, vfs, name uintptr, syncFolder int32) int32
	closeFunc    func(tls *libc.TLS, file uintptr) int32
	writeFunc    func(tls *libc.TLS, file, data uintptr, n int32, offset int64) int32
	truncateFunc func(tls *libc.TLS, file uintptr, size int64) int32
	syncFunc     func(tls *libc.TLS, file uintptr, flags int32) int32
	readFunc     func(tls *libc.TLS, file, data uintptr, n int32, offset int64) int32
	mapFunc      func(tls *libc.TLS, file uintptr, region, size, extend int32, out uintptr) int32
	lockFunc     func(tls *libc.TLS, file uintptr, offset, n, flags int32) int32
)

// at is the struct at an address of C.
func at[T any](address uintptr) *T { return *(**T)(unsafe.Pointer(&address)) }

// fromC is the Go function behind a function pointer of C.
func fromC[F any](pointer uintptr) F { return *(*F)(unsafe.Pointer(&pointer)) }

// toC is the function pointer of a function that is never garbage, as those of
// this package are.
func toC[F any](f F) uintptr { return *(*uintptr)(unsafe.Pointer(&f)) }

var (
	base    sqlite3.Tsqlite3_vfs // the system's
	methods sync.Map             // of the system, *sqlite3.Tsqlite3_io_methods, to a copy of C's with ours in it
	files   sync.Map             // the address of an open file to its *file
)

// file is an open file in a folder that is watched.
type file struct {
	storage *Storage
	name    string
	isNew   bool // SQLite makes the name durable with the first sync
	system  *sqlite3.Tsqlite3_io_methods
}

// register puts the VFS in front of the system's.
var register = sync.OnceFunc(func() {
	tls := libc.NewTLS()
	base = *at[sqlite3.Tsqlite3_vfs](sqlite3.Xsqlite3_vfs_find(tls, 0))
	ours := base
	ours.FpNext = 0
	ours.FzName, _ = libc.CString("fault")
	ours.FxOpen = toC[openFunc](open)
	ours.FxDelete = toC[deleteFunc](remove)
	if rc := sqlite3.Xsqlite3_vfs_register(tls, keep(tls, ours), 1); rc != 0 {
		panic("faultvfs: SQLite does not take the VFS")
	}
})

// keep copies a struct to where C can see it, for good.
func keep[T any](tls *libc.TLS, value T) uintptr {
	address := libc.Xmalloc(tls, libc.Tsize_t(unsafe.Sizeof(value)))
	*at[T](address) = value
	return address
}

func open(tls *libc.TLS, vfs, name, handle uintptr, flags int32, out uintptr) int32 {
	system := func([]byte) int32 { return fromC[openFunc](base.FxOpen)(tls, vfs, name, handle, flags, out) }
	path := libc.GoString(name)
	storage := find(path)
	if storage == nil {
		return system(nil)
	}
	f := &file{storage: storage, name: filepath.Base(path)}
	_, err := os.Lstat(path)
	f.isNew = errors.Is(err, fs.ErrNotExist) && flags&sqlite3.SQLITE_OPEN_CREATE != 0
	var rc int32
	if f.isNew {
		rc = storage.do(Op{Kind: Open, File: f.name}, system)
	} else {
		rc = system(nil)
	}
	if rc == 0 {
		f.intercept(tls, at[sqlite3.Tsqlite3_file](handle))
		files.Store(handle, f)
	}
	return rc
}

// intercept puts our methods in place of those that write, read, and share the index.
func (f *file) intercept(tls *libc.TLS, handle *sqlite3.Tsqlite3_file) {
	f.system = at[sqlite3.Tsqlite3_io_methods](handle.FpMethods)
	copied, ok := methods.Load(f.system)
	if !ok {
		ours := *f.system
		ours.FxClose = toC[closeFunc](closeFile)
		ours.FxWrite = toC[writeFunc](write)
		ours.FxTruncate = toC[truncateFunc](truncate)
		ours.FxSync = toC[syncFunc](syncFile)
		ours.FxRead = toC[readFunc](read)
		ours.FxShmMap = toC[mapFunc](mapIndex)
		ours.FxShmLock = toC[lockFunc](lockIndex)
		copied, _ = methods.LoadOrStore(f.system, keep(tls, ours))
	}
	handle.FpMethods = copied.(uintptr)
}

func opened(handle uintptr) *file {
	f, _ := files.Load(handle)
	return f.(*file)
}

func closeFile(tls *libc.TLS, handle uintptr) int32 {
	f, _ := files.LoadAndDelete(handle)
	return fromC[closeFunc](f.(*file).system.FxClose)(tls, handle)
}

func write(tls *libc.TLS, handle, data uintptr, n int32, offset int64) int32 {
	f := opened(handle)
	op := Op{Kind: Write, File: f.name, Offset: offset, Data: slices.Clone(unsafe.Slice(at[byte](data), n))}
	return f.storage.do(op, func(part []byte) int32 {
		return fromC[writeFunc](f.system.FxWrite)(tls, handle, data, int32(len(part)), offset)
	})
}

func truncate(tls *libc.TLS, handle uintptr, size int64) int32 {
	f := opened(handle)
	return f.storage.do(Op{Kind: Truncate, File: f.name, Offset: size}, func([]byte) int32 {
		return fromC[truncateFunc](f.system.FxTruncate)(tls, handle, size)
	})
}

func syncFile(tls *libc.TLS, handle uintptr, flags int32) int32 {
	f := opened(handle)
	rc := f.storage.do(Op{Kind: Sync, File: f.name, Folder: f.isNew}, func([]byte) int32 {
		return fromC[syncFunc](f.system.FxSync)(tls, handle, flags)
	})
	if rc == 0 {
		f.isNew = false
	}
	return rc
}

func read(tls *libc.TLS, handle, data uintptr, n int32, offset int64) int32 {
	f := opened(handle)
	return f.storage.look(Op{Kind: Read, File: f.name, Offset: offset}, func() int32 {
		return fromC[readFunc](f.system.FxRead)(tls, handle, data, n, offset)
	})
}

func mapIndex(tls *libc.TLS, handle uintptr, region, size, extend int32, out uintptr) int32 {
	f := opened(handle)
	*at[uintptr](out) = 0
	return f.storage.look(Op{Kind: Map, File: f.index(), Offset: int64(region) * int64(size)}, func() int32 {
		return fromC[mapFunc](f.system.FxShmMap)(tls, handle, region, size, extend, out)
	})
}

func lockIndex(tls *libc.TLS, handle uintptr, offset, n, flags int32) int32 {
	f := opened(handle)
	system := func() int32 { return fromC[lockFunc](f.system.FxShmLock)(tls, handle, offset, n, flags) }
	if flags&sqlite3.SQLITE_SHM_LOCK == 0 {
		return system() // SQLite counts on what it gives back
	}
	return f.storage.look(Op{Kind: Lock, File: f.index(), Offset: int64(offset)}, system)
}

// index is the name of that of the file's log.
func (f *file) index() string { return f.name + "-shm" }

func remove(tls *libc.TLS, vfs, name uintptr, syncFolder int32) int32 {
	system := func([]byte) int32 { return fromC[deleteFunc](base.FxDelete)(tls, vfs, name, syncFolder) }
	path := libc.GoString(name)
	storage := find(path)
	if storage == nil {
		return system(nil)
	}
	return storage.do(Op{Kind: Delete, File: filepath.Base(path), Folder: syncFolder != 0}, system)
}

// code is the result code of SQLite for an operation that fails.
func (f Fault) code(kind Kind) int32 {
	if f == Full && kind == Write {
		return sqlite3.SQLITE_FULL
	}
	switch kind {
	case Open:
		return sqlite3.SQLITE_CANTOPEN
	case Sync:
		return sqlite3.SQLITE_IOERR_FSYNC
	case Truncate:
		return sqlite3.SQLITE_IOERR_TRUNCATE
	case Delete:
		return sqlite3.SQLITE_IOERR_DELETE
	case Read:
		return sqlite3.SQLITE_IOERR_READ
	case Map:
		return sqlite3.SQLITE_IOERR_SHMMAP
	case Lock:
		return sqlite3.SQLITE_IOERR_SHMLOCK
	}
	return sqlite3.SQLITE_IOERR_WRITE
}
