package report

import (
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"github.com/poolsync/poolsync/internal/diff"
	"github.com/poolsync/poolsync/internal/pool"
)

// Text says how text is written.
type Text struct {
	Color bool
	Full  bool // long lists are not cut
}

// maxListed is how many entries of a list are shown unless the text is Full.
const maxListed = 6

// symbols mark what a line is about; an action that a running exam may see is
// marked "!" instead.
var symbols = map[diff.Action]string{
	diff.Create: "+", diff.Append: "~", diff.Edit: "~", diff.Correct: "~", diff.Replace: "!", diff.Retire: "-",
	diff.Pending: ".", diff.Unknown: "?", diff.Halted: "x", diff.Deferred: " ", diff.Held: "*", diff.Touched: "*",
	diff.Orphaned: "-", diff.Unmanaged: " ", diff.Forgotten: "-",
}

// WritePlan writes a plan as text for a person.
func (t Text) WritePlan(w io.Writer, p Plan) error {
	out := &printer{w: w, text: t}
	out.line("poolsync plan: %s, %s declared in %s", Safe(p.Target.String()), plural(p.Pools, "pool"), plural(p.Files, "file"))
	out.line("")
	out.changes(p.Changes)
	if p.Summary.nothing() {
		out.line("No changes: every declared pool is as it was applied.")
		out.line("")
	}
	out.line("%s", p.line())
	return out.err
}

// nothing reports whether the plan has nothing to say.
func (s Summary) nothing() bool {
	s.Unchanged, s.Unmanaged = 0, 0
	return s == Summary{}
}

// line is the plan in one line. People and programs read it: its wording stays.
func (p Plan) line() string {
	s := p.Summary
	blocked := map[diff.Action]int{}
	for _, ch := range p.Changes {
		for _, a := range ch.Actions {
			if ch.Stops() {
				blocked[a]++
			}
		}
	}
	count := func(n int, words string, a diff.Action) string {
		if blocked[a] == 0 {
			return fmt.Sprintf("%d %s", n, words)
		}
		return fmt.Sprintf("%d %s (%d blocked)", n, words, blocked[a])
	}
	var b strings.Builder
	fmt.Fprintf(&b, "Plan: %s, %s, %s, %s, %s, %s; %d unchanged, %d unknown",
		count(s.Create, "to create", diff.Create), count(s.Append, "to append", diff.Append), count(s.Edit, "to edit", diff.Edit),
		count(s.Correct, "to correct", diff.Correct), count(s.Replace, "to replace", diff.Replace), count(s.Retire, "to retire", diff.Retire),
		s.Unchanged, s.Unknown)
	for _, more := range []struct {
		n    int
		word string
	}{
		{s.Pending, "pending"},
		{s.Deferred, "deferred"},
		{s.Halted, "halted"},
		{s.Held, "held"},
		{s.Touched, "touched"},
		{s.Orphaned, "orphaned"},
		{s.Forgotten, "forgotten"},
		{s.Unmanaged, "unmanaged"},
	} {
		if more.n > 0 {
			fmt.Fprintf(&b, ", %d %s", more.n, more.word)
		}
	}
	fmt.Fprintf(&b, ". %s.", plural(p.Calls.Set+p.Calls.Update, "call"))
	return b.String()
}

func plural(n int, word string) string {
	if n == 1 {
		return "1 " + word
	}
	return fmt.Sprintf("%d %ss", n, word)
}

// printer keeps the first error, so that lines can be written without asking
// after each.
type printer struct {
	w    io.Writer
	text Text
	err  error
}

func (p *printer) line(format string, args ...any) {
	if p.err == nil {
		_, p.err = fmt.Fprintln(p.w, strings.TrimRight(fmt.Sprintf(format, args...), " "))
	}
}

// head is the first line of a change, in columns.
type head struct{ symbol, reference, words, place string }

func (p *printer) changes(changes []diff.Change) {
	if len(changes) == 0 {
		return
	}
	heads := make([]head, len(changes))
	wide := 0
	for i, ch := range changes {
		heads[i] = headOf(ch, manyBanks(changes))
		wide = max(wide, utf8.RuneCountInString(heads[i].reference))
	}
	wide = min(wide, 48)
	for i, ch := range changes {
		h := heads[i]
		left := fmt.Sprintf("  %s %-*s   %s", h.symbol, wide, h.reference, h.words)
		if h.place != "" {
			left = fmt.Sprintf("%-70s %s", left, h.place)
		}
		p.line("%s", p.text.paint(h.symbol, left))
		p.details(ch)
	}
	p.line("")
}

func manyBanks(changes []diff.Change) bool {
	for _, ch := range changes {
		if ch.Bank != changes[0].Bank {
			return true
		}
	}
	return false
}

func headOf(ch diff.Change, withBank bool) head {
	h := head{symbol: " ", reference: Safe(string(ch.Reference))}
	if withBank {
		h.reference = Safe(ch.Key.String())
	}
	var words []string
	for i, a := range ch.Actions {
		words = append(words, string(a))
		if i == 0 {
			h.symbol = symbols[a]
		}
	}
	if ch.Dangerous {
		h.symbol = "!"
	}
	h.words = strings.Join(words, ", ")
	if len(ch.Blocked) > 0 && len(ch.Calls)+len(ch.Actions) > 0 && !ch.Blocked[0].Own {
		h.words += "   blocked: " + Safe(ch.Blocked[0].Message)
	} else if len(ch.Blocked) > 0 {
		h.words = strings.TrimLeft(h.words+"   "+Safe(ch.Blocked[0].Message), " ")
	}
	if ch.Source.File != "" {
		h.place = Safe(ch.Source.File)
		if ch.Source.Line > 0 {
			h.place += fmt.Sprintf(":%d", ch.Source.Line)
		}
	}
	return h
}

// details are the lines under a change's head.
func (p *printer) details(ch diff.Change) {
	whole := ch.Has(diff.Create) || (ch.Has(diff.Replace) && ch.Entry == nil)
	for _, f := range ch.Fields {
		switch {
		case f.Before == nil && f.Path == "status" && f.After == "published":
		case f.Before == nil:
			p.line("      %-12s %s", Safe(f.Path), value(f.After))
		default:
			p.line("      %-12s %s -> %s", Safe(f.Path), value(f.Before), value(f.After))
		}
	}
	if whole {
		p.line("      %-12s %s", "content", counts(ch.Content.Added))
	} else {
		p.delta(ch.Content)
	}
	for i, b := range ch.Blocked {
		if i > 0 {
			p.line("      blocked: %s", Safe(b.Message))
		}
		p.line("      %s", Safe(b.Remedy))
	}
	for _, n := range ch.Notes {
		p.line("      %s", Safe(n))
	}
}

// value writes a field's value; text is quoted.
func value(v any) string {
	switch v := v.(type) {
	case string:
		return Quote(v)
	case []string:
		return listed(v, "", false)
	default:
		return Safe(fmt.Sprint(v))
	}
}

// counts tells how many entries of each kind content has.
func counts(c pool.Content) string {
	var parts []string
	for _, n := range []struct {
		n          int
		one, other string
	}{
		{len(c.Items), "item", "items"},
		{len(c.Activities), "activity", "activities"},
		{len(c.Tags), "tag", "tags"},
		{len(c.ItemTags), "item tag", "item tags"},
		{len(c.ActivityTags), "activity tag", "activity tags"},
	} {
		switch n.n {
		case 0:
		case 1:
			parts = append(parts, "1 "+n.one)
		default:
			parts = append(parts, fmt.Sprintf("%d %s", n.n, n.other))
		}
	}
	return strings.Join(parts, ", ")
}

// delta lists what content gains and loses, kind by kind.
func (p *printer) delta(d diff.Delta) {
	kinds := []struct {
		path           string
		added, removed []string
	}{
		{"content.item_references", d.Added.Items, d.Removed.Items},
		{"content.activity_references", d.Added.Activities, d.Removed.Activities},
		{"content.tags", selectors(d.Added.Tags), selectors(d.Removed.Tags)},
		{"content.item_tags", selectors(d.Added.ItemTags), selectors(d.Removed.ItemTags)},
		{"content.activity_tags", selectors(d.Added.ActivityTags), selectors(d.Removed.ActivityTags)},
	}
	for _, k := range kinds {
		if len(k.added) > 0 {
			p.line("      %s   %s", k.path, listed(k.added, "+ ", p.text.Full))
		}
		if len(k.removed) > 0 {
			p.line("      %s   %s", k.path, listed(k.removed, "- ", p.text.Full))
		}
	}
}

// listed joins entries, each with its sign, and cuts a long list.
func listed(entries []string, sign string, full bool) string {
	n := len(entries)
	if !full && n > maxListed+1 {
		n = maxListed
	}
	var b strings.Builder
	for i, e := range entries[:n] {
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString(sign + Safe(e))
	}
	if rest := len(entries) - n; rest > 0 {
		fmt.Fprintf(&b, ", %s%d more", sign, rest)
	}
	return b.String()
}

// selectors writes tag selectors as people read them.
func selectors(list []pool.Selector) []string {
	out := make([]string, len(list))
	for i, s := range list {
		if s.Type != "" {
			out[i] = tag(pool.Tag{Type: s.Type, Name: s.Name})
			continue
		}
		out[i] = "(" + tags(s.Required, " and ")
		if len(s.Additional) > 0 {
			out[i] += ", any of " + tags(s.Additional, " or ")
		}
		out[i] += ")"
	}
	return out
}

func tags(list []pool.Tag, sep string) string {
	parts := make([]string, len(list))
	for i, t := range list {
		parts[i] = tag(t)
	}
	return strings.Join(parts, sep)
}

func tag(t pool.Tag) string {
	if t.Name == "" {
		return t.Type + ":*"
	}
	return t.Type + ":" + t.Name
}
