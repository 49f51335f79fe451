package format

import (
	"slices"
	"strings"

	"gopkg.in/yaml.v3"
)

// token is the start of a dash or a node on a line: the column that it has, and
// the one that it gets, both from 0.
type token struct {
	column, canonical int
	dash              bool
	text              string // of brackets, once they are laid out on one line
	tail              []rune // what follows them there
}

// part says what a line without a token is.
type part int

const (
	blank   part = iota
	comment      // a comment by itself
	marker       // "---", "..." or a directive
	inside       // goes on with a text or with brackets; its indentation has no meaning
	block        // a line of a text after "|" or ">": its indentation is moved as a whole
	kept         // a line that is kept as it is
	removed      // a line whose text was joined to the one above
)

// layout is a file while it is laid out.
type layout struct {
	lines  [][]rune
	tokens [][]token
	parts  []part
	indent []int // of inside: the new one; of block: how far to move
	sorts  bool
}

// layOut returns the canonical form of a text.
func layOut(text string, root *yaml.Node, sorts bool) (string, error) {
	l := &layout{sorts: sorts}
	for line := range strings.SplitSeq(strings.TrimSuffix(text, "\n"), "\n") {
		l.lines = append(l.lines, []rune(line))
	}
	l.tokens = make([][]token, len(l.lines))
	l.parts = make([]part, len(l.lines))
	l.indent = make([]int, len(l.lines))
	for i := range l.lines {
		l.parts[i] = l.kind(i)
	}
	if err := l.node(root, "", 0, -1); err != nil {
		return "", err
	}
	for i, ts := range l.tokens {
		if len(ts) > 0 && l.parts[i] == marker {
			return "", refused(&yaml.Node{Line: i + 1, Column: ts[0].column + 1}, `text on the line of "---"; start it on the next line`)
		}
	}
	return l.write(), nil
}

func (l *layout) kind(i int) part {
	line := string(l.lines[i])
	switch trimmed := strings.TrimSpace(line); {
	case trimmed == "":
		return blank
	case strings.HasPrefix(line, "---"), strings.HasPrefix(line, "..."), strings.HasPrefix(line, "%"):
		return marker
	case trimmed[0] == '#':
		return comment
	default:
		return inside
	}
}

// node lays out a node that starts at a canonical column. parent is the column
// that its field or dash has in the source, -1 for the root.
func (l *layout) node(n *yaml.Node, field string, canonical, parent int) error {
	flow := n.Style&yaml.FlowStyle != 0
	switch {
	case n.Kind == yaml.MappingNode && !flow:
		l.anchored(n, canonical)
		return l.mapping(n, canonical)
	case n.Kind == yaml.SequenceNode && !flow:
		l.anchored(n, canonical)
		return l.sequence(n, canonical)
	}
	if n.Kind == yaml.ScalarNode && n.Value == "" && n.Style&(yaml.DoubleQuotedStyle|yaml.SingleQuotedStyle|yaml.LiteralStyle|yaml.FoldedStyle) == 0 && n.Anchor == "" && n.Style&yaml.TaggedStyle == 0 {
		return nil // nothing is written for it
	}
	l.add(n, canonical)
	switch {
	case n.Kind == yaml.AliasNode:
		return nil
	case flow:
		return l.brackets(n, field, canonical)
	case n.Style&(yaml.LiteralStyle|yaml.FoldedStyle) != 0:
		return l.blockText(n, canonical, parent)
	default:
		return l.scalar(n, canonical)
	}
}

// anchored adds the anchor or tag of a list or mapping, which is where it starts.
func (l *layout) anchored(n *yaml.Node, canonical int) {
	if n.Anchor != "" || n.Style&yaml.TaggedStyle != 0 {
		l.add(n, canonical)
	}
}

func (l *layout) add(n *yaml.Node, canonical int) {
	t := token{column: n.Column - 1, canonical: canonical}
	if !slices.ContainsFunc(l.tokens[n.Line-1], func(u token) bool { return u.column == t.column }) {
		l.tokens[n.Line-1] = append(l.tokens[n.Line-1], t)
	}
}

func (l *layout) mapping(n *yaml.Node, canonical int) error {
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		if key.Kind != yaml.ScalarNode || l.at(key) == '?' || key.Line > len(l.lines) {
			return refused(key, "a field's name that is not a plain text; fmt does not know how to write it")
		}
		l.add(key, canonical)
		if err := l.node(value, key.Value, canonical+2, key.Column-1); err != nil {
			return err
		}
	}
	return nil
}

func (l *layout) sequence(n *yaml.Node, canonical int) error {
	for _, item := range n.Content {
		line, column, ok := l.dash(n, item)
		if !ok {
			return refused(item, "the dash of this entry cannot be found; write it before the entry, on the same line")
		}
		l.tokens[line] = append(l.tokens[line], token{column: column, canonical: canonical, dash: true})
		if err := l.node(item, "", canonical+2, column); err != nil {
			return err
		}
	}
	return nil
}

// dash finds the dash of an entry: on its line or, if that holds nothing else,
// on a line above.
func (l *layout) dash(list, item *yaml.Node) (line, column int, ok bool) {
	for line = min(item.Line, len(l.lines)) - 1; line >= list.Line-1; line-- {
		end := len(l.lines[line])
		if line == item.Line-1 {
			end = min(item.Column-1, end)
		}
		for column = end - 1; column >= 0; column-- {
			taken := slices.ContainsFunc(l.tokens[line], func(t token) bool { return t.dash && t.column == column })
			if l.lines[line][column] == '-' && !taken && strings.Trim(string(l.lines[line][:column]), " -") == "" {
				return line, column, true
			}
		}
	}
	return 0, 0, false
}

// at returns the character that a node starts with.
func (l *layout) at(n *yaml.Node) rune {
	if line := l.lines[min(n.Line, len(l.lines))-1]; n.Column-1 < len(line) {
		return line[n.Column-1]
	}
	return 0
}

// scalar marks the lines on which a quoted text goes on. Those of a plain one
// are what is left when all tokens are known.
func (l *layout) scalar(n *yaml.Node, canonical int) error {
	last := n.Line - 1
	if n.Style&(yaml.DoubleQuotedStyle|yaml.SingleQuotedStyle) != 0 {
		s := l.scan(n)
		if !s.quoted() {
			return refused(n, "the end of this text cannot be found")
		}
		last = s.line
	}
	for i := n.Line; i <= last; i++ {
		l.parts[i], l.indent[i] = inside, canonical
	}
	return nil
}

// blockText marks the lines of a text after "|" or ">".
func (l *layout) blockText(n *yaml.Node, canonical, parent int) error {
	header := beforeComment(l.lines[n.Line-1][n.Column-1:])
	from := -1
	last := n.Line - 1
	for i := n.Line; i < len(l.lines); i++ {
		if strings.TrimSpace(string(l.lines[i])) == "" {
			continue
		}
		spaces := leading(l.lines[i])
		if from < 0 {
			from = spaces
		}
		if spaces < from || spaces <= parent {
			break
		}
		last = i
	}
	move := canonical - from
	if strings.ContainsAny(header[strings.LastIndexAny(header, "|>"):], "123456789") {
		if from = max(parent, 0); canonical-2 != parent {
			return refused(n, "a text whose indentation is given by a number; leave the number out")
		}
		move = 0
	}
	if strings.Contains(header, "+") { // the empty lines after it belong to the text
		for last+1 < len(l.lines) && strings.TrimSpace(string(l.lines[last+1])) == "" {
			last++
		}
	}
	for i := n.Line; i <= last; i++ {
		if l.parts[i], l.indent[i] = block, move; len(l.lines[i]) <= from && strings.TrimSpace(string(l.lines[i])) == "" {
			l.parts[i] = kept
		}
	}
	return nil
}

func leading(line []rune) int {
	n := 0
	for n < len(line) && line[n] == ' ' {
		n++
	}
	return n
}
