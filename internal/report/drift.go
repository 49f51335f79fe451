package report

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/poolsync/poolsync/internal/diff"
	"github.com/poolsync/poolsync/internal/pool"
)

// Drift is what differs from what was applied, as it is printed. Changes are
// what the manifests want and is not applied yet; it is no drift.
type Drift struct {
	Head
	Summary   DriftSummary   `json:"summary"`
	Drift     []diff.Drifted `json:"drift"`
	Orphaned  []pool.Key     `json:"orphaned"`
	Unmanaged []Listed       `json:"unmanaged"`
	Changes   []diff.Change  `json:"changes"`
}

// DriftSummary counts pools. Managed is how many were looked at.
type DriftSummary struct {
	Managed   int `json:"managed"`
	Drifted   int `json:"drifted"`
	Orphaned  int `json:"orphaned"`
	Unmanaged int `json:"unmanaged"`
	Changes   int `json:"changes"`
}

// kindsOf gives the kinds of drift in words.
func kindsOf(x diff.Drifted) string {
	words := make([]string, len(x.Kinds))
	for i, k := range x.Kinds {
		words[i] = string(k)
	}
	return strings.Join(words, ", ")
}

// explained gives what the kinds of a pool's drift mean, each thing once: who
// unpublishes a pool writes to it, too.
func explained(x diff.Drifted) []string {
	has := func(k diff.DriftKind) bool { return slices.Contains(x.Kinds, k) }
	const unvouched = "what it holds can no longer be vouched for"
	var out []string
	switch {
	case has(diff.DriftHeld):
		held := "someone unpublished it; apply leaves it so unless --republish " + string(x.Reference)
		if has(diff.DriftTouched) {
			held += "; " + unvouched
		}
		out = append(out, held)
	case has(diff.DriftTouched):
		out = append(out, "someone else wrote to it since our last job; "+unvouched)
	case has(diff.DriftVanished):
		out = append(out, "it was applied, and the bank does not have it any more")
	}
	failed := ""
	if x.Evidence.Recorded != nil {
		failed = x.Evidence.Recorded.LastError
	}
	switch {
	case has(diff.DriftHalted) && failed != "":
		out = append(out, "its last job failed: "+failed)
	case has(diff.DriftHalted):
		out = append(out, "its last job failed")
	case failed != "":
		out = append(out, failed)
	}
	return out
}

// driftEvidence says what a kind of drift rests on that the fields do not show.
func driftEvidence(x diff.Drifted) string {
	e := x.Evidence
	switch {
	case slices.Contains(x.Kinds, diff.DriftTouched), slices.Contains(x.Kinds, diff.DriftHeld):
		if e.Recorded != nil && slices.ContainsFunc(x.Fields, func(f diff.Field) bool { return f.Path == "status" }) {
			known := *e.Recorded
			known.Status = "" // the field shows it
			e.Recorded = &known
		}
		return seen(e)
	case slices.Contains(x.Kinds, diff.DriftVanished), slices.Contains(x.Kinds, diff.DriftHalted):
		return recorded(e)
	default:
		return ""
	}
}

// line is drift in one line.
func (d Drift) line() string {
	s := d.Summary
	return fmt.Sprintf("Drift: %d of %s drifted; %d orphaned, %d unmanaged; %s declared and not applied yet.",
		s.Drifted, plural(s.Managed, "managed pool"), s.Orphaned, s.Unmanaged, plural(s.Changes, "change"))
}

const (
	orphanWords = "orphaned: applied by poolsync, declared nowhere any more"
	dueWords    = "declared and not applied yet; no drift"
)

// allBanks are the banks that drift is about.
func (d Drift) allBanks() []pool.Bank {
	keys := slices.Concat(d.Orphaned, keysOf(d.Changes))
	for _, x := range d.Drift {
		keys = append(keys, x.Key)
	}
	for _, l := range d.Unmanaged {
		keys = append(keys, l.key())
	}
	return d.banks(keys)
}

// WriteDrift writes drift as text for a person: what drifted in full, what is
// only told of up to a number.
func (t Text) WriteDrift(w io.Writer, d Drift) error {
	out := &printer{w: w, text: t}
	out.line("poolsync drift: %s, %s", Safe(d.about(d.allBanks())), plural(d.Summary.Managed, "managed pool"))
	out.line("")
	heads := d.heads()
	wide := nameColumn(heads)
	for i, x := range d.Drift {
		out.head(heads[i], wide)
		out.drifted(x)
	}
	rest := heads[len(d.Drift):]
	for _, n := range []struct {
		n     int
		words string
	}{{len(d.Orphaned), "orphaned"}, {len(d.Unmanaged), "unmanaged"}, {len(d.Changes), "not applied yet"}} {
		out.some(rest[:n.n], wide, n.words)
		rest = rest[n.n:]
	}
	if len(heads) > 0 {
		out.line("")
	}
	if t.Full { // a bank is often shared, and drift is read every day
		out.paste(records(d.Unmanaged))
	}
	out.line("%s", d.line())
	return out.err
}

// heads are the head lines of everything that drift tells of, in its order.
func (d Drift) heads() []head {
	withBank := len(d.allBanks()) > 1
	var heads []head
	for _, x := range d.Drift {
		heads = append(heads, head{"!", keyName(x.Key, withBank), kindsOf(x), x.Source.String()})
	}
	for _, k := range d.Orphaned {
		heads = append(heads, head{"-", keyName(k, withBank), orphanWords, ""})
	}
	for _, l := range d.Unmanaged {
		heads = append(heads, head{" ", keyName(l.key(), withBank), "unmanaged: " + quoted(l.Name, 0, maxValue/2) + ", " + string(l.Status), ""})
	}
	for _, ch := range d.Changes {
		heads = append(heads, head{" ", keyName(ch.Key, withBank), actionWords(ch) + ": " + dueWords, ch.Source.String()})
	}
	return heads
}

// some writes head lines up to a number.
func (p *printer) some(heads []head, wide int, words string) {
	n := len(heads)
	if n > maxUnmanaged+1 && !p.text.Full {
		n = maxUnmanaged
	}
	for _, h := range heads[:n] {
		p.head(h, wide)
	}
	if rest := len(heads) - n; rest > 0 {
		p.line("    + %d more %s; --full shows all", rest, words)
	}
}

// drifted writes what is different in one pool, and what that means.
func (p *printer) drifted(x diff.Drifted) {
	limit := maxValue
	if p.text.Full {
		limit = 0
	}
	for _, f := range x.Fields {
		before, after := fieldValues(f, limit)
		lead := labelled(f.Path, pathWidth)
		if one := Safe("applied " + before + ", live " + after); width(lead)+width(one) <= pageWidth {
			p.line("%s%s", lead, one)
			continue
		}
		p.line("%sapplied %s", lead, Safe(before))
		p.line("%s   live %s", strings.Repeat(" ", width(lead)), Safe(after))
	}
	for _, words := range explained(x) {
		p.detail(words)
	}
	p.faint(driftEvidence(x))
}
