package report

import (
	"fmt"
	"io"
	"strings"

	"github.com/poolsync/poolsync/internal/diff"
)

// symbols mark what a line is about; an action that a running exam may see is
// marked "!" instead.
var symbols = map[diff.Action]string{
	diff.Create: "+", diff.Append: "~", diff.Edit: "~", diff.Correct: "~", diff.Replace: "!", diff.Retire: "-",
	diff.Pending: ".", diff.Unknown: "?", diff.Halted: "x", diff.Deferred: " ", diff.Held: "*", diff.Touched: "*",
	diff.Orphaned: "-", diff.Unmanaged: " ", diff.Forgotten: "-",
}

const noChanges = "No changes: every declared pool is as it was applied."

// WritePlan writes a plan as text for a person. Pools in which nothing changes
// are a number and no more.
func (t Text) WritePlan(w io.Writer, p Plan) error {
	out := &printer{w: w, text: t}
	banks := p.banks(keysOf(p.Changes))
	out.line("poolsync plan: %s, %s declared in %s", Safe(p.about(banks)), plural(p.Pools, "pool"), plural(p.Files, "file"))
	out.line("")
	out.changes(p.Changes, len(banks) > 1)
	if p.Summary.nothing() {
		out.line(noChanges)
		out.line("")
	}
	out.line("%s", p.line())
	return out.err
}

// maxUnmanaged is how many unmanaged pools are listed unless everything is: a
// bank is often shared.
const maxUnmanaged = 20

func (p *printer) changes(changes []diff.Change, withBank bool) {
	if len(changes) == 0 {
		return
	}
	rows, guards := rowsOf(changes)
	heads := make([]head, len(rows))
	for i, r := range rows {
		heads[i] = head{symbol: r.symbol, name: r.name(withBank), place: shortPlace(r.place)}
	}
	wide := nameColumn(heads)
	unmanaged := 0
	for i, r := range rows {
		if r.actions == string(diff.Unmanaged) {
			if unmanaged++; unmanaged > maxUnmanaged && !p.text.Full {
				continue
			}
		}
		p.row(r, heads[i], wide, withBank)
	}
	if rest := unmanaged - maxUnmanaged; rest > 0 && !p.text.Full {
		p.line("    + %d more unmanaged; --full shows all", rest)
	}
	p.line("")
	p.guards(guards, withBank)
}

// row writes a row: its head, what changes, why not, and what it rests on.
func (p *printer) row(r row, h head, wide int, withBank bool) {
	var below, said bool
	h.words, below, said = r.words(wide)
	p.head(h, wide)
	if below {
		p.detail(r.effect)
	}
	p.fields(r)
	for _, d := range r.delta {
		p.list(d.path, d.sign, d.entries)
	}
	if len(r.keys) > 1 {
		p.list("pools", "", keyNames(r.keys, withBank))
	}
	for i, b := range r.blocks {
		switch {
		case i == 0 && said:
		case b.Own:
			p.detail(b.Message)
		default:
			p.line("%sblocked: %s %s", indent, Safe(b.Message), p.text.ink("faint", Safe("["+b.Rule+"]")))
		}
	}
	for _, n := range r.notes {
		p.detail(n)
	}
	p.faint(r.evidence)
	for _, b := range r.blocks {
		if b.Remedy != "" {
			p.detail(b.Remedy)
		}
	}
}

// words are those of a row's head: the action, what it will be seen to do, and
// why it is not done. What does not fit is left for the lines below: below tells
// so of the effect, said of the first refusal that it is in the head.
func (r row) words(wide int) (words string, below, said bool) {
	words = r.actions
	join := func(more string) string { return strings.TrimLeft(words+"   "+more, " ") }
	refused := ""
	switch {
	case len(r.blocks) > 0 && !r.blocks[0].Own:
		refused = "blocked"
	case len(r.guards) > 0:
		refused = "blocked by " + strings.Join(r.guards, ", ")
	}
	if len(r.blocks) == 1 && len(r.guards) == 0 && refused != "" {
		if long := "blocked: " + r.blocks[0].Message; fits(join(long), wide) {
			return join(long), r.effect != "" && r.effect != "rebuilds a live pool", true
		}
	}
	tail := refused
	if r.effect != "" && tail != "" {
		tail = r.effect + "   " + tail
	} else if r.effect != "" {
		tail = r.effect
	}
	if tail == "" {
		return words, false, false
	}
	if fits(join(tail), wide) || refused == "" {
		return join(tail), false, false
	}
	return join(refused), r.effect != "", false
}

// fields writes the fields of a row below each other. Values that do not fit
// on one line stand on two.
func (p *printer) fields(r row) {
	wide := pathWidth
	for _, f := range r.fields {
		if n := width(Safe(f.Path)); n <= 2*pathWidth+6 && !obvious(f) {
			wide = max(wide, n)
		}
	}
	limit := maxValue
	if p.text.Full {
		limit = 0
	}
	for _, f := range r.fields {
		if obvious(f) {
			continue
		}
		if entries, ok := f.After.([]string); ok && f.Before == nil {
			p.list(f.Path, "", entries)
			continue
		}
		before, after := fieldValues(f, limit)
		lead := indent + pad(Safe(f.Path), wide) + " "
		switch one := Safe(before + " -> " + after); {
		case before == "":
			p.line("%s%s", lead, Safe(after))
		case width(lead)+width(one) <= pageWidth:
			p.line("%s%s", lead, one)
		default:
			p.line("%s- %s", lead, Safe(before))
			p.line("%s+ %s", strings.Repeat(" ", width(lead)), Safe(after))
		}
	}
	if r.whole != "" {
		p.line("%s%s %s", indent, pad("content", wide), r.whole)
	}
}

// guards writes what refuses many pools at once, each once.
func (p *printer) guards(guards []guard, withBank bool) {
	for _, g := range guards {
		p.line("%s", p.text.ink("!", fmt.Sprintf("  blocked by %s: %s", Safe(g.Rule), Safe(g.Message))))
		p.list(plural(len(g.keys), "pool"), "", keyNames(g.keys, withBank))
		if g.Remedy != "" {
			p.detail(g.Remedy)
		}
		p.line("")
	}
}
