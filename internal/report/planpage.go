package report

import (
	"fmt"
	"slices"
	"strings"

	"github.com/poolsync/poolsync/internal/diff"
	"github.com/poolsync/poolsync/internal/report/message"
	"github.com/poolsync/poolsync/internal/report/page"
)

// signs mark what an entry is about; an action that a running exam may see is
// marked as danger instead.
var signs = map[diff.Action]page.Sign{
	diff.Create: page.Create, diff.Append: page.Change, diff.Edit: page.Change, diff.Correct: page.Change,
	diff.Replace: page.Change, diff.Retire: page.Leave, diff.Pending: page.Wait, diff.Unknown: page.Unknown, diff.Halted: page.Failed,
	diff.Deferred: page.None, diff.Held: page.Outside, diff.Touched: page.Outside, diff.Orphaned: page.Leave, diff.Unmanaged: page.None, diff.Forgotten: page.Leave,
}

// maxUnmanaged is how many unmanaged pools are listed unless everything is: a
// bank is often shared.
const maxUnmanaged = 20

// Page is the plan for people: what is blocked, what a published pool would show
// at once, then the rest. Pools in which nothing changes are a number and no more.
func (p Plan) Page(full bool) page.Page {
	banks := p.banks(keysOf(p.Changes))
	w := p.wording(full, len(banks) > 1)
	out := page.Page{
		Kind: "plan", Digest: p.Digest, Rising: true, Legend: true, Failure: p.failure(), Findings: p.Diagnostics, Notice: "poolsync plan",
		Title: message.New("poolsync plan: %s, %s in %s%s", p.about(banks), message.Count(p.Pools, "pool"), message.Count(p.Files, "file"), p.config()),
	}
	if out.Failure != nil || p.Diagnostics.HasErrors() {
		out.Headline = message.New("No plan: %s", message.Code(p.Exit.Reason))
		return out
	}
	out.Headline = p.headline(banks)
	if p.Offline != nil {
		out.Headline = p.offlineHeadline()
		out.Intro = append(out.Intro, p.Offline.against())
	}
	if p.HeldBy != nil {
		out.Intro = append(out.Intro, p.HeldBy.line())
	}
	if p.Lost != nil {
		out.Intro = append(out.Intro, p.Lost.paragraphs(w, p.Target)...)
	}
	out.Sections = w.planSections(p)
	out.Paste = pasteOf(unmanagedIn(p.Changes), full, w)
	out.Counts = p.line()
	out.Foot = p.where()
	return out
}

// headline is the plan in a few words: how many changes, and whether any is
// refused.
func (p Plan) headline(banks []bankID) message.Message {
	n, blocked := p.changing(), p.Summary.Blocked
	switch {
	case p.Summary.nothing():
		return message.New("No changes to %s", bankNames(banks))
	case n == 0 && blocked == 0:
		return message.New("Nothing to write to %s, yet not all is as declared", bankNames(banks))
	case blocked == 0:
		return message.New("%s to %s, nothing blocked", message.Count(n, "change"), bankNames(banks))
	default:
		return message.New("%s to %s, %s blocked", message.Count(n, "change"), bankNames(banks), message.Number(blocked))
	}
}

// changing counts the changes that would be written or are refused.
func (p Plan) changing() int {
	n := 0
	for _, ch := range p.Changes {
		if len(ch.Calls) > 0 || ch.Has(diff.Retire) || ch.Has(diff.Forgotten) || ch.Stops() {
			n++
		}
	}
	return n
}

// planSections sorts the rows by what they are to their reader.
func (w wording) planSections(p Plan) []page.Section {
	rows, guards := w.rowsOf(p.Changes)
	blocked := page.Section{Title: message.New("Blocked: nothing is written until this is decided")}
	danger := page.Section{Title: message.New("Published pools change")}
	rest := page.Section{Title: message.New("Changes"), Fold: page.Long}
	aside := page.Section{Title: message.New("Left alone"), Fold: page.Long}
	free := page.Section{Title: message.New("Not managed"), Fold: page.Always, Most: maxUnmanaged}
	for _, r := range rows {
		e := w.entryOf(r)
		switch {
		case r.Has(diff.Unmanaged):
			free.Entries = append(free.Entries, e)
		case r.Has(diff.Unknown) && p.Lost != nil: // the paragraph says it
		case r.Stops():
			blocked.Entries = append(blocked.Entries, e)
		case r.Dangerous:
			danger.Entries = append(danger.Entries, e)
		case len(r.Calls) == 0 && !r.Has(diff.Retire) && !r.Has(diff.Forgotten):
			aside.Entries = append(aside.Entries, e)
		default:
			rest.Entries = append(rest.Entries, e)
		}
	}
	for _, g := range guards {
		blocked.Entries = append(blocked.Entries, w.guardEntry(g))
	}
	for _, s := range []*page.Section{&rest, &danger} {
		slices.SortStableFunc(s.Entries, func(a, b page.Entry) int { return order(a) - order(b) })
	}
	free.Rest = message.New("%s more that are not managed", message.Number(len(free.Entries)-maxUnmanaged))
	return []page.Section{blocked, danger, rest, aside, free}
}

// order sorts entries as the line of counts has them.
func order(e page.Entry) int {
	first, _, _ := strings.Cut(e.Verb.Text(), ",")
	first, _, _ = strings.Cut(first, ":")
	return slices.IndexFunc(diff.Actions, func(a diff.Action) bool { return actionWords[a].Text() == first })
}

// entryOf is what a plan says of a row.
func (w wording) entryOf(r row) page.Entry {
	e := page.Entry{
		Sign: page.None, Place: r.Source, Lines: w.lines(r.Change), Notes: r.notes, Evidence: r.why,
		Name: keyName(r.Key, w.withBank), Verb: actionsIn(r.Actions),
	}
	if len(r.Actions) > 0 {
		e.Sign = signs[r.Actions[0]]
	} else if len(r.Blocked) > 0 {
		e.Sign = page.Unknown
	}
	if r.Dangerous {
		e.Sign = page.Danger
	}
	if r.many {
		e.Many = message.Count(len(r.keys), "pool")
		for _, k := range r.keys {
			e.Pools = append(e.Pools, page.Pool{Name: keyName(k, w.withBank), Place: r.Source})
		}
		if onlyDeferred(r.Change) {
			e.Many, e.Verb, e.Lines, e.Notes = message.Count(len(r.keys), "description"), message.New("wait for a rebuild"), nil, nil
			e.Place.File = ""
		}
	}
	if r.Has(diff.Unmanaged) && r.Evidence.Live != nil {
		e.Verb = message.New("%s: %s, %s", e.Verb, message.Code(quoted(r.Evidence.Live.Name, 0, maxValue/2)), message.Code(string(r.Evidence.Live.Status)))
	}
	refuse(&e, r)
	return e
}

// refuse adds why a row is not carried out.
func refuse(e *page.Entry, r row) {
	said := effect(r.Change)
	switch {
	case len(r.shared) > 0:
		e.Verb = message.Join(", ", e.Verb, message.New("blocked by %s", rules(r.shared...)))
	case r.Stops():
		e.Verb = message.Join(", ", e.Verb, message.New("blocked"))
	case !said.Empty():
		e.Verb, said = message.New("%s: %s", e.Verb, said), message.Message{}
	}
	if !r.Has(diff.Replace) {
		e.Notes = append(nonEmpty(said), e.Notes...)
	}
	for _, b := range r.words {
		reason := page.Reason{Message: b.message, Remedy: b.remedy, Rule: string(b.rule)}
		if !b.own {
			reason.Lead = message.New("blocked")
		} else if slices.ContainsFunc(r.Actions, func(a diff.Action) bool { return string(a) == string(b.rule) }) {
			reason.Rule = ""
		}
		e.Reasons = append(e.Reasons, reason)
	}
	switch {
	case slices.ContainsFunc(r.words, func(b refusal) bool { return !b.own }):
		e.Alarm = page.Error
	case len(r.words) > 0, r.Dangerous, r.Has(diff.Touched), r.Has(diff.Held):
		e.Alarm = page.Warning
	}
}

// rules are names of guards; they are ours.
func rules(names ...diff.Rule) message.Message {
	all := make([]message.Message, len(names))
	for i, n := range names {
		all[i] = message.Code(string(n))
	}
	return message.Join(", ", all...)
}

// guardEntry is a refusal that hits many pools.
func (w wording) guardEntry(g guard) page.Entry {
	e := page.Entry{
		Sign: page.Danger, Many: message.Count(len(g.keys), "pool"), Verb: message.New("blocked by %s", rules(g.rule)),
		Reasons: []page.Reason{{Message: g.message, Remedy: g.remedy}}, Alarm: page.Error,
	}
	for _, k := range g.keys {
		e.Pools = append(e.Pools, page.Pool{Name: keyName(k, w.withBank)})
	}
	return e
}

// lines are what changes in a pool, field by field, then its content.
func (w wording) lines(ch diff.Change) []page.Line {
	var out []page.Line
	for _, f := range ch.Fields {
		if obvious(f) {
			continue
		}
		if entries, ok := f.After.([]string); ok && f.Before == nil {
			out = append(out, w.list(f.Path, "", entries))
			continue
		}
		out = append(out, w.field(ch, f))
	}
	// A pool that is set as a whole is told by its size. What a rebuild of a known
	// pool takes away and brings is told one by one.
	if ch.Has(diff.Create) || (ch.Has(diff.Replace) && ch.Evidence.Recorded == nil) {
		if n := counts(ch.Content.Added); n != "" {
			out = append(out, page.Line{Path: "content", After: n})
		}
		return append(out, w.resolved(ch.Resolved)...)
	}
	for _, d := range deltaLines(ch.Content) {
		out = append(out, w.list(d.path, d.sign, d.entries))
	}
	return append(out, w.resolved(ch.Resolved)...)
}

func (w wording) list(path, sign string, entries []string) page.Line {
	n := shown(len(entries), w.full)
	return page.Line{Path: path, Sign: sign, Entries: entries[:n:n], More: len(entries) - n}
}

// field is a field that changes. A value that is live already, but not on record,
// is told as such: before and after would look alike.
func (w wording) field(ch diff.Change, f diff.Field) page.Line {
	l := page.Line{Path: f.Path}
	if r := ch.Evidence.Recorded; r != nil && fmt.Sprint(f.Before) == fmt.Sprint(f.After) {
		recorded := map[string]string{"name": r.Name, "status": string(r.Status)}[f.Path]
		l.Was, l.Is = message.New("recorded"), message.New("declared, and live already:")
		l.Before, l.After = fieldValues(diff.Field{Before: recorded, After: f.After}, w.values())
		return l
	}
	l.Before, l.After = fieldValues(f, w.values())
	return l
}

// values is how many characters of a value are shown, 0 for all.
func (w wording) values() int {
	if w.full {
		return 0
	}
	return maxValue
}

func nonEmpty(all ...message.Message) []message.Message {
	return slices.DeleteFunc(all, message.Message.Empty)
}
