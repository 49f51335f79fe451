package format

import (
	"slices"
	"strings"
	"unicode"

	"gopkg.in/yaml.v3"
)

// scanner reads the characters of a file from a node on.
type scanner struct {
	lines        [][]rune
	line, column int
}

// scan returns a scanner that stands at the text of a node, behind its anchor
// and tag.
func (l *layout) scan(n *yaml.Node) *scanner {
	s := &scanner{l.lines, n.Line - 1, n.Column - 1}
	for s.space() {
		if r := s.peek(); r != '&' && r != '!' {
			break
		}
		for !unicode.IsSpace(s.peek()) && s.peek() != 0 && !s.ended() {
			s.column++
		}
	}
	return s
}

// ended reports whether the scanner stands at the end of a line.
func (s *scanner) ended() bool { return s.column >= len(s.lines[s.line]) }

// peek returns the character at which the scanner stands: a line break at the
// end of a line, 0 at the end of the file.
func (s *scanner) peek() rune {
	switch {
	case !s.ended():
		return s.lines[s.line][s.column]
	case s.line+1 < len(s.lines):
		return '\n'
	default:
		return 0
	}
}

func (s *scanner) next() rune {
	r := s.peek()
	if r == '\n' {
		s.line, s.column = s.line+1, 0
	} else if r != 0 {
		s.column++
	}
	return r
}

// space passes over white space, and reports whether anything is left.
func (s *scanner) space() bool {
	for r := s.peek(); r != 0 && unicode.IsSpace(r); r = s.peek() {
		s.next()
	}
	return s.peek() != 0
}

// quoted passes over a text in quotes, and reports whether it was one.
func (s *scanner) quoted() bool {
	quote := s.next()
	if quote != '"' && quote != '\'' {
		return false
	}
	for {
		switch r := s.next(); {
		case r == 0:
			return false
		case r == '\\' && quote == '"':
			s.next()
		case r == quote && quote == '\'' && s.peek() == quote:
			s.next()
		case r == quote:
			return true
		}
	}
}

// beforeComment returns the part of a line, from the start of a token on, that
// comes before a comment.
func beforeComment(text []rune) string {
	s := (&layout{lines: [][]rune{text}}).scan(&yaml.Node{Line: 1, Column: 1})
	if r := s.peek(); (r == '"' || r == '\'') && !s.quoted() {
		return string(text) // it goes on on the next line
	}
	for i := s.column; i < len(text); i++ {
		if text[i] == '#' && (i == 0 || unicode.IsSpace(text[i-1])) {
			return string(text[:i])
		}
	}
	return string(text)
}

// word is a bracket, a comma, or a text of a list or mapping in brackets.
type word struct {
	text   string
	line   int  // where it starts
	spaced bool // white space follows it
}

// words cuts brackets into words. ok is false where they hold a comment or a
// text of several lines, which cannot be on one line; the end is found then, too.
func (s *scanner) words() (words []word, ok bool) {
	ok = true
	for depth := 0; s.space(); {
		line, column := s.line, s.column
		switch r := s.peek(); r {
		case '[', '{':
			depth++
			s.next()
		case ']', '}':
			depth--
			s.next()
		case ',':
			s.next()
		case '#':
			ok, s.column = false, len(s.lines[s.line])
			continue
		case '"', '\'':
			s.quoted()
			if s.peek() == ':' {
				s.next()
			}
		default:
			s.plain()
		}
		if s.line != line {
			ok = false
			continue
		}
		words = append(words, word{string(s.lines[line][column:s.column]), line, unicode.IsSpace(s.peek())})
		if depth == 0 {
			return words, ok
		}
	}
	return words, false
}

// plain passes over a word of a plain text in brackets.
func (s *scanner) plain() {
	for s.next(); !s.ended(); s.next() {
		if r := s.peek(); unicode.IsSpace(r) || slices.Contains([]rune(",[]{}"), r) {
			return
		}
	}
}

// oneLine writes words with one space where white space may be.
func oneLine(words []word) string {
	var b strings.Builder
	for i, w := range words {
		b.WriteString(w.text)
		if i+1 == len(words) {
			break
		}
		next := words[i+1].text
		opens := w.text == "[" || w.text == "{"
		closes := next == "]" || next == "}" || next == ","
		if w.text == "," && !closes || !opens && !closes && w.spaced {
			b.WriteByte(' ')
		}
	}
	return b.String()
}
