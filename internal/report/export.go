package report

import (
	"github.com/poolsync/poolsync/internal/pool"
	"github.com/poolsync/poolsync/internal/report/page"
)

// Export is what became of pools that were exported, as it is printed.
type Export struct {
	Head
	Pools []ExportedPool `json:"pools"`
}

// ExportedPool is one live pool: written to a file, or as it stands in Manifest, or
// left out for a reason.
type ExportedPool struct {
	pool.Key
	Outcome   string `json:"outcome"`
	File      string `json:"file,omitempty"`
	Manifest  string `json:"manifest,omitempty"`
	FromState bool   `json:"from_state"`
	Reason    string `json:"reason,omitempty"`
}

// The outcomes of an export.
const (
	ExportDone   = "exported"
	ExportFailed = "left_out"
)

// Page is a table of the pools that were exported.
func (e Export) Page(bool) page.Page {
	t := &page.Table{Head: []string{"REFERENCE", "FROM", "FILE"}}
	for _, p := range e.Pools {
		from := "membership"
		if p.FromState {
			from = "state"
		}
		if p.Outcome == ExportDone {
			t.Rows = append(t.Rows, page.Row{Cells: []string{string(p.Reference), from, p.File}})
		}
	}
	return page.Page{Kind: "export", Table: t}
}
