package report

import (
	"fmt"
	"io"
	"strings"

	"github.com/rivo/uniseg"
)

// Text says how text is written.
type Text struct {
	Color bool
	Full  bool // nothing is cut
}

const (
	// pageWidth is what lines are kept to, where their words allow it.
	pageWidth = 100
	// placeColumn is where the place of a head line stands.
	placeColumn = 70
	// nameWidth is the widest reference that the others are aligned to.
	nameWidth = 40
	// pathWidth is the least width of the column of field names, with the pathGap
	// before the values, and pathLimit the greatest name that it is widened for.
	pathWidth = len("content") + pathGap
	pathGap   = 3
	pathLimit = 30
	indent    = "      "
)

// printer keeps the first error, so that lines can be written without asking
// after each.
type printer struct {
	w    io.Writer
	text Text
	err  error
}

// line writes a line of text that is safe already.
func (p *printer) line(format string, args ...any) {
	if p.err == nil {
		_, p.err = fmt.Fprintln(p.w, strings.TrimRight(fmt.Sprintf(format, args...), " "))
	}
}

// detail writes a line below a head; what comes in is made safe.
func (p *printer) detail(text string) { p.line("%s%s", indent, Safe(text)) }

// ruled writes a line below a head, and the name of the rule behind it, by which
// the documentation can be searched.
func (p *printer) ruled(text, rule string) {
	if text = Safe(text); rule != "" {
		text = strings.TrimLeft(text+" ", " ") + p.text.ink("faint", Safe("["+rule+"]"))
	}
	if text != "" {
		p.line("%s%s", indent, text)
	}
}

// faint writes a line below a head that may be passed over.
func (p *printer) faint(text string) {
	if text != "" {
		p.line("%s%s", indent, p.text.ink("faint", Safe(text)))
	}
}

// head is the first line of a pool. Name, words and place are made safe where
// the line is written.
type head struct{ symbol, name, words, place string }

// nameColumn is the width of the column of names: the widest of those that are
// not too wide.
func nameColumn(heads []head) int {
	wide := 0
	for _, h := range heads {
		if n := width(Safe(h.name)); n <= nameWidth {
			wide = max(wide, n)
		}
	}
	return wide
}

// fits reports whether words stand between the name and the place.
func fits(words string, wide int) bool { return 4+wide+3+width(Safe(words)) < placeColumn }

// head writes a head line in columns. A name that is too wide for its column
// has a line for itself.
func (p *printer) head(h head, wide int) {
	name, words, place := Safe(h.name), Safe(h.words), Safe(h.place)
	if width(name) > wide && width(name) > nameWidth {
		p.line("%s", p.text.ink(h.symbol, "  "+h.symbol+" "+name))
		h.symbol, name = " ", ""
	}
	left := "  " + h.symbol + " " + pad(name, wide) + "   " + words
	if place == "" {
		p.line("%s", p.text.ink(h.symbol, strings.TrimRight(left, " ")))
		return
	}
	left = pad(left, placeColumn-1)
	p.line("%s", p.text.ink(h.symbol, left+"  "+place))
}

// pathColumn is the width of a column that has these names.
func pathColumn(names []string) int {
	wide := pathWidth
	for _, name := range names {
		if n := width(Safe(name)); n <= pathLimit {
			wide = max(wide, n+pathGap)
		}
	}
	return wide
}

// labelled begins a line below a head: a name in its column.
func labelled(name string, wide int) string {
	return indent + pad(Safe(name)+strings.Repeat(" ", pathGap), wide)
}

// list writes entries, each with its sign, in lines that are kept to the page
// and begin below each other. A long list is cut.
func (p *printer) list(label string, wide int, sign string, entries []string) {
	n := shown(len(entries), p.text.Full)
	lead := labelled(label, wide)
	parts := make([]string, n, n+1)
	for i, e := range entries[:n] {
		parts[i] = sign + Safe(e)
	}
	if rest := len(entries) - n; rest > 0 {
		parts = append(parts, more(sign, rest))
	}
	line := lead
	for i, part := range parts {
		if i < len(parts)-1 {
			part += ","
		}
		switch {
		case line == lead:
		case width(line)+1+width(part) > pageWidth:
			p.line("%s", line)
			line = strings.Repeat(" ", width(lead))
		default:
			line += " "
		}
		line += part
	}
	p.line("%s", line)
}

// width is how many columns of a terminal text takes.
func width(s string) int { return uniseg.StringWidth(s) }

func pad(s string, n int) string { return s + strings.Repeat(" ", max(0, n-width(s))) }

func plural(n int, word string) string {
	if n == 1 {
		return "1 " + word
	}
	return fmt.Sprintf("%d %ss", n, word)
}
