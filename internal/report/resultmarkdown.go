package report

import (
	"fmt"
	"io"
	"strings"

	"github.com/poolsync/poolsync/internal/apply"
)

// WriteResult writes the outcome of an apply: counts, what to do now, every pool
// in trouble with all that is known of it, and the others, folded.
func (m Markdown) WriteResult(w io.Writer, r Result) error {
	banks := r.allBanks()
	withBank := len(banks) > 1
	titles := map[apply.State]string{
		apply.Failed: "Failed", apply.StillRunning: "Still running", apply.NotAttempted: "Not attempted", apply.Applied: "Applied",
	}
	order := []apply.State{apply.Failed, apply.StillRunning, apply.NotAttempted, apply.Applied}
	found := map[apply.State][]entry{}
	for _, o := range r.Changes {
		found[o.Outcome] = append(found[o.Outcome], entry{lines: o.markdown(withBank), pools: 1})
	}
	doc := page{kind: "result", digest: r.Digest, title: r.title("apply", banks), things: "pools", intro: r.ending()}
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
	doc.sections = append(doc.sections, section{title: "Findings", folded: true, entries: findings(r.Diagnostics)})
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
		{done, r.Outcomes.Applied, "applied"},
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
	lines = append(lines, reasons(o.problems())...)
	say("job_reference", string(o.Job))
	if o.Error != nil {
		if o.Error.Code != 0 {
			say("code", fmt.Sprint(o.Error.Code))
		}
		say("request_uuid", o.Error.RequestUUID)
	}
	for _, w := range o.Warnings {
		lines = append(lines, "warning: "+message(w))
	}
	return lines
}
