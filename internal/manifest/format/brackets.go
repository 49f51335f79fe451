package format

import (
	"slices"
	"strings"

	"gopkg.in/yaml.v3"
)

// brackets lays a list or mapping in brackets out: on one line where it fits,
// else on the lines that it has, indented by depth.
func (l *layout) brackets(n *yaml.Node, field string, canonical int) error {
	s := l.scan(n)
	start := *s
	words, simple := s.words()
	if s.line == start.line && !simple || s.peek() == 0 && len(words) == 0 {
		return refused(n, "the end of these brackets cannot be found")
	}
	if l.sorts && sortable(n, field) {
		var err error
		if words, err = sortWords(n, words, simple); err != nil {
			return err
		}
	}
	first := n.Line - 1
	if start.line != first {
		simple = false // an anchor on a line of its own
	}
	t := &l.tokens[first][len(l.tokens[first])-1]
	base := canonical
	for _, other := range l.tokens[first] {
		if !other.dash {
			base = other.canonical
			break
		}
	}
	before := string(l.lines[first][t.column:start.column])
	text := oneLine(words)
	if simple && (s.line == first || base+len([]rune(string(l.lines[first][:start.column])))-leading(l.lines[first])+len([]rune(text)) <= Width) {
		t.text, t.tail = before+text, l.lines[s.line][s.column:]
		for i := first + 1; i <= s.line; i++ {
			l.parts[i] = removed
		}
		return nil
	}
	l.indented(first+1, s.line, base, words)
	return nil
}

// indented marks the lines of brackets, each indented by the brackets that are
// open where it starts.
func (l *layout) indented(from, to, base int, words []word) {
	depth, at := 0, 0
	for i := from; i <= to; i++ {
		for ; at < len(words) && words[at].line < i; at++ {
			depth += opening(words[at].text)
		}
		level := depth
		for j := at; j < len(words) && words[j].line == i && opening(words[j].text) < 0; j++ {
			level--
		}
		if l.parts[i] != blank {
			l.parts[i], l.indent[i] = inside, base+2*max(level, 0)
		}
	}
}

func opening(word string) int {
	switch word {
	case "[", "{":
		return 1
	case "]", "}":
		return -1
	}
	return 0
}

// sortWords puts the entries of a list in brackets in order.
func sortWords(list *yaml.Node, words []word, simple bool) ([]word, error) {
	if !slices.ContainsFunc(list.Content, func(n *yaml.Node) bool { return n.Kind != yaml.ScalarNode || n.Anchor != "" }) &&
		slices.IsSortedFunc(list.Content, func(a, b *yaml.Node) int { return strings.Compare(a.Value, b.Value) }) {
		return words, nil
	}
	var runs [][]word
	var run []word
	for _, w := range words[1 : len(words)-1] {
		if w.text == "," {
			runs, run = append(runs, run), nil
			continue
		}
		run = append(run, w)
	}
	if len(run) > 0 {
		runs = append(runs, run)
	}
	trailing := len(run) == 0
	order := make([]int, len(list.Content))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return strings.Compare(list.Content[a].Value, list.Content[b].Value) })
	if !simple || len(runs) != len(list.Content) || slices.ContainsFunc(list.Content, func(n *yaml.Node) bool { return n.Kind != yaml.ScalarNode || n.Anchor != "" }) {
		return nil, refused(list, "this list cannot be sorted; write each reference on a line of its own, after a dash")
	}
	out := []word{words[0]}
	for i, o := range order {
		out = append(out, runs[o]...)
		if i+1 < len(order) || trailing {
			out = append(out, word{text: ","})
		}
	}
	return append(out, words[len(words)-1]), nil
}
