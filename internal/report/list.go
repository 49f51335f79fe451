package report

import (
	"github.com/poolsync/poolsync/internal/pool"
	"github.com/poolsync/poolsync/internal/report/page"
)

// Listed is a live pool, and whether the state knows it: nil where that cannot be
// told, since the API does not say which bank is the key's primary one.
type Listed struct {
	pool.Live
	Bank    pool.Bank `json:"organisation_id"`
	Managed *bool     `json:"managed"`
}

func (l Listed) key() pool.Key { return pool.Key{Bank: l.Bank, Reference: l.Reference} }

// List is the live pools of a bank, as it is printed.
type List struct {
	Head
	Pools []Listed `json:"pools"`
	// Unmanaged says that the pools are unmanaged, all of them.
	Unmanaged bool `json:"-"`
}

func records(pools []Listed) []pool.Live {
	out := make([]pool.Live, len(pools))
	for i, l := range pools {
		out[i] = l.Live
	}
	return out
}

// Page is the list for people.
func (l List) Page(full bool) page.Page {
	w := l.wording(full, false)
	t := &page.Table{Head: []string{"REFERENCE", "STATUS", "MANAGED", "UPDATED", "NAME"}}
	for _, p := range l.Pools {
		row := page.Row{Cells: []string{string(p.Reference), string(p.Status), managed(p.Managed), p.Updated, shortName(p.Name, full)}}
		if p.Status == pool.Halted {
			row.Sign = page.Failed
		}
		t.Rows = append(t.Rows, row)
	}
	out := page.Page{Kind: "list", Table: t}
	if l.Unmanaged {
		out.Paste = pasteOf(records(l.Pools), full, w)
	}
	return out
}

func managed(known *bool) string {
	switch {
	case known == nil:
		return "?"
	case *known:
		return "yes"
	default:
		return "no"
	}
}

// shortName returns a name as the last column of a table.
func shortName(s string, full bool) string {
	if r := []rune(s); len(r) > maxValue && !full {
		return string(r[:maxValue]) + "..."
	}
	return s
}
