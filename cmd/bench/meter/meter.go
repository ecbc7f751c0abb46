// Package meter reads what this process has used.
package meter

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
	"strings"
	"syscall"
	"time"
)

// Use is what the process has used since it began.
type Use struct {
	CPU     time.Duration // of user and system, over all cores
	Written int64         // bytes handed to the disk; -1 where the system does not tell
}

// Now reads the use so far.
func Now() Use {
	var r syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &r); err != nil {
		return Use{Written: -1}
	}
	return Use{
		CPU:     time.Duration(r.Utime.Nano() + r.Stime.Nano()),
		Written: written(),
	}
}

// Since is what was used after u.
func Since(u Use) Use {
	now := Now()
	return Use{CPU: now.CPU - u.CPU, Written: now.Written - u.Written}
}

// written is write_bytes of /proc/self/io, which Linux alone has.
func written() int64 {
	text, err := field("/proc/self/io", "write_bytes:")
	if err != nil {
		return -1
	}
	var n int64
	if _, err := fmt.Sscan(text, &n); err != nil {
		return -1
	}
	return n
}

// field is what follows a name at the beginning of a line of a file.
func field(path, name string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		if text, ok := strings.CutPrefix(lines.Text(), name); ok {
			return strings.TrimSpace(text), nil
		}
	}
	return "", fmt.Errorf("%s has no line %q", path, name)
}

// Memory is the live heap and the resident memory of this process in bytes, once
// all garbage is gone.
func Memory() (heap, resident int64, err error) {
	runtime.GC()
	debug.FreeOSMemory()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	resident, err = Resident()
	return int64(m.HeapAlloc), resident, err
}

// Resident is the resident memory of this process in bytes, as Linux tells it.
func Resident() (int64, error) {
	text, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		return 0, err
	}
	fields := bytes.Fields(text)
	if len(fields) < 2 {
		return 0, errors.New("/proc/self/statm has no second field")
	}
	var pages int64
	_, err = fmt.Sscan(string(fields[1]), &pages)
	return pages * int64(os.Getpagesize()), err
}

// Peak is the most resident memory that this process ever had, in bytes.
func Peak() (int64, error) {
	text, err := field("/proc/self/status", "VmHWM:")
	if err != nil {
		return 0, err
	}
	var kilobytes int64
	_, err = fmt.Sscan(text, &kilobytes)
	return kilobytes << 10, err
}
