package manifest

import (
	"slices"
	"strings"

	"github.com/poolsync/poolsync/internal/source"
)

// deep finds the place where a file that the parser gives up on is nested too
// deep. The parser says at most that it is, and it allows far more than we do:
// so the file is read up to about there, with its brackets closed, and measured
// like any other.
func (t *text) deep() (source.Diagnostic, bool) {
	cut, brackets := tooDeep(t.whole())
	if cut < 0 {
		return source.Diagnostic{}, false
	}
	root := decodeOne(strings.NewReader(t.whole()[:cut] + brackets))
	if root == nil {
		return source.Diagnostic{}, false
	}
	c := &converter{text: t}
	c.convert(root, field{}, 1)
	i := slices.IndexFunc(c.found, func(d source.Diagnostic) bool { return d.Rule == ruleDepth })
	if i < 0 {
		return source.Diagnostic{}, false
	}
	return c.found[i], true
}

// tooDeep gives the byte behind which too many brackets are open, or dashes
// stand in one line, and what closes the brackets; or -1. It knows of YAML no
// more than quotes and comments.
func tooDeep(s string) (cut int, brackets string) {
	var open []byte
	dashes, start := 0, true // at the start of a line, only dashes so far
	for i := 0; i < len(s); i++ {
		first := i == 0 || strings.IndexByte(" \t\r\n[{,:-", s[i-1]) >= 0
		switch b := s[i]; {
		case b == '\n':
			dashes, start = 0, true
			continue
		case b == ' ':
			continue
		case b == '-' && start:
			dashes++
		case first && (b == '#' || b == '"' || b == '\''):
			end := skip(s[i:])
			if end < 0 {
				return -1, ""
			}
			i += end - 1
		case b == '[' && (first || len(open) > 0):
			open = append(open, ']')
		case b == '{' && (first || len(open) > 0):
			open = append(open, '}')
		case (b == ']' || b == '}') && len(open) > 0:
			open = open[:len(open)-1]
		}
		start = start && s[i] == '-'
		if len(open)+dashes > maxDepth {
			slices.Reverse(open)
			return i + 1, string(open)
		}
	}
	return -1, ""
}

// skip gives the length of the comment or quoted text that s starts with, or -1
// if the quote is not closed.
func skip(s string) int {
	if s[0] == '#' {
		if end := strings.IndexByte(s, '\n'); end > 0 {
			return end
		}
		return len(s)
	}
	if end := closing(s, s[0]); end > 0 {
		return end
	}
	return -1
}
