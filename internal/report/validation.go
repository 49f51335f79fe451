package report

import "io"

// Validation is what a check of manifests found, as it is printed.
type Validation struct {
	Head
	Files int `json:"files"`
	Pools int `json:"pools"`
}

// WriteValidation writes the findings as text for a person.
func (t Text) WriteValidation(w io.Writer, v Validation) error {
	if err := WriteDiagnostics(w, v.Diagnostics, t.Color); err != nil {
		return err
	}
	out := &printer{w: w, text: t}
	if !v.Diagnostics.HasErrors() && v.Error == nil {
		out.line("%s in %s: valid", plural(v.Pools, "pool"), plural(v.Files, "file"))
	}
	return out.err
}
