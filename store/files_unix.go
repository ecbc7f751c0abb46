//go:build unix

package store

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"golang.org/x/sys/unix"
)

// checkLinksAndOwner returns an error if somebody else may have put a file beside the database
// that SQLite would take for its own. In a folder where everybody can make files, such
// as /tmp, it has to belong to us, to root or to the owner of the database, and to have one
// name: a hard link may be a file of ours elsewhere. A symbolic link is refused anywhere.
func checkLinksAndOwner(path string) error {
	owners := map[uint32]bool{0: true, uint32(os.Geteuid()): true}
	if info, err := os.Stat(path); err == nil {
		owners[owner(info)] = true
	}
	folder, err := os.Stat(filepath.Dir(path))
	if err != nil {
		return fmt.Errorf("database: %w", err)
	}
	public := folder.Mode().Perm()&0o002 != 0
	for _, side := range []string{"-wal", "-shm", "-journal"} {
		info, err := os.Lstat(path + side)
		switch {
		case errors.Is(err, fs.ErrNotExist):
		case err != nil:
			return fmt.Errorf("database: %w", err)
		case !info.Mode().IsRegular():
			return fmt.Errorf("%s is in the way: it is not a regular file; remove it, or choose another name for the database", path+side)
		case public && !owners[owner(info)]:
			return fmt.Errorf("%w: %s belongs to user %d, in a folder where everybody can make files; remove it, or move the database to a folder of its own",
				os.ErrPermission, path+side, owner(info))
		case public && links(info) > 1:
			return fmt.Errorf("%w: %s is another file too (it has %d hard links), in a folder where everybody can make files; remove it, or move the database to a folder of its own",
				os.ErrPermission, path+side, links(info))
		}
	}
	return nil
}

// links is how many names a file has.
func links(info fs.FileInfo) uint64 {
	if stat, ok := info.Sys().(*syscall.Stat_t); ok {
		return uint64(stat.Nlink)
	}
	return 1
}

func owner(info fs.FileInfo) uint32 {
	if stat, ok := info.Sys().(*syscall.Stat_t); ok {
		return stat.Uid
	}
	return 0
}

// mayWrite returns an error if this process may not write a file or folder. It does not open
// the file: closing it again would drop the locks that this process may hold on it.
func mayWrite(path string) error {
	err := unix.Faccessat(unix.AT_FDCWD, path, unix.W_OK, unix.AT_EACCESS)
	if errors.Is(err, unix.EROFS) {
		return fs.ErrPermission
	}
	if errors.Is(err, fs.ErrPermission) || errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil // it cannot be told
}

// syncFolder makes the names in a folder durable.
func syncFolder(path string) error {
	folder, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(folder.Sync(), folder.Close())
}
