package report

import (
	"io"
	"strings"

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
		table = append(table, []string{string(p.Reference), string(p.Status), managed, p.Updated, quotedName(p.Name, t.Full)})
		marks = append(marks, mark)
	}
	out := &printer{w: w, text: t}
	out.table(table, marks, nil)
	return out.err
}

// quotedName gives a name as the last column of a table.
func quotedName(s string, full bool) string {
	if r := []rune(s); len(r) > maxValue && !full {
		return string(r[:maxValue]) + "..."
	}
	return s
}

// Jobs is a list of jobs as it is printed.
type Jobs struct {
	Head
	Jobs []pool.Job `json:"jobs"`
}

// WriteJobs writes jobs as a table. What a job says beyond its documented
// members stands on a line of its own.
func (t Text) WriteJobs(w io.Writer, l Jobs) error {
	table := [][]string{{"JOB", "STATUS", "CREATED", "COMPLETED", "TYPE"}}
	marks, below := []string{"bold"}, []string{""}
	for _, j := range l.Jobs {
		mark := ""
		switch {
		case j.Status == pool.JobHalted:
			mark = "x"
		case !j.Ended():
			mark = "."
		}
		table = append(table, []string{string(j.Reference), string(j.Status), j.Created, j.Completed, j.Type})
		marks, below = append(marks, mark), append(below, j.Detail)
	}
	out := &printer{w: w, text: t}
	out.table(table, marks, below)
	return out.err
}

// table writes rows in columns as wide as they have to be, each line coloured
// by its mark, and what belongs below a row. A head without rows is nothing.
func (p *printer) table(rows [][]string, marks, below []string) {
	if len(rows) < 2 {
		return
	}
	wide := make([]int, len(rows[0]))
	for _, row := range rows {
		for i, cell := range row {
			wide[i] = max(wide[i], width(Safe(cell)))
		}
	}
	for n, row := range rows {
		var line strings.Builder
		for i, cell := range row {
			if i > 0 {
				line.WriteString("  ")
			}
			if cell = Safe(cell); i < len(row)-1 {
				cell = pad(cell, wide[i])
			}
			line.WriteString(cell)
		}
		p.line("%s", p.text.ink(marks[n], line.String()))
		if below != nil && below[n] != "" {
			p.detail(below[n])
		}
	}
}
