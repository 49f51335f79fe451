package report

import (
	"slices"
	"strings"

	"github.com/poolsync/poolsync/internal/diff"
	"github.com/poolsync/poolsync/internal/pool"
	"github.com/poolsync/poolsync/internal/report/message"
	"github.com/poolsync/poolsync/internal/report/page"
)

// Drift is what differs from what was applied, as it is printed. Changes are
// what the manifests want and is not applied yet; it is no drift.
type Drift struct {
	Head
	Summary   DriftSummary   `json:"summary"`
	Drift     []diff.Drifted `json:"drift"`
	Orphaned  []pool.Key     `json:"orphaned"`
	Unmanaged []Listed       `json:"unmanaged"`
	Changes   []diff.Change  `json:"-"`
	Written   []written      `json:"changes"` // Changes in words, made where the document is written

	ListUnmanaged bool       `json:"-"` // else they are a number
	Lost          *LostState `json:"-"`
}

// DriftSummary counts pools. Managed is how many were looked at.
type DriftSummary struct {
	Managed   int `json:"managed"`
	Drifted   int `json:"drifted"`
	Orphaned  int `json:"orphaned"`
	Unmanaged int `json:"unmanaged"`
	Changes   int `json:"changes"`
}

// driftWords are the kinds of drift as people read them.
var driftWords = map[diff.DriftKind]message.Message{
	diff.DriftChanged: message.New("differs"), diff.DriftTouched: message.New("changed outside"), diff.DriftHeld: message.New("unpublished outside"),
	diff.DriftVanished: message.New("gone from the bank"), diff.DriftHalted: message.New("halted"),
	diff.DriftDoubt: message.New("its last call is in doubt"),
}

// kindsOf returns the kinds of drift in words. Who unpublishes a pool writes to
// it, too, and a name that differs was changed outside.
func kindsOf(x diff.Drifted) message.Message {
	var all []message.Message
	for _, k := range x.Kinds {
		if k == diff.DriftTouched && has(x, diff.DriftHeld) || k == diff.DriftChanged && (has(x, diff.DriftTouched) || has(x, diff.DriftHeld)) {
			continue
		}
		words, known := driftWords[k]
		if !known {
			words = message.Code(string(k))
		}
		all = append(all, words)
	}
	return message.Join(", ", all...)
}

func has(x diff.Drifted, k diff.DriftKind) bool { return slices.Contains(x.Kinds, k) }

// explained returns what a pool's drift means and what to do about it.
func (w wording) explained(x diff.Drifted) []message.Message {
	ref := string(x.Reference)
	if w.withBank {
		ref = x.Key.String()
	}
	name := message.Code(ref)
	adopt := w.command("adopt", ref)
	var out []message.Message
	switch {
	case has(x, diff.DriftHeld):
		out = append(out, message.New("to publish it again: %s", w.command("apply", "--republish", ref)))
	case has(x, diff.DriftTouched):
		at := message.Message{}
		if x.Evidence.Live != nil {
			at = message.New(" at %s", message.Code(x.Evidence.Live.Updated))
		}
		out = append(out, message.New("changed outside poolsync%s; its content may differ. Look at %s, then: %s", at, name, adopt))
	case has(x, diff.DriftVanished):
		out = append(out, message.New("it was applied, and the bank does not have it any more; the next apply creates it again"))
	case has(x, diff.DriftDoubt):
		out = append(out, message.New("whether its last call happened is not known; the next apply finds out and goes on from there"))
	}
	failed := ""
	if x.Evidence.Recorded != nil {
		failed = x.Evidence.Recorded.LastError
	}
	switch {
	case has(x, diff.DriftHalted) && failed != "":
		out = append(out, message.New("its last job failed: %s", message.Code(failed)))
	case has(x, diff.DriftHalted):
		out = append(out, message.New("its last job failed"))
	case failed != "":
		out = append(out, message.Code(failed))
	}
	return out
}

// driftEvidence says what a kind of drift was seen by that the fields do not show.
func driftEvidence(x diff.Drifted) message.Message {
	e := x.Evidence
	switch {
	case has(x, diff.DriftTouched), has(x, diff.DriftHeld):
		if e.Recorded != nil && slices.ContainsFunc(x.Fields, func(f diff.Field) bool { return f.Path == "status" }) {
			known := *e.Recorded
			known.Status = "" // the field shows it
			e.Recorded = &known
		}
		return seen(e)
	case has(x, diff.DriftVanished), has(x, diff.DriftHalted):
		return recorded(e)
	default:
		return message.Message{}
	}
}

// line is drift in one line: what is not zero.
func (d Drift) line() message.Message {
	s := d.Summary
	said := message.New("No drift: %s as applied", are(s.Managed))
	if s.Managed == 0 {
		said = message.New("No drift: nothing is managed here")
	}
	if s.Drifted > 0 {
		said = message.New("Drift: %s of %s", message.Number(s.Drifted), message.Count(s.Managed, "managed pool"))
	}
	rest := []message.Message{
		said, some(s.Orphaned, message.New("no longer declared")), some(s.Unmanaged, message.New("not managed")),
	}
	if s.Changes > 0 {
		rest = append(rest, message.New("%s not applied yet", message.Count(s.Changes, "declared change")))
	}
	return message.New("%s.", message.Join(". ", rest...))
}

func are(n int) message.Message {
	if n == 1 {
		return message.New("the managed pool is")
	}
	return message.New("all %s are", message.Count(n, "managed pool"))
}

// allBanks are the banks that drift is about.
func (d Drift) allBanks() []bankID {
	keys := slices.Concat(d.Orphaned, keysOf(d.Changes))
	for _, x := range d.Drift {
		keys = append(keys, x.Key)
	}
	for _, l := range d.Unmanaged {
		keys = append(keys, l.key())
	}
	return d.banks(keys)
}

// Page is drift for people: what drifted in full, what is only told of up to a
// number.
func (d Drift) Page(full bool) page.Page {
	banks := d.allBanks()
	w := d.wording(full, len(banks) > 1)
	out := page.Page{
		Kind: "drift", Failure: d.failure(), Findings: d.Diagnostics, Notice: "poolsync drift",
		Title: message.New("poolsync drift: %s, %s%s", d.about(banks), message.Count(d.Summary.Managed, "managed pool"), d.config()),
	}
	if out.Failure != nil || d.Diagnostics.HasErrors() {
		out.Headline = message.New("Drift could not be checked: %s", message.Code(d.Exit.Reason))
		return out
	}
	out.Headline = message.New("No drift in %s", bankNames(banks))
	if n := d.Summary.Drifted; n > 0 {
		out.Headline = message.New("%s drifted in %s", message.Count(n, "pool"), bankNames(banks))
	}
	if d.Lost != nil {
		out.Intro = d.Lost.paragraphs(w, d.Target)
	}
	drifted := page.Section{Title: message.New("Drifted")}
	for _, x := range d.Drift {
		drifted.Entries = append(drifted.Entries, w.drifted(x))
	}
	out.Sections = append([]page.Section{drifted}, d.told(w)...)
	if d.ListUnmanaged {
		out.Paste = pasteOf(records(d.Unmanaged), full, w)
	}
	out.Counts = d.line()
	out.Next = d.next(w)
	out.Foot = d.where()
	return out
}

// drifted is what is different in one pool, and what that means.
func (w wording) drifted(x diff.Drifted) page.Entry {
	e := page.Entry{Sign: page.Danger, Name: keyName(x.Key, w.withBank), Verb: kindsOf(x), Place: x.Source, Alarm: page.Warning, Notes: w.explained(x)}
	for _, f := range x.Fields {
		l := page.Line{Path: f.Path, Was: message.New("applied"), Is: message.New("live")}
		l.Before, l.After = fieldValues(f, w.values())
		e.Lines = append(e.Lines, l)
	}
	e.Evidence = nonEmpty(driftEvidence(x))
	return e
}

// told are the sections of what is no drift.
func (d Drift) told(w wording) []page.Section {
	left := func(title message.Message) page.Section {
		return page.Section{Title: title, Fold: page.Always, Most: maxUnmanaged}
	}
	orphaned, free, due := left(message.New("No longer declared")), left(message.New("Not managed")), left(message.New("Not applied yet"))
	for _, k := range d.Orphaned {
		orphaned.Entries = append(orphaned.Entries, page.Entry{Sign: page.Leave, Name: keyName(k, w.withBank), Verb: message.New("no longer declared")})
	}
	if d.ListUnmanaged {
		for _, l := range d.Unmanaged {
			free.Entries = append(free.Entries, page.Entry{
				Sign: page.None, Name: keyName(l.key(), w.withBank),
				Verb: message.New("not managed: %s, %s", message.Code(quoted(l.Name, 0, maxValue/2)), message.Code(string(l.Status))),
			})
		}
	}
	for _, ch := range d.Changes {
		verb := message.New("%s: declared, not applied yet", callsOf(ch))
		if ch.Has(diff.Unknown) {
			if d.Lost != nil {
				continue
			}
			verb = callsOf(ch)
		}
		due.Entries = append(due.Entries, page.Entry{Sign: page.None, Name: keyName(ch.Key, w.withBank), Verb: verb, Place: ch.Source})
	}
	orphaned.Rest = message.New("%s more that are no longer declared", message.Number(len(orphaned.Entries)-maxUnmanaged))
	free.Rest = message.New("%s more that are not managed", message.Number(len(free.Entries)-maxUnmanaged))
	due.Rest = message.New("%s more that are not applied yet", message.Number(len(due.Entries)-maxUnmanaged))
	return []page.Section{orphaned, free, due}
}

// next is one line for each kind of finding.
func (d Drift) next(w wording) []message.Message {
	refs := func(keep func(diff.Drifted) bool) []string {
		var out []string
		for _, x := range d.Drift {
			if keep(x) {
				out = append(out, keyName(x.Key, w.withBank))
			}
		}
		return out
	}
	var out []message.Message
	if all := refs(func(x diff.Drifted) bool { return has(x, diff.DriftTouched) && !has(x, diff.DriftHeld) }); len(all) > 1 {
		out = append(out, message.New("Changed outside: look at %s, then: %s", them(all), w.command(append([]string{"adopt"}, first(all)...)...)))
	}
	if all := refs(func(x diff.Drifted) bool { return has(x, diff.DriftHeld) }); len(all) > 1 {
		args := []string{"apply"}
		for _, ref := range first(all) {
			args = append(args, "--republish", ref)
		}
		out = append(out, message.New("Unpublished outside: to publish %s again: %s", them(all), w.command(args...)))
	}
	changed := func(x diff.Drifted) bool { return has(x, diff.DriftChanged) && !has(x, diff.DriftHeld) }
	if all := refs(changed); len(all) > 0 {
		out = append(out, message.New("To put the declared fields back: %s", w.command("apply")))
	}
	if all := refs(func(x diff.Drifted) bool { return has(x, diff.DriftHalted) }); len(all) > 0 {
		out = append(out, message.New("Halted: see what the next run would do: %s", w.command("plan")))
	}
	if len(d.Orphaned) > 0 {
		out = append(out, message.New("No longer declared: to unpublish: %s; to hand a pool over: %s",
			w.command("apply", "--prune"), w.command("state", "forget", keyName(d.Orphaned[0], w.withBank))))
	}
	var unknown []string
	for _, ch := range d.Changes {
		if ch.Has(diff.Unknown) {
			unknown = append(unknown, keyName(ch.Key, w.withBank))
		}
	}
	if len(unknown) > 0 && d.Lost == nil {
		out = append(out, message.New("Not on record: look at %s, then: %s", them(unknown), w.command(append([]string{"adopt"}, first(unknown)...)...)))
	}
	return out
}

func them(refs []string) message.Message {
	if len(refs) == 1 {
		return message.Code(refs[0])
	}
	return message.New("them")
}

// first are as many references as a command line takes well.
func first(refs []string) []string { return refs[:min(len(refs), maxJobs)] }

func contains(s, part string) bool { return strings.Contains(s, part) }
