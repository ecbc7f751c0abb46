// Package faultvfs stands between SQLite and the disk, for tests: it fails a
// storage operation of one's choice as a bad disk would, and keeps a log of all of
// them, from which a [Disk] works out what a power cut at any moment leaves.
//
//	storage := faultvfs.Watch(t.TempDir())
//	defer storage.Close()
//	storage.Fail = func(n int, op faultvfs.Op) faultvfs.Fault {
//		if n == 17 {
//			return faultvfs.EIO
//		}
//		return faultvfs.None
//	}
//
// It is SQLite's default VFS from the first Watch on, so that every connection of
// the process goes through it, whoever opens it. Two things it does not see: what
// is written to the index of the log (-shm), which is shared memory and made anew
// after a crash, and what a program writes without SQLite.
package faultvfs
