package report

import (
	"strings"

	"github.com/poolsync/poolsync/internal/pool"
	"github.com/poolsync/poolsync/internal/report/message"
	"github.com/poolsync/poolsync/internal/report/page"
)

// Where says which live pools hold some items or activities.
type Where struct {
	Head
	References []string      `json:"references"`
	Pools      []HoldingPool `json:"pools"`
	Unreadable []UnreadPool  `json:"unreadable"`
}

// HoldingPool is a pool that holds some of them. File is the manifest that it was
// applied from, Correction what to paste into it.
type HoldingPool struct {
	pool.Key
	Status     pool.Status `json:"status"`
	Items      []string    `json:"items"`
	Activities []string    `json:"activities"`
	File       string      `json:"file,omitempty"`
	Correction string      `json:"correction,omitempty"`
}

// UnreadPool is a pool of which it cannot be told.
type UnreadPool struct {
	pool.Key
	Reason string `json:"reason"`
}

// Page is the pools as a table, or what to paste into their manifests.
func (d Where) Page(bool) page.Page {
	t := &page.Table{Head: []string{"REFERENCE", "STATUS", "MANIFEST", "HOLDS"}}
	var paste []string
	for _, p := range d.Pools {
		file := p.File
		if file == "" {
			file = "-"
		}
		held := append(append([]string{}, p.Items...), p.Activities...)
		t.Rows = append(t.Rows, page.Row{Cells: []string{string(p.Reference), string(p.Status), file, strings.Join(held, ", ")}})
		if p.Correction != "" {
			paste = append(paste, strings.Split(strings.TrimSuffix(p.Correction, "\n"), "\n")...)
		}
	}
	out := page.Page{Kind: "where", Table: t}
	if len(paste) > 0 {
		out.Paste = &page.Paste{Lead: message.New("To copy them from the bank again, paste below each pool:"), Lines: paste}
	}
	return out
}
