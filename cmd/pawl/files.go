package main

import (
	"fmt"
	"github.com/pawl-go/pawl/cmd/pawl/internal/term"
	"io"
	"io/fs"
	"os"
)

// openRegular opens a regular file to read it. Anything else is refused: to open a FIFO
// would block until somebody writes to it.
func openRegular(path string, flags int) (*os.File, fs.FileInfo, error) {
	file, err := os.OpenFile(path, os.O_RDONLY|nonBlock|flags, 0)
	if err != nil {
		return nil, nil, err
	}
	info, err := file.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = fmt.Errorf("%s is a %s: give a regular file", path, kindOf(info.Mode()))
	}
	if err != nil {
		file.Close()
		return nil, nil, err
	}
	return file, info, nil
}

// readRegular reads a regular file of at most limit bytes.
func readRegular(path string, limit, flags int) ([]byte, fs.FileInfo, error) {
	file, info, err := openRegular(path, flags)
	if err != nil {
		return nil, nil, err
	}
	defer file.Close()
	data, err := io.ReadAll(io.LimitReader(file, int64(limit)+1))
	if err == nil && len(data) > limit {
		err = fmt.Errorf("%s is larger than %s, the most that is read: give a smaller file", path, term.Bytes(int64(limit)))
	}
	return data, info, err
}

// kindOf names what is not a regular file.
func kindOf(mode fs.FileMode) string {
	switch {
	case mode.IsDir():
		return "directory"
	case mode&fs.ModeNamedPipe != 0:
		return "FIFO or pipe"
	case mode&fs.ModeSocket != 0:
		return "socket"
	}
	return "device"
}
