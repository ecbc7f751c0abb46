package usertx

import (
	"encoding/binary"
	"fmt"
	"reflect"
	"strings"

	"modernc.org/libc"
	sqlite3 "modernc.org/sqlite/lib"
	"zombiezen.com/go/sqlite"
)

// native is SQLite's own pointer to a statement. It serves what zombiezen.com/go/sqlite does
// not show: declared types, names of columns that share one, and violated foreign keys
// that SQLite reports at COMMIT only.
func native(stmt *sqlite.Stmt) (uintptr, error) {
	field := reflect.ValueOf(stmt).Elem().FieldByName("stmt")
	if !field.CanUint() {
		return 0, fmt.Errorf("this version of zombiezen.com/go/sqlite (with SQLite %s) is not one that Pawl knows", sqlite.Version)
	}
	return uintptr(field.Uint()), nil
}

// columns are the names and the declared types, in upper case, of the columns that a
// statement returns. An expression has the type "".
func columns(stmt *sqlite.Stmt) (names, types []string, err error) {
	pointer, err := native(stmt)
	if err != nil {
		return nil, nil, err
	}
	tls := libc.NewTLS()
	defer tls.Close()
	for i := range int32(stmt.ColumnCount()) {
		names = append(names, libc.GoString(sqlite3.Xsqlite3_column_name(tls, pointer, i)))
		types = append(types, strings.ToUpper(libc.GoString(sqlite3.Xsqlite3_column_decltype(tls, pointer, i))))
	}
	return names, types, nil
}

// violatedForeignKey says whether a foreign key is violated that SQLite checks only in
// COMMIT, which would fail.
func violatedForeignKey(conn *sqlite.Conn) error {
	stmt, err := conn.Prepare(releaseSavepoint)
	if err != nil {
		return err
	}
	pointer, err := native(stmt)
	if err != nil {
		return err
	}
	tls := libc.NewTLS()
	defer tls.Close()
	const size = 8 // two numbers of C: now, and at most
	numbers := tls.Alloc(size)
	defer tls.Free(size)
	sqlite3.Xsqlite3_db_status(tls, sqlite3.Xsqlite3_db_handle(tls, pointer), sqlite3.SQLITE_DBSTATUS_DEFERRED_FKS, numbers, numbers+size/2, 0)
	if binary.NativeEndian.Uint32(libc.GoBytes(numbers, size/2)) != 0 {
		return errForeignKey
	}
	return nil
}
