package report

import (
	"fmt"
	"io"
	"slices"
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
	if held := p.HeldBy.line(); held != "" {
		out.line("%s", Safe(held))
		out.line("")
	}
	out.changes(p.Changes, len(banks) > 1)
	out.paste(unmanagedIn(p.Changes))
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
	line := r.headline(wide)
	h.words = line.words
	p.head(h, wide)
	if line.effectLeft {
		p.detail(r.effect)
	}
	column := r.column()
	p.fields(r, column)
	for _, d := range r.delta {
		p.list(d.path, column, d.sign, d.entries)
	}
	if len(r.keys) > 1 {
		p.list("pools", column, "", keyNames(r.keys, withBank))
	}
	for i, b := range r.blocks {
		rule := ""
		if !(i == 0 && line.ruleSaid) && !(b.Own && slices.Contains(strings.Split(r.actions, ", "), b.Rule)) {
			rule = b.Rule
		}
		switch {
		case i == 0 && line.reasonSaid:
			p.ruled(b.Remedy, rule)
			continue
		case b.Own:
			p.ruled(b.Message, rule)
		default:
			p.ruled("blocked: "+b.Message, rule)
		}
		p.ruled(b.Remedy, "")
	}
	for _, n := range r.notes {
		p.detail(n)
	}
	p.faint(strings.Join(r.evidence, "; "))
}

// column is the width of the column of what changes.
func (r row) column() int {
	names := []string{"content"}
	for _, f := range r.fields {
		if !obvious(f) {
			names = append(names, f.Path)
		}
	}
	for _, d := range r.delta {
		names = append(names, d.path)
	}
	return pathColumn(names)
}

// headline is the words of a row's head: the action, what it will be seen to do,
// and why it is not done. What does not fit is left for the lines below.
type headline struct {
	words      string
	effectLeft bool
	reasonSaid bool // of the first refusal
	ruleSaid   bool
}

func (r row) headline(wide int) headline {
	join := func(more string) string { return strings.TrimLeft(r.actions+"   "+more, " ") }
	refused := ""
	switch {
	case len(r.blocks) > 0 && !r.blocks[0].Own:
		refused = "blocked"
	case len(r.guards) > 0:
		refused = "blocked by " + strings.Join(r.guards, ", ")
	}
	if len(r.blocks) == 1 && len(r.guards) == 0 && refused != "" {
		reason := join("blocked: " + r.blocks[0].Message)
		h := headline{effectLeft: r.effect != "" && r.effect != "rebuilds a live pool", reasonSaid: true}
		if h.words = reason + " [" + r.blocks[0].Rule + "]"; fits(h.words, wide) {
			h.ruleSaid = true
			return h
		}
		if h.words = reason; fits(h.words, wide) {
			return h
		}
	}
	tail := strings.Join(nonEmpty(r.effect, refused), "   ")
	switch {
	case tail == "":
		return headline{words: r.actions}
	case fits(join(tail), wide) || refused == "":
		return headline{words: join(tail)}
	default:
		return headline{words: join(refused), effectLeft: r.effect != ""}
	}
}

// fields writes the fields of a row below each other. Values that do not fit
// on one line stand on two.
func (p *printer) fields(r row, wide int) {
	limit := maxValue
	if p.text.Full {
		limit = 0
	}
	for _, f := range r.fields {
		if obvious(f) {
			continue
		}
		if entries, ok := f.After.([]string); ok && f.Before == nil {
			p.list(f.Path, wide, "", entries)
			continue
		}
		before, after := fieldValues(f, limit)
		lead := labelled(f.Path, wide)
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
		p.line("%s%s", labelled("content", wide), r.whole)
	}
}

// guards writes what refuses many pools at once, each once.
func (p *printer) guards(guards []guard, withBank bool) {
	for _, g := range guards {
		p.line("%s", p.text.ink("!", fmt.Sprintf("  blocked by %s: %s", Safe(g.Rule), Safe(g.Message))))
		p.list(plural(len(g.keys), "pool"), pathWidth, "", keyNames(g.keys, withBank))
		if g.Remedy != "" {
			p.detail(g.Remedy)
		}
		p.line("")
	}
}
