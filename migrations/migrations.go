// Package migrations holds the schema of a Pawl database: goose migrations for its tables,
// and one file for its views. A migration that was released is never edited.
package migrations

import (
	"embed"
	"io/fs"
)

//go:embed sqlite/*.sql
var files embed.FS

// SQLiteViews creates the views of a database, which stand in one file.
//
//go:embed views/sqlite.sql
var SQLiteViews string

// ViewsVersion rises whenever a view changes. A start replaces the views of a database
// with a lower number.
const ViewsVersion = 9

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
