package peer

import (
	"context"
	"database/sql"
	"time"

	"github.com/riverqueue/river/riverdriver"
	"github.com/riverqueue/river/riverdriver/riversqlite"
)

func riverSQLite() Peer {
	const ms = time.Millisecond
	oneByOne := openRiverSQLite(riverSettings{cooldown: 20 * ms, poll: 20 * ms, workers: 1000})
	batch := openRiverSQLite(riverSettings{cooldown: ms, poll: 10 * ms, workers: 1000})
	light := openRiverSQLite(riverSettings{cooldown: ms, poll: ms, workers: 100})
	return Peer{
		Name:   "River, SQLite",
		Module: "github.com/riverqueue/river/riverdriver/riversqlite",
		Settings: "WAL, synchronous=FULL, 1 connection; FetchCooldown and FetchPollInterval 20 ms one by one, " +
			"1 and 10 ms after a batch, with 1,000 workers; 1 ms with 100 workers for latency",
		Measures: durable(oneByOne, batch, light, 3000),
	}
}

type riverFile struct{ *file }

func (f riverFile) driver() riverdriver.Driver[*sql.Tx] { return riversqlite.New(f.db) }

func openRiverSQLite(s riverSettings) opener[*riverLibrary[*sql.Tx]] {
	return func(ctx context.Context, dir string, job func(int64)) (*riverLibrary[*sql.Tx], error) {
		f, err := openFile(dir)
		if err != nil {
			return nil, err
		}
		return openRiver(ctx, riverFile{f}, s, job)
	}
}
