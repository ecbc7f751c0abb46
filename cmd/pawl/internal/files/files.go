package files

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/pawl-go/pawl/cmd/pawl/internal/term"
)

// OpenRegular opens a regular file to read it. Anything else is refused: to open a FIFO
// would block until somebody writes to it.
func OpenRegular(path string, flags int) (*os.File, fs.FileInfo, error) {
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

// ReadRegular reads a regular file of at most limit bytes.
func ReadRegular(path string, limit, flags int) ([]byte, fs.FileInfo, error) {
	file, info, err := OpenRegular(path, flags)
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

// Create makes a file that is not there yet, for us alone.
func Create(path string, text []byte) error {
	file, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = file.Write(text)
	return errors.Join(err, file.Close())
}

// WriteJSON writes a file that is there as a whole or not at all, which only we can read.
func WriteJSON(path string, content any) error {
	data, err := json.Marshal(content)
	if err != nil {
		return err
	}
	file, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".*") // with mode 0600
	if err != nil {
		return err
	}
	_, err = file.Write(append(data, '\n'))
	if err = errors.Join(err, file.Sync(), file.Close()); err == nil {
		err = os.Rename(file.Name(), path)
	}
	if err != nil {
		os.Remove(file.Name())
	}
	return err
}
