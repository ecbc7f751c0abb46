package peer

import (
	"context"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/riverqueue/river/riverdriver"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"
)

func riverPostgres() Peer {
	const ms = time.Millisecond
	oneByOne := openRiverPostgres(riverSettings{cooldown: 10 * ms, poll: 100 * ms, workers: 1000})
	batch := openRiverPostgres(riverSettings{cooldown: ms, poll: 10 * ms, workers: 1000})
	light := openRiverPostgres(riverSettings{cooldown: ms, poll: ms, workers: 100})
	return Peer{
		Name:   "River, PostgreSQL",
		Module: "github.com/riverqueue/river/riverdriver/riverpgxv5",
		Settings: "new server on this machine, Unix socket, fsync=on, synchronous_commit=on, 50 connections; " +
			"FetchCooldown and FetchPollInterval 10 and 100 ms one by one, 1 and 10 ms after a batch, with 1,000 workers; " +
			"1 ms with 100 workers for latency; CPU is the client's alone, bytes written the server's alone",
		Measures: durable(oneByOne, batch, light, 20_000),
	}
}

// riverServer is a PostgreSQL of its own and the way to it.
type riverServer struct {
	server *postgres
	pool   *pgxpool.Pool
}

func openRiverPostgres(s riverSettings) opener[riverOnServer] {
	return func(ctx context.Context, dir string, job func(int64)) (riverOnServer, error) {
		server, err := startPostgres(ctx, dir)
		if err != nil {
			return riverOnServer{}, err
		}
		pool, err := server.connect(ctx)
		if err != nil {
			return riverOnServer{}, errors.Join(err, server.stop())
		}
		l, err := openRiver(ctx, riverServer{server, pool}, s, job)
		return riverOnServer{l, server}, err
	}
}

// riverOnServer is River with the server whose bytes written count for it.
type riverOnServer struct {
	*riverLibrary[pgx.Tx]
	*postgres
}

var _ server = riverOnServer{}

func (s riverServer) driver() riverdriver.Driver[pgx.Tx] { return riverpgxv5.New(s.pool) }

func (s riverServer) count(ctx context.Context, query string) (n int, err error) {
	err = s.pool.QueryRow(ctx, query).Scan(&n)
	return n, err
}

func (s riverServer) close() error {
	s.pool.Close()
	return s.server.stop()
}
