package main

import (
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"text/template"
)

var (
	//go:embed speed.md.tmpl
	speedText string

	//go:embed readme.md.tmpl
	sectionText string
)

// writeDocs writes speed.md and its plots to a directory.
func (r report) writeDocs(dir string) error {
	if dir == "" {
		return nil
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	text, err := r.fill(speedText)
	if err != nil {
		return err
	}
	errs := []error{os.WriteFile(filepath.Join(dir, "speed.md"), []byte(text), 0o644)}
	for name, figure := range r.Found.plots(r.sizes()) {
		errs = append(errs, os.WriteFile(filepath.Join(dir, name), []byte(figure.SVG()), 0o644))
	}
	return errors.Join(errs...)
}

// fill fills the report into a text.
func (r report) fill(text string) (string, error) {
	t, err := template.New("").Parse(text)
	if err != nil {
		return "", err
	}
	var b strings.Builder
	err = t.Execute(&b, r)
	return b.String(), err
}

// The marks around the section of the README.
const (
	sectionBegin = "<!-- bench -->"
	sectionEnd   = "<!-- /bench -->"
)

// writeSection replaces what lies between the marks of a file.
func (r report) writeSection(file string) error {
	if file == "" {
		return nil
	}
	text, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	section, err := r.fill(sectionText)
	if err != nil {
		return err
	}
	replaced, err := replaceSection(string(text), section)
	if err != nil {
		return fmt.Errorf("%s: %w", file, err)
	}
	return os.WriteFile(file, []byte(replaced), 0o644)
}

func checkSection(file string) error {
	text, err := os.ReadFile(file)
	if err == nil {
		_, err = replaceSection(string(text), "")
	}
	if err != nil {
		return fmt.Errorf("%s: %w", file, err)
	}
	return nil
}

func replaceSection(text, section string) (string, error) {
	before, rest, ok := strings.Cut(text, sectionBegin)
	_, after, end := strings.Cut(rest, sectionEnd)
	if !ok || !end {
		return "", fmt.Errorf("it has no section to write to: put a line %s before it and a line %s behind it", sectionBegin, sectionEnd)
	}
	return before + sectionBegin + "\n\n" + strings.TrimSpace(section) + "\n\n" + sectionEnd + after, nil
}

// save and load keep a report, to be shown again in other words.
func (r report) save(file string) error {
	text, err := json.Marshal(r)
	if err != nil {
		return err
	}
	return os.WriteFile(file, text, 0o644)
}

func load(file string) (r report, err error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return r, err
	}
	return r, json.Unmarshal(text, &r)
}
