//go:build !linux

package store

import "os"

// fileID tells files apart.
type fileID struct{ file os.FileInfo }

func (i fileID) same(j fileID) bool { return os.SameFile(i.file, j.file) }

func fileAt(path string) (fileID, error) {
	info, err := os.Stat(path)
	return fileID{info}, err
}
