package text

import (
	"fmt"
	"strings"

	"github.com/poolsync/poolsync/internal/report/message"
	"github.com/poolsync/poolsync/internal/report/page"
)

const (
	// nameWidth is the widest name that the others are aligned to.
	nameWidth = 40
	// pathWidth is the least width of the column of field names, and pathLimit the
	// widest name that it is widened for.
	pathWidth = len("content")
	pathLimit = 30
)

// nameColumn is the width of the column of names: the widest of those that are
// not too wide.
func (p *printer) nameColumn(sections []page.Section) int {
	wide := 0
	for _, s := range sections {
		for i, e := range s.Entries {
			if s.Most > 0 && i > s.Most && !p.Full {
				break
			}
			if n := message.Width(name(e)); n <= min(nameWidth, p.Width/2) {
				wide = max(wide, n)
			}
		}
	}
	return wide
}

func name(e page.Entry) string {
	if e.Many.Empty() {
		return message.Safe(e.Name)
	}
	return e.Many.Text()
}

// entry writes what is said of a pool.
func (p *printer) entry(e page.Entry, column int) {
	p.head(e, column)
	wide := pathColumn(e.Lines)
	for _, l := range e.Lines {
		p.change(l, wide)
	}
	for _, r := range e.Reasons {
		p.reason(r)
	}
	for _, b := range e.Block {
		p.detail(message.Code(b), "")
	}
	for _, n := range e.Notes {
		p.detail(n, "")
	}
	p.pools(e)
	p.detail(message.Join("; ", e.Evidence...), "faint")
}

// head writes the first line of an entry: sign, name, verb, and the place at the
// right edge. What does not fit has a line for itself.
func (p *printer) head(e page.Entry, column int) {
	sign, n := string(e.Sign), name(e)
	left := "  " + p.ink(sign, sign) + " "
	verb := e.Verb.Text()
	used := 4 + max(column, message.Width(n))
	if message.Width(n) > column && (verb != "" || e.Place.File != "") && used+len(gap)+message.Width(verb) > p.Width {
		p.line(left + n)
		left, n, used = "    ", "", 4+column
	}
	at := ""
	if e.Place.File != "" {
		short := e.Place
		short.Column = 0
		at = message.Safe(short.String())
	}
	lines := e.Verb.Lines(max(p.Width-used-len(gap), minWidth/2))
	if len(lines) == 0 {
		lines = []string{""}
	}
	last := len(lines) - 1
	for i, l := range lines {
		text := left + pad(n, column) + gap + p.ink(sign, l)
		if i > 0 {
			text = strings.Repeat(" ", used+len(gap)) + p.ink(sign, l)
		}
		if i < last || at == "" {
			p.line(text)
			continue
		}
		room := p.Width - used - len(gap) - message.Width(l) - message.Width(at)
		if room < len(gap)-1 {
			p.line(text)
			p.line(strings.Repeat(" ", max(len(indent), p.Width-message.Width(at))) + p.ink("faint", at))
			continue
		}
		p.line(text + strings.Repeat(" ", room) + p.ink("faint", at))
	}
}

// pathColumn is the width of a column that has the names of these lines.
func pathColumn(lines []page.Line) int {
	wide := pathWidth
	for _, l := range lines {
		if n := message.Width(message.Safe(l.Path)); n <= pathLimit {
			wide = max(wide, n)
		}
	}
	return wide
}

// change writes a line of what changes. Values that do not fit on one line stand
// on two.
func (p *printer) change(l page.Line, wide int) {
	lead := indent + pad(message.Safe(l.Path), wide) + gap
	if l.Entries != nil {
		p.list(lead, l.Sign, l.Entries, l.More)
		return
	}
	before, after := message.Safe(l.Before), message.Safe(l.After)
	was, is := l.Was.Text(), l.Is.Text()
	one := before + " -> " + after
	if was != "" {
		one = was + " " + before + ", " + is + " " + after
	}
	blank := strings.Repeat(" ", message.Width(lead))
	switch {
	case before == "" && was == "":
		p.value(lead, "", "", l.After)
	case message.Width(lead)+message.Width(one) <= p.Width:
		p.line(lead + one)
	case was != "":
		p.value(lead, was+" ", "", before)
		p.value(blank, is+" ", "", after)
	default:
		p.value(lead, "- ", "removed", before)
		p.value(blank, "+ ", "added", after)
	}
}

// value writes a value after its sign, in as many lines as it takes.
func (p *printer) value(lead, sign, ink, text string) {
	wide := message.Width(lead + sign)
	for i, part := range message.Code(text).Lines(max(p.Width-wide, minWidth/2)) {
		if i == 0 {
			p.line(lead + p.ink(ink, sign+part))
			continue
		}
		p.line(strings.Repeat(" ", wide) + p.ink(ink, part))
	}
}

// list writes entries, each with its sign, in lines that are kept to the page
// and begin below each other.
func (p *printer) list(lead, sign string, entries []string, more int) {
	ink := map[string]string{"+": "added", "-": "removed"}[sign]
	if sign != "" {
		sign += " "
	}
	parts := make([]string, len(entries), len(entries)+1)
	for i, e := range entries {
		parts[i] = sign + message.Safe(e)
	}
	if more > 0 {
		parts = append(parts, fmt.Sprintf("%s%d more", sign, more))
	}
	line, wide, begun := lead, message.Width(lead), false
	for i, part := range parts {
		comma := ""
		if i < len(parts)-1 {
			comma = ","
		}
		n := message.Width(part + comma)
		switch {
		case !begun:
		case wide+1+n > p.Width:
			p.line(line)
			line = strings.Repeat(" ", message.Width(lead))
			wide = message.Width(lead)
		default:
			line += " "
			wide++
		}
		line += p.ink(ink, part) + comma
		wide += n
		begun = true
	}
	p.line(line)
}

// reason writes why something is not done, and what to do about it.
func (p *printer) reason(r page.Reason) {
	said := r.Message
	if !r.Lead.Empty() {
		said = message.New("%s: %s", r.Lead, said)
	}
	if r.Rule != "" {
		said = message.New("%s %s", said, message.Code("["+r.Rule+"]"))
	}
	p.detail(said, "")
	p.detail(r.More, "faint")
	p.detail(r.Remedy, "")
}

// mostPools is how many pools of an entry are listed with job and place.
const mostPools = 20

// pools lists the pools of an entry about several.
func (p *printer) pools(e page.Entry) {
	if len(e.Pools) == 0 {
		return
	}
	n := len(e.Pools)
	if n > mostPools+1 && !p.Full {
		n = mostPools
	}
	wide, single := 0, true
	for _, o := range e.Pools[:n] {
		wide = min(max(wide, message.Width(message.Safe(o.Name))), nameWidth)
		single = single && o.Job == "" && o.Place == e.Place
	}
	if single {
		names, most := e.Names(), 6
		if p.Full || len(names) <= most+1 {
			most = len(names)
		}
		p.list(indent+pad("pools", pathWidth)+gap, "", names[:most], len(names)-most)
		return
	}
	for _, o := range e.Pools[:n] {
		line := pad(message.Safe(o.Name), wide)
		if o.Job != "" {
			line += gap + "job " + message.Safe(o.Job)
		}
		at := o.Place
		at.Column = 0
		p.line(hanging + line + gap + p.ink("faint", message.Safe(at.String())))
	}
	if rest := len(e.Pools) - n; rest > 0 {
		p.line(fmt.Sprintf("%sand %d more; --full shows all", hanging, rest))
	}
}
