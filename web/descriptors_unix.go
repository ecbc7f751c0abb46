//go:build unix

package web

import "syscall"

// descriptors is how many files the process may have open.
func descriptors() uint64 {
	var limit syscall.Rlimit
	if syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit) != nil {
		return 256
	}
	return uint64(limit.Cur)
}
