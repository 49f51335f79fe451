// Package text writes pages for a terminal: kept to its width, with colours where
// they are wanted. Words, paths and commands are never broken.
package text

import (
	"fmt"
	"io"
	"strings"

	"github.com/poolsync/poolsync/internal/report/message"
	"github.com/poolsync/poolsync/internal/report/page"
)

// Options say how text is written.
type Options struct {
	Color bool
	Full  bool // nothing is cut
	Width int  // columns of the terminal; 0 is DefaultWidth
}

const (
	// DefaultWidth is what lines are kept to where there is no terminal.
	DefaultWidth = 100
	// minWidth is the least that lines are kept to.
	minWidth = 40
	indent   = "      "
	hanging  = indent + "  "
	gap      = "   "
)

// printer keeps the first error, so that lines can be written without asking
// after each.
type printer struct {
	Options
	w   io.Writer
	err error
}

// Write writes a page.
func (o Options) Write(w io.Writer, p page.Page) error {
	if o.Width = max(o.Width, 0); o.Width == 0 {
		o.Width = DefaultWidth
	}
	o.Width = max(o.Width, minWidth)
	out := &printer{Options: o, w: w}
	out.paragraph(p.Title, "")
	if !p.Title.Empty() {
		out.line("")
	}
	for _, m := range p.Intro {
		out.paragraph(m, "")
		out.line("")
	}
	out.sections(p)
	if p.Table != nil {
		out.table(*p.Table)
	}
	out.paste(p.Paste)
	out.paragraph(p.Counts, "")
	for _, m := range p.Next {
		out.paragraph(m, "")
	}
	return out.err
}

// line writes a line of text that is safe already.
func (p *printer) line(text string) {
	if p.err == nil {
		_, p.err = fmt.Fprintln(p.w, strings.TrimRight(text, " "))
	}
}

// paragraph writes a message at the margin.
func (p *printer) paragraph(m message.Message, ink string) {
	for _, l := range m.Lines(p.Width) {
		p.line(p.ink(ink, l))
	}
}

// detail writes a message below a head.
func (p *printer) detail(m message.Message, ink string) {
	for i, l := range m.Lines(p.Width - len(hanging)) {
		lead := hanging
		if i == 0 {
			lead = indent
		}
		p.line(lead + p.ink(ink, l))
	}
}

// sections writes the entries of all sections.
func (p *printer) sections(all page.Page) {
	sections := all.Sections
	if all.Rising {
		sections = make([]page.Section, 0, len(all.Sections))
		for i := range all.Sections {
			sections = append(sections, all.Sections[len(all.Sections)-1-i])
		}
	}
	column, n := p.nameColumn(sections), 0
	signs := map[page.Sign]bool{}
	for _, s := range sections {
		for i, e := range s.Entries {
			if s.Most > 0 && len(s.Entries) > s.Most+1 && i == s.Most && !p.Full {
				p.detail(message.New("and %s; --full shows all", s.Rest), "")
				break
			}
			p.entry(e, column)
			signs[e.Sign] = true
			n++
		}
	}
	if n > 0 {
		p.line("")
	}
	if all.Legend {
		p.legend(signs)
	}
}

// legend explains the signs, where there are several.
func (p *printer) legend(signs map[page.Sign]bool) {
	delete(signs, page.None)
	if len(signs) < 2 {
		return
	}
	var all []message.Message
	for _, s := range legend {
		if signs[s.sign] {
			all = append(all, message.New("%s %s", message.Code(string(s.sign)), s.words))
		}
	}
	p.paragraph(message.Join(", ", all...), "faint")
	p.line("")
}

var legend = []struct {
	sign  page.Sign
	words message.Message
}{
	{page.Create, message.New("create")},
	{page.Change, message.New("change")},
	{page.Danger, message.New("changes a published pool")},
	{page.Leave, message.New("no longer declared")},
	{page.Wait, message.New("a job runs")},
	{page.Unknown, message.New("left as it is")},
	{page.Failed, message.New("halted")},
	{page.Outside, message.New("changed outside")},
}

// paste writes text to be pasted elsewhere.
func (p *printer) paste(t *page.Paste) {
	if t == nil || len(t.Lines) == 0 {
		return
	}
	p.paragraph(t.Lead, "")
	p.line("")
	for _, l := range t.Lines {
		p.line(message.Safe(l))
	}
	if t.Rest > 0 {
		p.line(fmt.Sprintf("    and %d more; --full shows all", t.Rest))
	}
	p.line("")
}

// table writes rows in columns as wide as they have to be.
func (p *printer) table(t page.Table) {
	if len(t.Rows) == 0 {
		return
	}
	wide := make([]int, len(t.Head))
	for _, row := range append([]page.Row{{Cells: t.Head}}, t.Rows...) {
		for i, cell := range row.Cells {
			wide[i] = max(wide[i], message.Width(message.Safe(cell)))
		}
	}
	p.row(t.Head, wide, "bold")
	for _, row := range t.Rows {
		p.row(row.Cells, wide, string(row.Sign))
		if row.Below != "" {
			p.detail(message.Code(row.Below), "")
		}
	}
}

func (p *printer) row(cells []string, wide []int, ink string) {
	var line strings.Builder
	for i, cell := range cells {
		if i > 0 {
			line.WriteString("  ")
		}
		if cell = message.Safe(cell); i < len(cells)-1 {
			cell = pad(cell, wide[i])
		}
		line.WriteString(cell)
	}
	p.line(p.ink(ink, strings.TrimRight(line.String(), " ")))
}

func pad(s string, n int) string { return s + strings.Repeat(" ", max(0, n-message.Width(s))) }
