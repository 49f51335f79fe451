// Package markdown writes pages for whoever reviews a change on a phone. What may
// hurt comes first, and much of the rest is folded; everything that others wrote
// stands in code, as spans or in fenced blocks.
package markdown

import (
	"fmt"
	"io"
	"strings"

	"github.com/poolsync/poolsync/internal/report/message"
	"github.com/poolsync/poolsync/internal/report/page"
	"github.com/poolsync/poolsync/internal/source"
)

// Options say how Markdown is written.
type Options struct {
	Links message.Links
	// Limit is how many bytes there are at most. 0 means DefaultLimit: GitHub takes
	// comments of up to 65536 characters.
	Limit int
}

// DefaultLimit keeps a document below what GitHub takes as a comment.
const DefaultLimit = 60000

const (
	// room is kept free for the cut and for the foot.
	room = 400
	// long is from how many entries on a section is folded that may be.
	long = 11
	// maxText is how many characters of a line of others are shown at most.
	maxText = 600
)

// block is a part of a document that is told whole or not at all, and for how
// many pools it stands.
type block struct {
	text  string
	pools int
}

type section struct {
	title  string
	folded bool
	blocks []block
}

// Write writes a page, as much of it as there is room for. What was opened is
// closed whatever happens.
func (o Options) Write(w io.Writer, p page.Page) error {
	limit := o.Limit
	if limit <= 0 {
		limit = DefaultLimit
	}
	var b strings.Builder
	if p.Digest != "" {
		fmt.Fprintf(&b, "<!-- poolsync %s %s -->\n", digestOf(p.Kind), digestOf(p.Digest))
	}
	b.WriteString("### " + o.say(p.Headline) + "\n\n")
	for _, text := range o.intro(p) {
		b.WriteString(text + "\n\n")
	}
	foot := o.say(p.Foot)
	left := 0
	for _, s := range o.sections(p) {
		left += s.write(&b, limit-room-len(foot), left > 0)
	}
	if left > 0 {
		fmt.Fprintf(&b, "**Cut here: %d more. All of it is in the JSON output.**\n\n", left)
	}
	b.WriteString(foot)
	_, err := io.WriteString(w, strings.TrimRight(b.String(), "\n")+"\n")
	return err
}

func (o Options) say(m message.Message) string { return m.Markdown(o.Links) }

// intro are the paragraphs before the sections.
func (o Options) intro(p page.Page) []string {
	var out []string
	put := func(text string) {
		if text != "" {
			out = append(out, text)
		}
	}
	if f := p.Failure; f != nil {
		put(fence(append([]string{"error: " + f.Message}, hints(f.Hints)...)))
	}
	put(o.say(p.Counts))
	for _, m := range p.Intro {
		put(o.say(m))
	}
	if len(p.Next) > 0 {
		var list strings.Builder
		for _, m := range p.Next {
			list.WriteString("- " + o.say(m) + "\n")
		}
		put(strings.TrimRight(list.String(), "\n"))
	}
	return out
}

func hints(all []string) []string {
	out := make([]string, len(all))
	for i, h := range all {
		out[i] = "hint: " + h
	}
	return out
}

// sections are those of the page, its evidence and its findings.
func (o Options) sections(p page.Page) []section {
	var out []section
	evidence := section{title: "Evidence", folded: true}
	for _, s := range p.Sections {
		sec := section{title: o.say(s.Title), folded: s.Fold == page.Always || (s.Fold == page.Long && len(s.Entries) >= long)}
		for _, e := range s.Entries {
			sec.blocks = append(sec.blocks, block{o.entry(e), e.Size()})
			if len(e.Evidence) > 0 {
				evidence.blocks = append(evidence.blocks, block{text: "- " + o.name(e) + ": " + o.say(message.Join("; ", e.Evidence...)) + "\n"})
			}
		}
		out = append(out, sec)
	}
	if p.Paste != nil && len(p.Paste.Lines) > 0 {
		out = append(out, section{title: "To paste", folded: true, blocks: []block{{text: o.say(p.Paste.Lead) + "\n\n" + message.Fence("yaml", p.Paste.Lines) + "\n"}}})
	}
	found := section{title: "Findings", folded: p.Failure == nil && !p.Findings.HasErrors()}
	for _, d := range p.Findings {
		found.blocks = append(found.blocks, block{o.finding(d), 1})
	}
	return append(out, found, evidence)
}

// write writes a section and returns the number of pools there was no room for.
// Once a page is cut, nothing more is told.
func (s section) write(b *strings.Builder, limit int, cut bool) (left int) {
	if len(s.blocks) == 0 {
		return 0
	}
	opening, closing := "**"+s.title+"**\n\n", "\n"
	if s.title == "" {
		opening = ""
	}
	if s.folded {
		opening, closing = "<details><summary>"+s.title+"</summary>\n\n", "\n</details>\n\n"
	}
	open := false
	for _, e := range s.blocks {
		need := len(e.text)
		if !open {
			need += len(opening) + len(closing)
		}
		if cut = cut || b.Len()+need+len(closing) > limit; cut {
			left += e.pools
			continue
		}
		if !open {
			b.WriteString(opening)
			open = true
		}
		b.WriteString(e.text)
	}
	if open {
		b.WriteString(closing)
	}
	return left
}

// digestOf returns what may stand in a hidden comment: a digest and no more.
func digestOf(s string) string {
	return strings.Map(func(r rune) rune {
		if (r >= '0' && r <= '9') || (r >= 'a' && r <= 'z') || r == ':' {
			return r
		}
		return -1
	}, s)
}

// name is what an entry is about.
func (o Options) name(e page.Entry) string {
	if e.Many.Empty() {
		return "**" + message.Span(e.Name) + "**"
	}
	return "**" + o.say(e.Many) + "**"
}

// entry writes what is said of a pool: a line, what changes as a diff, and what
// there is to know.
func (o Options) entry(e page.Entry) string {
	head := o.name(e)
	if e.Sign != page.None && e.Sign != "" {
		head = message.Span(string(e.Sign)) + " " + head
	}
	if !e.Verb.Empty() {
		head += " " + o.say(e.Verb)
	}
	if e.Place.File != "" {
		at := e.Place
		at.Column = 0
		head += " · " + o.say(message.At(at))
	}
	parts := []string{head}
	if lines := diffLines(e); len(lines) > 0 {
		parts = append(parts, message.Fence("diff", lines))
	}
	if len(e.Block) > 0 {
		parts = append(parts, fence(e.Block))
	}
	if list := o.list(e); list != "" {
		parts = append(parts, list)
	}
	return strings.Join(parts, "\n\n") + "\n\n"
}

// list is what there is to know of a pool, item by item.
func (o Options) list(e page.Entry) string {
	var b strings.Builder
	put := func(m message.Message) {
		if !m.Empty() {
			b.WriteString("- " + o.say(m) + "\n")
		}
	}
	for _, r := range e.Reasons {
		said := r.Message
		if !r.Lead.Empty() {
			said = message.New("%s: %s", r.Lead, said)
		}
		if r.Rule != "" {
			said = message.New("%s (%s)", said, message.Code(r.Rule))
		}
		put(said)
		put(r.More)
		put(r.Remedy)
	}
	for _, n := range e.Notes {
		put(n)
	}
	if len(e.Pools) > 0 {
		put(message.Codes(e.Names(), mostPools))
	}
	return strings.TrimRight(b.String(), "\n")
}

// mostPools is how many pools of a group are named.
const mostPools = 20

// diffLines are the lines of what changes, as a diff has them: the host colours
// them by their first character.
func diffLines(e page.Entry) []string {
	var out []string
	for _, l := range e.Lines {
		switch {
		case l.Entries != nil && l.Sign == "":
			out = append(out, "  "+l.Path+" "+strings.Join(l.Entries, ", ")+more(l.More))
		case l.Entries != nil:
			out = append(out, "  "+l.Path)
			for _, entry := range l.Entries {
				out = append(out, l.Sign+" "+entry)
			}
			if l.More > 0 {
				out = append(out, fmt.Sprintf("%s %d more", l.Sign, l.More))
			}
		case l.Before == "" && e.Sign == page.Create:
			out = append(out, "+ "+l.Path+" "+l.After)
		case l.Before == "":
			out = append(out, "  "+l.Path+" "+l.After)
		default:
			was, is := l.Was.Text(), l.Is.Text()
			if was != "" {
				was, is = was+" ", is+" "
			}
			out = append(out, "- "+l.Path+" "+was+l.Before, "+ "+l.Path+" "+is+l.After)
		}
	}
	return cutAll(out)
}

func more(n int) string {
	if n == 0 {
		return ""
	}
	return fmt.Sprintf(", %d more", n)
}

// fence writes lines of others as a block.
func fence(lines []string) string { return message.Fence("text", cutAll(lines)) }

// cutAll cuts endless lines.
func cutAll(lines []string) []string {
	out := make([]string, len(lines))
	for i, l := range lines {
		if r := []rune(l); len(r) > maxText {
			l = string(r[:maxText]) + fmt.Sprintf("... (%d more characters)", len(r)-maxText)
		}
		out[i] = l
	}
	return out
}

// finding writes a finding: its place, and its words as a block.
func (o Options) finding(d source.Diagnostic) string {
	severity := "error"
	if d.Severity == source.Warning {
		severity = "warning"
	}
	lines := []string{d.Message}
	if d.Hint != "" {
		lines = append(lines, "hint: "+d.Hint)
	}
	return o.say(message.At(d.Position)) + " " + severity + " " + message.Span(d.Rule) + "\n\n" + fence(lines) + "\n\n"
}
