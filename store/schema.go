package store

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/jmoiron/sqlx"

	"github.com/pawl-go/pawl/migrations"
)

// schema compares the tables, views and words of a file with those that the migrations create in
// an empty one: SQLite lets anybody drop a view, or change the word of a number.
func (d doctor) schema(ctx context.Context) (Check, error) {
	c := Check{Name: "schema", Detail: fmt.Sprintf("%d, the one of this program", latest())} // or it would not be open
	want, err := freshParts(ctx, d.now())
	if err != nil {
		return c, err
	}
	is, err := parts(ctx, d.db.DB)
	if err != nil {
		return c, err
	}
	var views int
	if err := d.db.GetContext(ctx, &views, "SELECT views FROM pawl_database"); err == nil && views > migrations.ViewsVersion {
		isView := func(part, _ string) bool { return strings.HasPrefix(part, "view ") }
		maps.DeleteFunc(want, isView) // a newer program made them
		maps.DeleteFunc(is, isView)
	}
	for _, part := range slices.Sorted(maps.Keys(want)) {
		switch text, ok := is[part]; {
		case !ok:
			c.Found = append(c.Found, part+" is missing")
		case text == want[part]:
		case strings.HasPrefix(want[part], "CREATE "): // many lines
			c.Found = append(c.Found, part+" is not as the migrations make it")
		default:
			c.Found = append(c.Found, fmt.Sprintf("%s is %q, but should be %q", part, text, want[part]))
		}
		delete(is, part)
	}
	for _, part := range slices.Sorted(maps.Keys(is)) {
		c.Found = append(c.Found, part+" is none of Pawl's")
	}
	if len(c.Found) > 0 {
		c.Detail, c.Help = "not what the migrations make", "fix it while no daemon runs, or restore a backup"
	}
	return c, nil
}

// freshParts are the parts of a database that was just created.
func freshParts(ctx context.Context, now time.Time) (map[string]string, error) {
	db, err := sqlx.Open("sqlite", ":memory:")
	if err != nil {
		return nil, err
	}
	defer db.Close()
	db.SetMaxOpenConns(1) // each would have a database of its own
	if err := migrate(ctx, db.DB); err != nil {
		return nil, err
	}
	if err := identify(ctx, db, now); err != nil {
		return nil, err
	}
	if err := createViews(ctx, db); err != nil {
		return nil, err
	}
	return parts(ctx, db)
}

const (
	selectParts = `SELECT type || ' ' || name AS name, sql AS text FROM sqlite_schema
WHERE tbl_name LIKE 'pawl\_%' ESCAPE '\' AND sql IS NOT NULL
UNION ALL SELECT 'the number of rows of pawl_database', count(*) FROM pawl_database`
	selectWords = `SELECT kind || ' ' || code || ' in pawl_words' AS name, word AS text FROM pawl_words
UNION ALL SELECT 'over, failure of ' || kind || ' ' || code || ' in pawl_words', over || ', ' || failure FROM pawl_words WHERE kind = 'run'`
)

// parts are Pawl's tables and views with their indexes and triggers, and the words of the
// numbers, each with its text.
func parts(ctx context.Context, db *sqlx.DB) (map[string]string, error) {
	found := map[string]string{}
	add := func(query string) error {
		var parts []struct{ Name, Text string }
		err := db.SelectContext(ctx, &parts, query)
		for _, p := range parts {
			found[p.Name] = p.Text
		}
		return err
	}
	err := add(selectParts)
	if _, words := found["table pawl_words"]; err == nil && words {
		err = add(selectWords)
	}
	return found, err
}
