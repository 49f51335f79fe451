package report

import (
	"fmt"
	"io"
	"strings"

	"github.com/poolsync/poolsync/internal/apply"
	"github.com/poolsync/poolsync/internal/diff"
)

// WriteResult writes the outcome of an apply: counts, what to do now, every pool
// in trouble with all that is known of it, and the others, folded.
func (m Markdown) WriteResult(w io.Writer, r Result) error {
	withBank := r.manyBanks()
	titles := map[apply.State]string{
		apply.Failed: "Failed", apply.StillRunning: "Still running", apply.NotAttempted: "Not attempted", apply.Applied: "Applied",
	}
	order := []apply.State{apply.Failed, apply.StillRunning, apply.NotAttempted, apply.Applied}
	found := map[apply.State][]entry{}
	for _, o := range r.Changes {
		found[o.Outcome] = append(found[o.Outcome], entry{lines: o.markdown(withBank), pools: 1})
	}
	doc := page{kind: "result", digest: r.Digest, title: r.title("apply"), things: "pools", intro: r.ending()}
	if r.Exit.Reason != "" && len(doc.intro) == 0 {
		doc.intro = []string{fmt.Sprintf("**Exit %d:** %s", r.Exit.Code, message(r.Exit.Reason))}
	}
	if len(r.Changes) > 0 {
		doc.intro = append(doc.intro, r.table())
	}
	if next := r.next(); len(next) > 0 {
		var text strings.Builder
		text.WriteString("**Next**\n")
		for _, n := range next {
			text.WriteString("\n- " + prose(n))
		}
		doc.intro = append(doc.intro, text.String())
	}
	for _, s := range order {
		e := found[s]
		doc.sections = append(doc.sections, section{
			title: fmt.Sprintf("%s (%s)", titles[s], plural(len(e), "pool")), entries: e, folded: s == apply.Applied,
		})
	}
	doc.sections = append(doc.sections, section{title: "Findings", folded: true, entries: findings(r.Diagnostics, r.Warnings)})
	doc.foot = strings.Join(nonEmpty("run "+code(r.Run), plural(r.Calls.Set+r.Calls.Update, "call")+" sent", r.where()), ", ")
	return m.write(w, doc)
}

// table gives the counts, the bad ones first.
func (r Result) table() string {
	var b strings.Builder
	b.WriteString("| | pools | |\n|---|---:|---|")
	for _, c := range []struct {
		symbol string
		n      int
		words  string
	}{
		{"x", r.Outcomes.Failed, "**failed**"},
		{".", r.Outcomes.StillRunning, "**still running**"},
		{" ", r.Outcomes.NotAttempted, "not attempted"},
		{"+", r.Outcomes.Applied, "applied"},
		{" ", r.Summary.Unchanged, "unchanged"},
	} {
		if c.n > 0 {
			fmt.Fprintf(&b, "\n| %s | %d | %s |", mark(c.symbol), c.n, c.words)
		}
	}
	return b.String()
}

// markdown gives the lines of an outcome: all that there is to know of it.
func (o Outcome) markdown(withBank bool) []string {
	first := lead(outcomeSymbols[o.Outcome], "**"+code(keyName(o.Key, withBank))+"** "+o.words())
	if o.Source.File != "" {
		first += " " + code(o.Source.String())
	}
	lines := []string{first}
	say := func(name, value string) {
		if value != "" {
			lines = append(lines, code(name)+" "+code(value))
		}
	}
	if o.Error != nil {
		lines = append(lines, "error: "+message(o.Error.Message))
	}
	say("job_reference", string(o.Job))
	if o.Error != nil {
		if o.Error.Code != 0 {
			say("code", fmt.Sprint(o.Error.Code))
		}
		say("request_uuid", o.Error.RequestUUID)
		if o.Error.Remedy != "" {
			lines = append(lines, "remedy: "+message(o.Error.Remedy))
		}
	}
	for _, w := range o.Warnings {
		lines = append(lines, "warning: "+message(w))
	}
	return lines
}

// WriteDrift writes what differs from what was applied.
func (m Markdown) WriteDrift(w io.Writer, d Drift) error {
	withBank := d.manyBanks()
	drifted := section{title: "Drifted"}
	for _, x := range d.Drift {
		drifted.entries = append(drifted.entries, entry{lines: m.drifted(x, withBank), pools: 1})
	}
	doc := page{kind: "drift", title: d.title("drift"), things: "pools", intro: d.ending()}
	found := section{title: "Findings", folded: len(doc.intro) == 0, entries: findings(d.Diagnostics, d.Warnings)}
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

// WriteValidation writes what a check of manifests found.
func (m Markdown) WriteValidation(w io.Writer, v Validation) error {
	doc := page{kind: "validation", title: v.title("validate"), things: "findings"}
	if v.Error != nil {
		doc.intro = v.ending()
	}
	if words := v.line(); words != "" {
		doc.intro = append(doc.intro, "**"+words+"**")
	}
	doc.sections = []section{{title: "Findings", entries: findings(v.Diagnostics, v.Warnings)}}
	return m.write(w, doc)
}
