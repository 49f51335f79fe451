package message

import (
	"net/url"
	"path"
	"strconv"
	"strings"

	"github.com/poolsync/poolsync/internal/source"
)

// In Markdown, text that others wrote stands in code: there HTML, links, images,
// mentions, references to issues and commits, and emphasis are all nothing but
// characters. Backslashes and entities would not do: a host looks for mentions
// after it has resolved them.

// Links makes addresses of places. The zero Links makes none.
type Links struct {
	// Base is the address of the repository at the commit, such as
	// https://github.com/acme/pools/blob/0123abc/. It is ours or the runner's.
	Base string
	// Tree says where the root of the repository is.
	Tree source.Tree
}

// Markdown is the message for a page, in one line.
func (m Message) Markdown(links Links) string {
	var b strings.Builder
	for _, p := range m.parts {
		switch p.kind {
		case plain:
			b.WriteString(Safe(p.text))
		case place:
			b.WriteString(links.to(p.at, p.text))
		case code, command:
			b.WriteString(Span(p.text))
		}
	}
	return b.String()
}

// Verbatim reports whether nothing of the message is ours: then a page shows it
// in a block of its own.
func (m Message) Verbatim() bool { return len(m.parts) == 1 && m.parts[0].kind == code }

// to writes a place, as a link where there is an address for it.
func (l Links) to(p source.Position, text string) string {
	name, below := l.Tree.Name(p.File)
	if l.Base == "" || !below {
		return Span(text)
	}
	segments := strings.Split(path.Clean(name), "/")
	for i, s := range segments {
		segments[i] = strings.NewReplacer("(", "%28", ")", "%29", "*", "%2A", "~", "%7E", "_", "%5F", "!", "%21", "@", "%40").Replace(url.PathEscape(s))
	}
	address := l.Base + strings.Join(segments, "/")
	if p.Line > 0 {
		address += "#L" + strconv.Itoa(p.Line)
	}
	return "[" + Span(text) + "](" + address + ")"
}

// Span writes text as a code span. It is fenced by more backticks than it holds
// in a row, so that nothing in it ends the span.
func Span(s string) string {
	s = Safe(s)
	if strings.Trim(s, " ") == "" {
		s = `"` + s + `"`
	}
	fence := strings.Repeat("`", longestRun(s)+1)
	if s[0] == '`' || s[len(s)-1] == '`' || (s[0] == ' ' && s[len(s)-1] == ' ') {
		s = " " + s + " " // the pair is taken off where the page is shown
	}
	return fence + s + fence
}

// Fence writes lines as a block of code, between fences longer than any run of
// backticks inside. The language is ours.
func Fence(language words, lines []string) string {
	longest := 2
	safe := make([]string, len(lines))
	for i, l := range lines {
		safe[i] = Safe(l)
		longest = max(longest, longestRun(safe[i]))
	}
	fence := strings.Repeat("`", longest+1)
	return fence + string(language) + "\n" + strings.Join(safe, "\n") + "\n" + fence
}

// longestRun counts the backticks of the longest run of them.
func longestRun(s string) int {
	longest, n := 0, 0
	for i := range len(s) {
		if s[i] != '`' {
			n = 0
			continue
		}
		n++
		longest = max(longest, n)
	}
	return longest
}
