package peer

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
)

// postgres is a server of our own with the settings that initdb gives it, which
// are those of Debian, but no network: it listens on a socket in its directory.
type postgres struct {
	dir   string
	cmd   *exec.Cmd
	ended chan error // sent once, by who waits for the server
}

// startPostgres starts one in dir, as another user if this is root, which
// PostgreSQL refuses.
func startPostgres(ctx context.Context, dir string) (*postgres, error) {
	bin, err := postgresBin()
	if err != nil {
		return nil, err
	}
	user, err := postgresUser()
	if err != nil {
		return nil, err
	}
	p := &postgres{dir: filepath.Join(dir, "pg"), ended: make(chan error, 1)}
	if err := user.makeDir(p.dir); err != nil {
		return nil, err
	}
	initdb := exec.CommandContext(ctx, filepath.Join(bin, "initdb"), "-D", p.data(), "-U", "peer", "-A", "trust", "-E", "UTF8", "--no-locale", "-N")
	user.runs(initdb)
	if out, err := initdb.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("initdb: %w: %s", err, strings.TrimSpace(string(out)))
	}
	p.cmd = exec.Command(filepath.Join(bin, "postgres"), "-D", p.data(), "-c", "listen_addresses=", "-k", p.dir)
	user.runs(p.cmd)
	if err := p.cmd.Start(); err != nil {
		return nil, err
	}
	go func() { p.ended <- p.cmd.Wait() }()
	return p, nil
}

func (p *postgres) data() string { return filepath.Join(p.dir, "data") }

// postgresBin is where initdb and postgres lie.
func postgresBin() (string, error) {
	places, _ := filepath.Glob("/usr/lib/postgresql/*/bin") // Debian keeps them from PATH
	if path, err := exec.LookPath("initdb"); err == nil {
		places = append(places, filepath.Dir(path))
	}
	for i := len(places) - 1; i >= 0; i-- { // that of PATH, then the newest
		_, noInit := os.Stat(filepath.Join(places[i], "initdb"))
		_, noServer := os.Stat(filepath.Join(places[i], "postgres"))
		if noInit == nil && noServer == nil {
			return places[i], nil
		}
	}
	return "", fmt.Errorf("%w: PostgreSQL's initdb and postgres, in PATH or /usr/lib/postgresql/*/bin", ErrNotHere)
}

// connect waits until the server answers.
func (p *postgres) connect(ctx context.Context) (*pgxpool.Pool, error) {
	pool, err := pgxpool.New(ctx, fmt.Sprintf("host='%s' user=peer dbname=postgres pool_max_conns=50", p.dir))
	if err != nil {
		return nil, err
	}
	for {
		err := pool.Ping(ctx)
		if err == nil {
			return pool, nil
		}
		select {
		case <-time.After(20 * time.Millisecond):
			continue
		case ended := <-p.ended:
			p.ended <- ended // for stop
		case <-ctx.Done():
		}
		pool.Close()
		return nil, fmt.Errorf("postgres does not answer: %w", err)
	}
}

// stop is a fast shutdown, and a kill where that takes too long.
func (p *postgres) stop() error {
	signal := p.cmd.Process.Signal(syscall.SIGINT)
	select {
	case err := <-p.ended:
		return err
	case <-time.After(stopTimeout):
		return errors.Join(signal, p.cmd.Process.Signal(syscall.SIGQUIT), <-p.ended)
	}
}
