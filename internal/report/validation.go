package report

import (
	"fmt"
	"io"

	"github.com/poolsync/poolsync/internal/source"
)

// Validation is what a check of manifests found, as it is printed.
type Validation struct {
	Head
	Files int `json:"files"`
	Pools int `json:"pools"`
}

// line is the outcome of a check in one line, or nothing where an error of
// another kind ended it.
func (v Validation) line() string {
	errors, warnings := severities(v.Diagnostics)
	found := ""
	switch {
	case errors > 0 && warnings > 0:
		found = plural(errors, "error") + ", " + plural(warnings, "warning")
	case errors > 0:
		found = plural(errors, "error")
	case v.Error != nil:
		return ""
	case warnings > 0:
		return fmt.Sprintf("%s in %s: valid, %s", plural(v.Pools, "pool"), plural(v.Files, "file"), plural(warnings, "warning"))
	default:
		return fmt.Sprintf("%s in %s: valid", plural(v.Pools, "pool"), plural(v.Files, "file"))
	}
	return found + ": not valid"
}

// WriteValidation writes the findings as text for a person, and what they come to.
func (t Text) WriteValidation(w io.Writer, v Validation) error {
	if err := WriteDiagnostics(w, v.Diagnostics, t.Color); err != nil {
		return err
	}
	out := &printer{w: w, text: t}
	if words := v.line(); words != "" {
		if len(v.Diagnostics) > 0 {
			out.line("")
		}
		out.line("%s", words)
	}
	return out.err
}

// WriteValidation writes what a check of manifests found.
func (m Markdown) WriteValidation(w io.Writer, v Validation) error {
	doc := page{kind: "validation", title: v.title("validate", nil), things: "findings"}
	if v.Error != nil {
		doc.intro = v.ending()
	}
	if words := v.line(); words != "" {
		doc.intro = append(doc.intro, "**"+words+"**")
	}
	doc.sections = []section{{title: "Findings", entries: findings(v.Diagnostics)}}
	return m.write(w, doc)
}

func severities(ds source.Diagnostics) (errors, warnings int) {
	for _, d := range ds {
		if d.Severity == source.Warning {
			warnings++
		} else {
			errors++
		}
	}
	return errors, warnings
}
