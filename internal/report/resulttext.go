package report

import (
	"fmt"
	"io"

	"github.com/poolsync/poolsync/internal/apply"
	"github.com/poolsync/poolsync/internal/diff"
	"github.com/poolsync/poolsync/internal/pool"
)

var outcomeSymbols = map[apply.State]string{
	apply.Applied: done, apply.Failed: "x", apply.StillRunning: ".", apply.NotAttempted: " ",
}

// maxOutcomes is up to how many pools those that went well are listed too, and
// how many of a group are.
const maxOutcomes = 20

// WriteResult writes the outcome of an apply as text for a person: the pools in
// trouble one by one, the others as a count unless the text is Full.
func (t Text) WriteResult(w io.Writer, r Result) error {
	out := &printer{w: w, text: t}
	banks := r.allBanks()
	withBank := len(banks) > 1
	if r.Target != nil {
		out.line("poolsync apply: %s, run %s", Safe(r.about(banks)), Safe(r.Run))
		out.line("")
	}
	var rows []outcomeRow
	for _, o := range outcomeRows(r.Changes) {
		if o.Outcome.Outcome != apply.Applied || len(o.Warnings) > 0 || t.Full || len(r.Changes) <= maxOutcomes {
			rows = append(rows, o)
		}
	}
	heads := make([]head, len(rows))
	for i, o := range rows {
		heads[i] = o.head(withBank)
	}
	wide := nameColumn(heads)
	for i, o := range rows {
		out.head(heads[i], wide)
		out.outcome(o, withBank)
	}
	if len(rows) > 0 {
		out.line("")
	}
	if r.Outcomes.Failed > 0 {
		out.line("Next: %s.", failedNext)
	}
	out.line("%s", r.line())
	return out.err
}

// allBanks are the banks that the result is about.
func (r Result) allBanks() []pool.Bank {
	keys := make([]pool.Key, len(r.Changes))
	for i, o := range r.Changes {
		keys[i] = o.Key
	}
	return r.banks(keys)
}

// head is the line of an outcome. What went well names its job there; what did
// not has more to say, and names its place.
func (o outcomeRow) head(withBank bool) head {
	h := head{symbol: outcomeSymbols[o.Outcome.Outcome], name: keyName(o.Key, withBank), words: o.words()}
	switch {
	case len(o.all) > 1:
		h.name = plural(len(o.all), "pool")
	case o.Outcome.Outcome != apply.Applied:
		h.place = o.Source.String()
	case o.Job != "":
		h.words += "   job " + string(o.Job)
	}
	return h
}

// outcome writes what there is to know and to do about an outcome.
func (p *printer) outcome(o outcomeRow, withBank bool) {
	about := o.about()
	if len(o.all) > 1 {
		alone := o.Outcome
		alone.Job = ""
		about = alone.about()
	}
	if o.Outcome.Outcome == apply.Applied {
		about = ""
	}
	for _, b := range o.why {
		if b.Own && o.Has(diff.Action(b.Rule)) { // the action is in the head
			b.Rule = ""
		}
		p.ruled(b.Message, b.Rule)
		p.ruled(about, "")
		p.ruled(b.Remedy, "")
		about = ""
	}
	p.ruled(about, "")
	for _, w := range o.Warnings {
		p.detail("warning: " + w)
	}
	if len(o.all) > 1 {
		p.pools(o.all, withBank)
	}
}

// pools lists the pools of a group with job and place.
func (p *printer) pools(all []Outcome, withBank bool) {
	n := len(all)
	if n > maxOutcomes+1 && !p.text.Full {
		n = maxOutcomes
	}
	wide := 0
	for _, o := range all[:n] {
		wide = min(max(wide, width(Safe(keyName(o.Key, withBank)))), nameWidth)
	}
	for _, o := range all[:n] {
		line := pad(Safe(keyName(o.Key, withBank)), wide)
		if o.Job != "" {
			line += "   job " + Safe(string(o.Job))
		}
		p.line("%s  %s   %s", indent, line, Safe(o.Source.String()))
	}
	if rest := len(all) - n; rest > 0 {
		p.line("%s", fmt.Sprintf("%s  + %d more; --full shows all", indent, rest))
	}
}
