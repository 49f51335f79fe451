// Package source says where something was said: positions in files that a user
// wrote, and the findings that point at them. It does no input or output and
// imports none of the other packages.
package source

import (
	"cmp"
	"fmt"
	"slices"
)

// Place is a line and a column in a file whose name is known from elsewhere.
// Both count from 1; columns count characters. The zero Place is "nowhere".
type Place struct {
	Line   int32
	Column int32
}

// Known reports whether the place points anywhere.
func (p Place) Known() bool { return p.Line > 0 }

// In joins a place and the file that it lies in.
func (p Place) In(file string) Position {
	return Position{File: file, Line: int(p.Line), Column: int(p.Column)}
}

// Position is a place in a file. Line and Column count from 1; a zero Line
// means the file as a whole.
type Position struct {
	File   string `json:"file"`
	Line   int    `json:"line"`
	Column int    `json:"column"`
}

// String gives "pools/ela.yaml:12:5", or only as much of it as is known.
func (p Position) String() string {
	switch {
	case p.Line == 0:
		return p.File
	case p.Column == 0:
		return fmt.Sprintf("%s:%d", p.File, p.Line)
	default:
		return fmt.Sprintf("%s:%d:%d", p.File, p.Line, p.Column)
	}
}

// Compare orders positions by file, line and column.
func (p Position) Compare(q Position) int {
	return cmp.Or(cmp.Compare(p.File, q.File), cmp.Compare(p.Line, q.Line), cmp.Compare(p.Column, q.Column))
}

// Severity tells whether a finding makes the input unusable.
type Severity string

// The severities: an Error ends the run with exit code 1, a Warning does not.
const (
	Error   Severity = "error"
	Warning Severity = "warning"
)

// Diagnostic is one finding in a file that the user wrote. Message says what
// was found and then what was expected, in lower case and without a final
// period; Hint, where there is one, says what to write instead.
type Diagnostic struct {
	Position
	Severity Severity `json:"severity"`
	Rule     string   `json:"rule"`
	Message  string   `json:"message"`
	Hint     string   `json:"hint,omitempty"`
	// Excerpt is the text of the offending line, and Width how many characters of
	// it, from Column on, a caret line marks. Of a long line Excerpt is a part, and
	// Skipped how many characters come before it.
	Excerpt string `json:"-"`
	Width   int    `json:"-"`
	Skipped int    `json:"-"`
	// Related is the other place of a finding that has two.
	Related *Position `json:"related,omitempty"`
}

// String gives the one-line form: "file:line:column: message [rule]".
func (d Diagnostic) String() string {
	return fmt.Sprintf("%s: %s [%s]", d.Position, d.Message, d.Rule)
}

// Diagnostics are findings, in any order until Sort is called.
type Diagnostics []Diagnostic

// Sort orders the findings by position, rule and message and drops repeated
// ones, so that what is printed does not depend on which file was read first.
func (ds Diagnostics) Sort() Diagnostics {
	slices.SortStableFunc(ds, func(a, b Diagnostic) int {
		return cmp.Or(a.Position.Compare(b.Position), cmp.Compare(a.Rule, b.Rule), cmp.Compare(a.Message, b.Message))
	})
	return slices.CompactFunc(ds, func(a, b Diagnostic) bool {
		return a.Position == b.Position && a.Rule == b.Rule && a.Message == b.Message
	})
}

// HasErrors reports whether any finding is an Error.
func (ds Diagnostics) HasErrors() bool {
	return slices.ContainsFunc(ds, func(d Diagnostic) bool { return d.Severity == Error })
}
