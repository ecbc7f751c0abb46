//go:build unix

package files

import (
	"fmt"
	"io/fs"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

const (
	NoFollow = unix.O_NOFOLLOW // a symbolic link is not opened
	nonBlock = unix.O_NONBLOCK // a FIFO without a writer is opened at once
)

// Strangers says who, other than us and root, can write a file, and what fixes
// that; nobody: empty.
func Strangers(info fs.FileInfo) (who, remedy string) {
	stat, ok := info.Sys().(*syscall.Stat_t)
	if ok && stat.Uid != 0 && int(stat.Uid) != os.Geteuid() {
		return fmt.Sprintf("user %d", stat.Uid), fmt.Sprintf("chown %d", os.Geteuid())
	}
	if info.Mode().Perm()&0o022 != 0 {
		return "the group or others", "chmod go-w"
	}
	return "", ""
}

// EverybodyReads says that any user of the machine can read a file.
func EverybodyReads(info fs.FileInfo) bool { return info.Mode().Perm()&0o004 != 0 }

// Private says that a folder is ours, and nobody else can look into it.
func Private(info fs.FileInfo) bool {
	stat, ok := info.Sys().(*syscall.Stat_t)
	return info.IsDir() && info.Mode().Perm() == 0o700 && (!ok || int(stat.Uid) == os.Geteuid())
}
