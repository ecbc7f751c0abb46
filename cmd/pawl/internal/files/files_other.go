//go:build !unix

package files

import "io/fs"

// There are neither symbolic links nor FIFOs in the file system.
const (
	NoFollow = 0
	nonBlock = 0
)

// Strangers cannot be told from the mode of a file.
func Strangers(fs.FileInfo) (who, remedy string) { return "", "" }

// EverybodyReads cannot be told from the mode of a file.
func EverybodyReads(fs.FileInfo) bool { return false }

// Private cannot be told from the mode of a folder.
func Private(info fs.FileInfo) bool { return info.IsDir() }
