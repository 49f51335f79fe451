package report

import (
	"io"

	"github.com/poolsync/poolsync/internal/pool"
)

// Listed is a live pool, and whether the state knows it.
type Listed struct {
	pool.Live
	Bank    pool.Bank `json:"organisation_id"`
	Managed bool      `json:"managed"`
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

// WriteList writes live pools as a table.
func (t Text) WriteList(w io.Writer, l List) error {
	table := [][]string{{"REFERENCE", "STATUS", "MANAGED", "UPDATED", "NAME"}}
	marks := []string{"bold"}
	for _, p := range l.Pools {
		managed, mark := "no", ""
		if p.Managed {
			managed = "yes"
		}
		if p.Status == pool.Halted {
			mark = "x"
		}
		table = append(table, []string{string(p.Reference), string(p.Status), managed, p.Updated, shortName(p.Name, t.Full)})
		marks = append(marks, mark)
	}
	out := &printer{w: w, text: t}
	out.table(table, marks, nil)
	if l.Unmanaged && len(l.Pools) > 0 {
		out.line("")
		out.paste(records(l.Pools))
	}
	return out.err
}

// shortName gives a name as the last column of a table.
func shortName(s string, full bool) string {
	if r := []rune(s); len(r) > maxValue && !full {
		return string(r[:maxValue]) + "..."
	}
	return s
}
