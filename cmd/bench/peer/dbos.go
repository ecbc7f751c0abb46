package peer

import (
	"context"
	"errors"
	"log/slog"

	"github.com/dbos-inc/dbos-transact-golang/dbos"
	_ "github.com/dbos-inc/dbos-transact-golang/dbos/driver/sqlite" // lets it use SQLite
)

func dbosPeer() Peer {
	return Peer{
		Name:     "DBOS Transact",
		Module:   "github.com/dbos-inc/dbos-transact-golang",
		Settings: "SQLite, WAL, synchronous=FULL, 1 connection, workflows run directly (faster than by a queue); has no batch insert",
		Measures: map[string]Measure{
			OneByOne: measureOneByOne(openDBOS),
			Light:    measureLight(openDBOS),
		},
	}
}

type dbosLibrary struct {
	*file
	dbos dbos.Context
	run  dbos.Workflow[int64, int64]
}

func openDBOS(ctx context.Context, dir string, job func(int64)) (*dbosLibrary, error) {
	f, err := openFile(dir)
	if err != nil {
		return nil, err
	}
	c, err := dbos.NewContext(lasting(ctx), dbos.Config{
		AppName: "peer", ApplicationVersion: "1", SQLiteSystemDB: f.db, Logger: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		return nil, errors.Join(err, f.close())
	}
	run := func(_ dbos.Context, number int64) (int64, error) {
		job(number)
		return 0, nil
	}
	dbos.RegisterWorkflow(c, run, dbos.WithWorkflowName("peer"))
	return &dbosLibrary{f, c, run}, nil
}

func (l *dbosLibrary) work() error { return dbos.Launch(l.dbos) }

func (l *dbosLibrary) insert(_ context.Context, number int64) error {
	_, err := dbos.RunWorkflow(l.dbos, l.run, number)
	return err
}

func (l *dbosLibrary) finished(ctx context.Context) (int, error) {
	return l.count(ctx, `SELECT count(*) FROM workflow_status WHERE status = 'SUCCESS'`)
}

func (l *dbosLibrary) close() error {
	_ = dbos.Shutdown(l.dbos, stopTimeout) // what it still runs is of no interest
	return l.file.close()
}
