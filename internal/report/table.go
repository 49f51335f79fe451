package report

import "strings"

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
