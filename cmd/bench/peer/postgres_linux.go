package peer

import (
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

// account is who runs a server.
type account struct {
	credential *syscall.Credential // nil: who runs us
}

// postgresUser is postgres or nobody where we are root.
func postgresUser() (account, error) {
	if os.Geteuid() != 0 {
		return account{}, nil
	}
	for _, name := range []string{"postgres", "nobody"} {
		u, err := user.Lookup(name)
		if err != nil {
			continue
		}
		uid, errUID := strconv.ParseUint(u.Uid, 10, 32)
		gid, errGID := strconv.ParseUint(u.Gid, 10, 32)
		if errUID == nil && errGID == nil {
			return account{&syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}}, nil
		}
	}
	return account{}, fmt.Errorf("%w: a user postgres or nobody to run PostgreSQL, which root cannot", ErrNotHere)
}

func (a account) makeDir(dir string) error {
	if err := os.Mkdir(dir, 0o700); err != nil || a.credential == nil {
		return err
	}
	return os.Chown(dir, int(a.credential.Uid), int(a.credential.Gid))
}

// dacOverride is the capability to pass directories of others: those above its
// own may be closed to all but root.
const dacOverride = 1

// runs makes a command run as the account and end when we do.
func (a account) runs(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: a.credential, Pdeathsig: syscall.SIGQUIT}
	if a.credential != nil {
		cmd.SysProcAttr.AmbientCaps = []uintptr{dacOverride}
		cmd.Dir = "/"
	}
}

// written is what the server and its children, also those that have ended, gave
// to the disk; -1 if the system does not tell.
func (p *postgres) written() int64 {
	pid := strconv.Itoa(p.cmd.Process.Pid)
	children, err := os.ReadFile(filepath.Join("/proc", pid, "task", pid, "children"))
	if err != nil {
		return -1
	}
	var sum int64
	for _, pid := range append(strings.Fields(string(children)), pid) {
		sum += writtenBy(pid)
	}
	return sum
}

func writtenBy(pid string) (n int64) {
	text, err := os.ReadFile(filepath.Join("/proc", pid, "io"))
	if err != nil {
		return 0 // it has just ended
	}
	_, after, _ := strings.Cut(string(text), "\nwrite_bytes: ")
	_, _ = fmt.Sscan(after, &n)
	return n
}
