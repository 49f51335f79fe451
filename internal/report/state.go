package report

import (
	"strings"
	"time"

	"github.com/poolsync/poolsync/internal/pool"
	"github.com/poolsync/poolsync/internal/report/page"
)

// State is the state, or a part of it, as it is printed.
type State struct {
	Head
	Store   string       `json:"store"`
	Version string       `json:"version"`
	Holder  string       `json:"holder,omitempty"`
	Entries []pool.Entry `json:"entries"`
}

// Page is the state for people.
func (s State) Page(bool) page.Page {
	t := &page.Table{Head: []string{"POOL", "STATUS", "APPLIED", "SET", "FILE"}}
	for _, e := range s.Entries {
		row := page.Row{Cells: []string{e.Key.String(), "-", "-", e.Set, e.File}, Below: remarks(e)}
		if e.Sent != nil {
			row.Cells[1] = string(e.Sent.Status)
		}
		if e.AppliedAt != nil {
			row.Cells[2] = e.AppliedAt.UTC().Format(time.RFC3339)
		}
		if e.Pending != nil || e.LastError != "" {
			row.Sign = page.Failed
		}
		t.Rows = append(t.Rows, row)
	}
	return page.Page{Kind: "state", Table: t}
}

// remarks are what is out of the ordinary with an entry.
func remarks(e pool.Entry) string {
	var words []string
	if p := e.Pending; p != nil {
		text := string(p.Operation) + " pending since " + p.At.UTC().Format(time.RFC3339)
		if p.Job == "" {
			text += ", job not known"
		} else {
			text += " (job " + string(p.Job) + ")"
		}
		words = append(words, text)
	}
	if e.Touched {
		words = append(words, "changed outside")
	}
	if e.Retired {
		words = append(words, "retired")
	}
	if e.LastError != "" {
		words = append(words, "last error: "+e.LastError)
	}
	return strings.Join(words, "; ")
}
