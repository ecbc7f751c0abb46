// Package migrations holds the schema of a Pawl database as goose migrations.
// A migration that was released is never edited.
package migrations

import (
	"embed"
	"io/fs"
)

//go:embed sqlite/*.sql
var files embed.FS

// SQLite is the migrations for SQLite.
func SQLite() fs.FS {
	sub, err := fs.Sub(files, "sqlite")
	if err != nil {
		panic(err) // the folder is embedded above
	}
	return sub
}

// Table is where goose keeps the version. An app may use goose on the same file
// with its own table.
const Table = "pawl_migrations"
