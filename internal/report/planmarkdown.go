package report

import (
	"fmt"
	"io"
	"strings"

	"github.com/poolsync/poolsync/internal/diff"
)

// WritePlan writes a plan for whoever reviews it: counts, then what is blocked,
// then what a running exam may see, then the rest, folded.
func (m Markdown) WritePlan(w io.Writer, p Plan) error {
	banks := p.banks(keysOf(p.Changes))
	withBank := len(banks) > 1
	rows, guards := rowsOf(p.Changes)
	var blocked, danger, aside, rest section
	for _, g := range guards {
		blocked.entries = append(blocked.entries, m.guard(g, withBank))
	}
	for _, r := range rows {
		e := entry{lines: m.row(r, withBank), pools: len(r.keys)}
		switch {
		case r.stops && len(r.blocks) > 0:
			blocked.entries = append(blocked.entries, e)
		case r.danger:
			danger.entries = append(danger.entries, e)
		case strings.Contains("?x.*", strings.TrimSpace(r.symbol)) && r.symbol != " ":
			aside.entries = append(aside.entries, e)
		default:
			rest.entries = append(rest.entries, e)
		}
	}
	blocked.title = "Blocked: nothing is written until this is decided"
	danger.title = "A running exam may see this"
	aside.title, aside.folded = "Left alone ("+pools(aside)+")", true
	rest.title, rest.folded = "Other changes ("+pools(rest)+")", true
	found := section{title: "Findings", folded: true, entries: findings(p.Diagnostics)}
	doc := page{
		kind: "plan", digest: p.Digest, title: p.title("plan", banks), things: "pools",
		sections: []section{blocked, danger, aside, rest, found},
	}
	if doc.intro = p.ending(); len(doc.intro) > 0 {
		found.folded = false
		doc.sections = []section{found}
		doc.things = "findings"
		return m.write(w, doc)
	}
	doc.intro = nonEmpty(p.heldMarkdown(), p.table(), noChangesIf(p.Summary.nothing()))
	doc.foot = fmt.Sprintf("%s declared in %s; %s to %s", plural(p.Pools, "pool"), plural(p.Files, "file"),
		plural(p.Calls.Set+p.Calls.Update, "call"), p.where())
	return m.write(w, doc)
}

func (p Plan) heldMarkdown() string {
	if p.HeldBy == nil {
		return ""
	}
	return message(p.HeldBy.line())
}

func noChangesIf(nothing bool) string {
	if nothing {
		return noChanges
	}
	return ""
}

// pools counts the pools of a section in words.
func pools(s section) string {
	n := 0
	for _, e := range s.entries {
		n += e.pools
	}
	return plural(n, "pool")
}

// table gives the counts that are not zero, one below the other.
func (p Plan) table() string {
	var b strings.Builder
	b.WriteString("| | pools | |\n|---|---:|---|")
	for _, c := range p.counts() {
		words := c.words
		if c.blocked > 0 {
			words += fmt.Sprintf(" (**%d blocked**)", c.blocked)
		}
		if *c.n > 0 {
			fmt.Fprintf(&b, "\n| %s | %d | %s |", mark(symbols[c.action]), *c.n, words)
		}
	}
	if p.Summary.Unchanged > 0 || p.Summary.nothing() {
		fmt.Fprintf(&b, "\n| | %d | unchanged |", p.Summary.Unchanged)
	}
	return b.String()
}

// mark gives a symbol of ours.
func mark(symbol string) string {
	if symbol == " " || symbol == "" {
		return ""
	}
	return "`" + symbol + "`"
}

// lead begins an entry: symbol and name.
func lead(symbol, name string) string {
	return strings.TrimLeft(mark(symbol)+" "+name, " ")
}

// row gives the lines of a row.
func (m Markdown) row(r row, withBank bool) []string {
	name := "**" + plural(len(r.keys), "pool") + "**"
	if len(r.keys) == 1 {
		name = "**" + code(r.name(withBank)) + "**"
	}
	words := nonEmpty(r.actions, boldIf(r.danger, m.effect(r)))
	if len(r.guards) > 0 {
		words = append(words, "**blocked by "+strings.Join(r.guards, ", ")+"**")
	}
	place := ""
	if r.place.File != "" {
		place = code(r.place.String())
	}
	lines := []string{strings.Join(nonEmpty(lead(r.symbol, name), strings.Join(words, ", "), place), " ")}
	lines = append(append(lines, reasons(r.blocks)...), m.fields(r)...)
	for _, d := range r.delta {
		lines = append(lines, code(d.path)+" "+codes(d.entries, d.sign, m.Full))
	}
	if len(r.keys) > 1 {
		lines = append(lines, codes(keyNames(r.keys, withBank), "", m.Full))
	}
	for _, n := range r.notes {
		lines = append(lines, "note: "+message(n))
	}
	if len(r.evidence) > 0 {
		lines = append(lines, "seen: "+message(strings.Join(r.evidence, "; ")))
	}
	return lines
}

// reasons gives why something is not done, each with the rule of the guard, if it
// was one, and with what lifts it.
func reasons(blocks []diff.Block) []string {
	var lines []string
	for _, b := range blocks {
		kind := "**blocked by " + b.Rule + "**"
		switch {
		case b.Rule == "":
			kind = "error"
		case b.Own:
			kind = "*" + b.Rule + "*"
		}
		lines = append(lines, kind+": "+message(b.Message))
		if b.Remedy != "" {
			lines = append(lines, "remedy: "+message(b.Remedy))
		}
	}
	return lines
}

// effect is in our own words, but for unmanaged pools.
func (m Markdown) effect(r row) string {
	if r.effect != "" && !r.danger {
		return message(r.effect)
	}
	return r.effect
}

func boldIf(yes bool, s string) string {
	if yes && s != "" {
		return "**" + s + "**"
	}
	return s
}

// fields gives a line for each field that changes.
func (m Markdown) fields(r row) []string {
	var out []string
	for _, f := range r.fields {
		if obvious(f) {
			continue
		}
		name := code(f.Path)
		if entries, ok := f.After.([]string); ok && f.Before == nil {
			out = append(out, name+" "+codes(entries, "", m.Full))
			continue
		}
		before, after := fieldValues(f, m.values())
		if before == "" {
			out = append(out, name+" "+code(after))
		} else {
			out = append(out, name+" "+code(before)+" → "+code(after))
		}
	}
	if r.whole != "" {
		out = append(out, "content: "+r.whole)
	}
	return out
}

// guard gives a refusal that hits many pools.
func (m Markdown) guard(g guard, withBank bool) entry {
	lines := []string{"**" + plural(len(g.keys), "pool") + " blocked by " + g.Rule + "**: " + message(g.Message)}
	lines = append(lines, codes(keyNames(g.keys, withBank), "", m.Full))
	if g.Remedy != "" {
		lines = append(lines, "remedy: "+message(g.Remedy))
	}
	return entry{lines: lines}
}
