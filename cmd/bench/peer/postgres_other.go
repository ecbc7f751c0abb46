//go:build !linux

package peer

import (
	"fmt"
	"os"
	"os/exec"
)

// account is who runs a server: always who runs us.
type account struct{}

func postgresUser() (account, error) {
	if os.Geteuid() == 0 {
		return account{}, fmt.Errorf("%w: PostgreSQL as root, which it refuses", ErrNotHere)
	}
	return account{}, nil
}

func (account) makeDir(dir string) error { return os.Mkdir(dir, 0o700) }

func (account) runs(*exec.Cmd) {}

// written is known on Linux alone.
func (*postgres) written() int64 { return -1 }
