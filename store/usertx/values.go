package usertx

import (
	"database/sql/driver"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"zombiezen.com/go/sqlite"
)

// bind gives a statement its arguments: a named one to :name, @name and $name, the others by
// their place; the number in ?2 and $2 is a place too. It returns which arguments were used.
func bind(stmt *sqlite.Stmt, args []driver.NamedValue) (used []bool, err error) {
	used = make([]bool, len(args))
	for param := 1; param <= stmt.BindParamCount(); param++ {
		name := stmt.BindParamName(param)
		i := argument(args, name, param)
		if i < 0 {
			return nil, fmt.Errorf("no argument for parameter %d (%q)", param, name)
		}
		used[i] = true
		if err := bindValue(stmt, param, args[i].Value); err != nil {
			return nil, err
		}
	}
	return used, nil
}

// argument finds the argument of a parameter; -1: there is none.
func argument(args []driver.NamedValue, name string, place int) int {
	if name != "" {
		if i := slices.IndexFunc(args, func(a driver.NamedValue) bool { return a.Name == name[1:] }); i >= 0 {
			return i
		}
		if n, err := strconv.Atoi(name[1:]); err == nil {
			place = n
		}
	}
	return slices.IndexFunc(args, func(a driver.NamedValue) bool { return a.Name == "" && a.Ordinal == place })
}

// writtenTime is the layout of stored times. modernc.org/sqlite, github.com/mattn/go-sqlite3
// and the functions of SQLite read it.
const writtenTime = "2006-01-02 15:04:05.999999999-07:00"

func bindValue(stmt *sqlite.Stmt, param int, value driver.Value) error {
	switch v := value.(type) {
	case nil:
		stmt.BindNull(param)
	case int64:
		stmt.BindInt64(param, v)
	case float64:
		stmt.BindFloat(param, v)
	case bool:
		stmt.BindBool(param, v)
	case string:
		stmt.BindText(param, v)
	case time.Time:
		stmt.BindText(param, v.Format(writtenTime))
	case []byte:
		if v == nil {
			stmt.BindNull(param)
		} else {
			stmt.BindBytes(param, v)
		}
	default:
		return fmt.Errorf("parameter %d: %T is no type of SQLite", param, value)
	}
	return nil
}

// column reads a value of the current row.
func column(stmt *sqlite.Stmt, i int, declared string) driver.Value {
	switch stmt.ColumnType(i) {
	case sqlite.TypeInteger:
		return stmt.ColumnInt64(i)
	case sqlite.TypeFloat:
		return stmt.ColumnFloat(i)
	case sqlite.TypeText:
		return timeOrText(stmt.ColumnText(i), declared)
	case sqlite.TypeBlob:
		blob := make([]byte, stmt.ColumnLen(i))
		stmt.ColumnBytes(i, blob)
		return blob
	}
	return nil
}

// readTimes are the layouts that are read from columns of times: those that
// modernc.org/sqlite reads. It writes the last one.
var readTimes = []string{
	writtenTime, "2006-01-02T15:04:05.999999999-07:00",
	"2006-01-02 15:04:05.999999999", "2006-01-02T15:04:05.999999999",
	"2006-01-02 15:04", "2006-01-02T15:04", "2006-01-02",
	"2006-01-02 15:04:05.999999999 -0700 MST",
}

// timeOrText is a time if the column's declared type is one of times and the text has one
// of their layouts.
func timeOrText(text, declared string) driver.Value {
	switch declared {
	case "DATE", "DATETIME", "TIMESTAMP":
	default:
		return text
	}
	plain, _, _ := strings.Cut(text, " m=") // the monotonic clock that time.Time.String shows
	for _, layout := range readTimes {
		if t, err := time.Parse(layout, strings.TrimSuffix(plain, "Z")); err == nil {
			return t
		}
	}
	return text
}
