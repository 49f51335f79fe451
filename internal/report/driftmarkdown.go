package report

import (
	"fmt"
	"io"

	"github.com/poolsync/poolsync/internal/diff"
)

// WriteDrift writes what differs from what was applied.
func (m Markdown) WriteDrift(w io.Writer, d Drift) error {
	banks := d.allBanks()
	withBank := len(banks) > 1
	drifted := section{title: "Drifted"}
	for _, x := range d.Drift {
		drifted.entries = append(drifted.entries, entry{lines: m.drifted(x, withBank), pools: 1})
	}
	doc := page{kind: "drift", title: d.title("drift", banks), things: "pools", intro: d.ending()}
	found := section{title: "Findings", folded: len(doc.intro) == 0, entries: findings(d.Diagnostics)}
	if len(doc.intro) > 0 {
		doc.sections = []section{found}
		return m.write(w, doc)
	}
	s := d.Summary
	doc.intro = []string{fmt.Sprintf("**%d of %s drifted**; %d orphaned, %d unmanaged; %s declared and not applied yet.",
		s.Drifted, plural(s.Managed, "managed pool"), s.Orphaned, s.Unmanaged, plural(s.Changes, "change"))}
	rest := d.heads()[len(d.Drift):]
	doc.sections = []section{drifted}
	for _, n := range []struct {
		n     int
		title string
	}{{len(d.Orphaned), "Orphaned"}, {len(d.Unmanaged), "Unmanaged"}, {len(d.Changes), "Not applied yet"}} {
		sec := section{title: fmt.Sprintf("%s (%s)", n.title, plural(n.n, "pool")), folded: true}
		for _, h := range rest[:n.n] {
			line := lead(h.symbol, "**"+code(h.name)+"** ") + prose(h.words)
			if h.place != "" {
				line += " " + code(h.place)
			}
			sec.entries = append(sec.entries, entry{lines: []string{line}, pools: 1})
		}
		rest = rest[n.n:]
		doc.sections = append(doc.sections, sec)
	}
	doc.sections = append(doc.sections, found)
	doc.foot = d.where()
	return m.write(w, doc)
}

// drifted gives the lines of a pool that drifted.
func (m Markdown) drifted(x diff.Drifted, withBank bool) []string {
	first := lead("!", "**"+code(keyName(x.Key, withBank))+"** "+kindsOf(x))
	if x.Source.File != "" {
		first += " " + code(x.Source.String())
	}
	lines := []string{first}
	for _, f := range x.Fields {
		before, after := fieldValues(f, m.values())
		lines = append(lines, code(f.Path)+" applied "+code(before)+", live "+code(after))
	}
	for _, words := range explained(x) {
		lines = append(lines, "note: "+message(words))
	}
	if e := driftEvidence(x); e != "" {
		lines = append(lines, "seen: "+message(e))
	}
	return lines
}
