package report

import (
	"fmt"
	"io"
	"strings"

	"github.com/poolsync/poolsync/internal/pool"
	"github.com/poolsync/poolsync/internal/source"
)

// Markdown says how Markdown is written: for whoever reviews a change on a
// phone. What may hurt comes first and the rest is folded; everything that
// others wrote stands in code spans.
type Markdown struct {
	Full bool // long lists and values are not cut
	// Limit is how many characters (in fact bytes) there are at most. 0 means
	// DefaultLimit. GitHub takes comments of up to 65536.
	Limit int
}

// DefaultLimit keeps a document below what GitHub takes as a comment.
const DefaultLimit = 60000

// maxText is how many characters of a message or value are shown at most.
const maxText = 600

// section is a part of a document. A folded one opens at a touch.
type section struct {
	title   string // ours alone; it stands in HTML if the section is folded
	folded  bool
	entries []entry
}

// entry is one item of a section's list, which is told whole or not at all, and
// for how many pools it stands.
type entry struct {
	lines []string // the first is the item, the others belong to it
	pools int
}

func (e entry) text() string {
	return "- " + strings.Join(e.lines, "\n  - ") + "\n"
}

// page is a document before it is cut.
type page struct {
	digest   string
	kind     string
	title    string
	intro    []string // paragraphs
	sections []section
	foot     string
	things   string // what entries stand for: "pools"
}

// room is kept free for the cut and for the foot.
const room = 400

// write writes the page, as much of it as there is room for. Sections are
// closed whatever happens.
func (m Markdown) write(w io.Writer, p page) error {
	limit := m.Limit
	if limit <= 0 {
		limit = DefaultLimit
	}
	var b strings.Builder
	if p.digest != "" {
		fmt.Fprintf(&b, "<!-- poolsync %s %s -->\n", p.kind, comment(p.digest))
	}
	fmt.Fprintf(&b, "### %s\n\n", p.title)
	for _, text := range p.intro {
		b.WriteString(text + "\n\n")
	}
	left := 0
	for _, s := range p.sections {
		left += s.write(&b, limit-room-len(p.foot), left > 0)
	}
	if left > 0 {
		fmt.Fprintf(&b, "**Cut here: %d more %s. The whole %s is in the JSON output.**\n\n", left, p.things, p.kind)
	}
	if p.foot != "" {
		b.WriteString(p.foot + "\n")
	}
	_, err := io.WriteString(w, strings.TrimRight(b.String(), "\n")+"\n")
	return err
}

// write writes a section and gives the number of pools there was no room for.
// Once a page is cut, nothing more is told.
func (s section) write(b *strings.Builder, limit int, cut bool) (left int) {
	if len(s.entries) == 0 {
		return 0
	}
	opening, closing := "**"+s.title+"**\n\n", "\n"
	if s.folded {
		opening, closing = "<details><summary>"+s.title+"</summary>\n\n", "\n</details>\n\n"
	}
	open := false
	for _, e := range s.entries {
		text := e.text()
		need := len(text)
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
		b.WriteString(text)
	}
	if open {
		b.WriteString(closing)
	}
	return left
}

// values is how many characters of a value are shown.
func (m Markdown) values() int {
	if m.Full {
		return maxText
	}
	return maxValue
}

// message gives a message for reading, cut if it is endless.
func message(s string) string {
	if r := []rune(s); len(r) > maxText {
		return prose(string(r[:maxText])) + fmt.Sprintf(" (+ %d characters)", len(r)-maxText)
	}
	return prose(s)
}

// ending is what a document says where a command ended in an error: then there
// may be nothing else in it.
func (h Head) ending() []string {
	if h.Error == nil && !h.Diagnostics.HasErrors() {
		return nil
	}
	out := []string{fmt.Sprintf("**Exit %d:** %s", h.Exit.Code, message(h.Exit.Reason))}
	if h.Error != nil {
		out = append(out, "**Error:** "+message(h.Error.Message))
		for _, hint := range h.Error.Hints {
			out = append(out, "Hint: "+message(hint))
		}
	}
	return out
}

// title is a document's title.
func (h Head) title(what string, banks []pool.Bank) string {
	if h.Target == nil {
		return "poolsync " + what
	}
	return "poolsync " + what + ": " + bankNames(banks)
}

// where is the sentence that says what the document is about.
func (h Head) where() string {
	if h.Target == nil {
		return ""
	}
	where := code(h.Target.Endpoint)
	if h.Target.ReadEndpoint != "" {
		where += ", read from " + code(h.Target.ReadEndpoint)
	}
	return where + " (" + code(h.Target.APIVersion) + ")"
}

// findings are the entries for diagnostics.
func findings(ds source.Diagnostics) []entry {
	var out []entry
	for _, d := range ds {
		lines := []string{code(d.Position.String()) + " " + severityWord(d) + message(d.Message) + " " + code("["+d.Rule+"]")}
		if d.Hint != "" {
			lines = append(lines, "hint: "+message(d.Hint))
		}
		out = append(out, entry{lines: lines, pools: 1})
	}
	return out
}

func severityWord(d source.Diagnostic) string {
	if d.Severity == source.Warning {
		return "warning: "
	}
	return ""
}

// nonEmpty leaves out what there is nothing of.
func nonEmpty(parts ...string) []string {
	var out []string
	for _, p := range parts {
		if p != "" {
			out = append(out, p)
		}
	}
	return out
}
