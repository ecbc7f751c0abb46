package usertx

import (
	"fmt"
	"strings"

	"zombiezen.com/go/sqlite"
)

// authorize tells SQLite, before a statement runs, whether it may do something.
func (t *transaction) authorize(a sqlite.Action) sqlite.AuthResult {
	if t.ownStatement && a.Type() == sqlite.OpInsert && begins(a.Table(), "pawl_commands") {
		return sqlite.AuthResultOK
	}
	if why := refusalOf(a); why != "" {
		t.refusal = why
		return sqlite.AuthResultDeny
	}
	return sqlite.AuthResultOK
}

// refusalOf is why a function of the user may not do something: it would end the
// transaction, reach beyond it, or write Pawl's tables. Empty: it may.
func refusalOf(a sqlite.Action) string {
	switch a.Type() {
	case sqlite.OpSelect, sqlite.OpRead, sqlite.OpFunction, sqlite.OpRecursive, sqlite.OpAnalyze, sqlite.OpReindex:
		return ""
	case sqlite.OpTransaction:
		return fmt.Sprintf("%s: %v", a.Operation(), errPawlEnds)
	case sqlite.OpSavepoint:
		return refusalOfSavepoint(a)
	case sqlite.OpAttach, sqlite.OpDetach:
		return "ATTACH and DETACH: the transaction is that of one file"
	case sqlite.OpPragma:
		return refusalOfPragma(a)
	}
	return refusalOfWrite(a)
}

func refusalOfSavepoint(a sqlite.Action) string {
	if !begins(a.Savepoint(), "pawl") {
		return ""
	}
	return fmt.Sprintf("%s %s: the name is one of Pawl's; take another", a.Operation(), a.Savepoint())
}

// readingPragmas are the pragmas that only read. True: also with an argument. The others are
// those that the modules of SQLite execute, and those that set something with an argument.
var readingPragmas = map[string]bool{
	"table_info": true, "table_xinfo": true, "table_list": true,
	"index_list": true, "index_info": true, "index_xinfo": true,
	"foreign_key_list": true, "foreign_key_check": true, "quick_check": true, "integrity_check": true,
	"database_list": false, "collation_list": false, "function_list": false, "module_list": false, "pragma_list": false,
	"compile_options": false, "encoding": false, "page_size": false, "page_count": false, "data_version": false,
	"foreign_keys": false, "user_version": false, "application_id": false, "schema_version": false,
}

func refusalOfPragma(a sqlite.Action) string {
	withArgument, reads := readingPragmas[strings.ToLower(a.Pragma())]
	if reads && (withArgument || a.PragmaArg() == "") {
		return ""
	}
	return fmt.Sprintf("PRAGMA %s: the connection is Pawl's, and goes on after the transaction", a.Pragma())
}

// refusalOfWrite judges an action that changes rows or the schema.
func refusalOfWrite(a sqlite.Action) string {
	if a.Database() == "temp" && a.Type() != sqlite.OpUpdate && a.Type() != sqlite.OpDelete { // which ALTER does to the schema
		return "nothing temporary: it would outlive the transaction, on Pawl's connection"
	}
	for _, name := range []string{a.Table(), a.View(), a.Index(), a.Trigger()} {
		if begins(name, "pawl_") || name == "sqlite_dbpage" {
			return fmt.Sprintf("%s is not to be written, only read", name)
		}
	}
	return ""
}

// begins reports whether a name has a prefix, without regard to case, as SQLite compares names.
func begins(name, prefix string) bool {
	return len(name) >= len(prefix) && strings.EqualFold(name[:len(prefix)], prefix)
}
