package report

import (
	"io"
	"strings"

	"github.com/poolsync/poolsync/internal/pool"
)

// State is the state, or a part of it, as it is printed.
type State struct {
	Head
	Store   string       `json:"store"`
	Version string       `json:"version"`
	Holder  string       `json:"holder,omitempty"`
	Entries []pool.Entry `json:"entries"`
}

// WriteState writes the state as a table.
func (t Text) WriteState(w io.Writer, s State) error {
	table, marks := [][]string{{"POOL", "STATUS", "APPLIED", "SET", "FILE"}}, []string{"bold"}
	for _, e := range s.Entries {
		status, at, mark := "-", "-", ""
		if e.Sent != nil {
			status = string(e.Sent.Status)
		}
		if e.AppliedAt != nil {
			at = e.AppliedAt.UTC().Format("2006-01-02T15:04:05Z")
		}
		if e.Pending != nil || e.LastError != "" {
			mark = "x"
		}
		table = append(table, []string{e.Key.String(), status, at, e.Set, e.File + remarks(e)})
		marks = append(marks, mark)
	}
	out := &printer{w: w, text: t}
	out.table(table, marks, nil)
	return out.err
}

// remarks are what is out of the ordinary with an entry.
func remarks(e pool.Entry) string {
	var words []string
	if p := e.Pending; p != nil {
		text := string(p.Operation) + " pending since " + p.At.UTC().Format("2006-01-02T15:04:05Z")
		if p.Job == "" {
			text += ", job not known"
		} else {
			text += " (job " + string(p.Job) + ")"
		}
		words = append(words, text)
	}
	if e.Touched {
		words = append(words, "touched")
	}
	if e.Retired {
		words = append(words, "retired")
	}
	if e.LastError != "" {
		words = append(words, "last error: "+e.LastError)
	}
	if len(words) == 0 {
		return ""
	}
	return "  (" + strings.Join(words, "; ") + ")"
}
