package term

import (
	"encoding/csv"
	"encoding/json"
	"io"
	"reflect"
	"strings"
	"unicode/utf8"
)

// printCSV writes a list with a line of titles: the names that its objects have in
// JSON, and the same values; times are RFC 3339, what is left out in JSON is empty.
func printCSV[T any](w io.Writer, list []T) error { return printCSVRows(w, list, true) }

func printCSVRows[T any](w io.Writer, list []T, titled bool) error {
	names := jsonNames(reflect.TypeFor[T]())
	c := csv.NewWriter(w)
	if titled {
		if err := c.Write(names); err != nil {
			return err
		}
	}
	for _, x := range list {
		record, err := csvRecord(x, names)
		if err == nil {
			err = c.Write(record)
		}
		if err != nil {
			return err
		}
	}
	c.Flush()
	return c.Error()
}

// jsonNames are the fields of a struct, those of embedded ones among them; what is no
// struct has the one name value.
func jsonNames(t reflect.Type) (names []string) {
	if t.Kind() != reflect.Struct {
		return []string{"value"}
	}
	for f := range t.Fields() {
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		switch {
		case f.Anonymous && name == "":
			names = append(names, jsonNames(f.Type)...)
		case name == "":
			names = append(names, f.Name)
		case name != "-":
			names = append(names, name)
		}
	}
	return names
}

func csvRecord(x any, names []string) ([]string, error) {
	data, err := json.Marshal(x)
	if err != nil {
		return nil, err
	}
	fields := map[string]json.RawMessage{}
	if json.Unmarshal(data, &fields) != nil { // no object
		fields["value"] = data
	}
	record := make([]string, len(names))
	for i, name := range names {
		if record[i], err = csvValue(fields[name]); err != nil {
			return nil, err
		}
	}
	return record, nil
}

// csvValue is a text without its quotes and never a formula, and anything else as JSON has it.
func csvValue(raw json.RawMessage) (string, error) {
	if len(raw) == 0 || raw[0] != '"' {
		return string(raw), nil
	}
	var text string
	err := json.Unmarshal(raw, &text)
	return escapeFormula(Printable(text)), err
}

// escapeFormula puts an apostrophe before a text that a spreadsheet would take for a
// formula, which may read files or send what is in other cells. Some spreadsheets leave out
// white space before a formula, and some take the wide forms of its characters.
func escapeFormula(text string) string {
	first, _ := utf8.DecodeRuneInString(strings.TrimSpace(text))
	if strings.ContainsRune("=+-@＝＋－＠", first) || strings.IndexAny(text, "\t\r\n") == 0 {
		return "'" + text
	}
	return text
}
