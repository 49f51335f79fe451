package format

import (
	"slices"
	"strings"
)

// column is what a column of the source becomes.
type column struct{ was, is int }

// write writes the lines in their new places.
func (l *layout) write() string {
	l.continued()
	var out []string
	var open []column
	joins := false
	for i, line := range l.lines {
		slices.SortFunc(l.tokens[i], func(a, b token) int { return a.column - b.column })
		switch ts := l.tokens[i]; {
		case len(ts) > 0:
			for _, t := range ts {
				open = slices.DeleteFunc(open, func(c column) bool { return c.was >= t.column })
				open = append(open, column{t.column, t.canonical})
			}
			text := l.structured(line, ts)
			if joins { // a dash by itself, and its entry
				out[len(out)-1] += " " + strings.TrimLeft(text, " ")
			} else {
				out = append(out, text)
			}
			joins = strings.Trim(text, " -") == "" && i+1 < len(l.lines) && len(l.tokens[i+1]) > 0
		case l.parts[i] == blank:
			if len(out) > 0 && out[len(out)-1] != "" {
				out = append(out, "")
			}
		case l.parts[i] == comment:
			out = append(out, indented(l.commentColumn(i, open), strings.TrimSpace(string(line))))
		case l.parts[i] == inside:
			out = append(out, indented(l.indent[i], strings.TrimSpace(string(line))))
		case l.parts[i] == block:
			out = append(out, moved(string(line), l.indent[i]))
		case l.parts[i] == kept:
			out = append(out, strings.TrimRight(string(line), " \t"))
		case l.parts[i] == marker:
			out = append(out, strings.TrimRight(string(line), " \t"))
		}
	}
	for len(out) > 0 && out[len(out)-1] == "" && l.parts[len(l.parts)-1] != kept {
		out = out[:len(out)-1]
	}
	return strings.Join(out, "\n") + "\n"
}

func indented(n int, text string) string {
	if text == "" {
		return ""
	}
	return strings.Repeat(" ", max(n, 0)) + text
}

// moved moves a line of a text by some columns.
func moved(line string, by int) string {
	if by >= 0 {
		return strings.Repeat(" ", by) + line
	}
	return strings.TrimPrefix(line, strings.Repeat(" ", -by))
}

// continued finds the lines on which plain texts go on: those that nothing else
// is known of. Empty lines among them belong to the text.
func (l *layout) continued() {
	canonical := 0
	for i := range l.lines {
		switch {
		case len(l.tokens[i]) > 0:
			canonical = slices.MaxFunc(l.tokens[i], func(a, b token) int { return a.column - b.column }).canonical
		case l.parts[i] == inside && l.indent[i] == 0:
			l.indent[i] = canonical
			for j := i - 1; j >= 0 && l.parts[j] == blank && len(l.tokens[j]) == 0; j-- {
				l.parts[j] = kept
			}
		case l.parts[i] == inside:
			for j := i - 1; j >= 0 && l.parts[j] == blank && len(l.tokens[j]) == 0; j-- {
				l.parts[j] = kept
			}
		}
	}
}

// structured writes a line that starts with a dash or a node.
func (l *layout) structured(line []rune, ts []token) string {
	var b strings.Builder
	b.WriteString(strings.Repeat(" ", ts[0].canonical))
	for i, t := range ts {
		if i > 0 {
			b.WriteByte(' ')
		}
		switch {
		case t.text != "":
			b.WriteString(t.text + tail(t.tail))
		case i+1 < len(ts):
			b.WriteString(colon(string(line[t.column:ts[i+1].column])))
		default:
			text := beforeComment(line[t.column:])
			b.WriteString(colon(text) + tail(line[t.column+len([]rune(text)):]))
		}
	}
	return b.String()
}

// tail returns what follows on a line after the last value: a comment.
func tail(rest []rune) string {
	text := strings.TrimSpace(string(rest))
	if text == "" {
		return ""
	}
	return " " + text
}

// colon trims a part of a line, and the space before a field's colon.
func colon(text string) string {
	text = strings.TrimRight(text, " \t")
	if name, ok := strings.CutSuffix(text, ":"); ok {
		return strings.TrimRight(name, " \t") + ":"
	}
	return text
}

// commentColumn returns where a comment by itself goes: with the line below it,
// or with what it stands under if that goes deeper.
func (l *layout) commentColumn(i int, open []column) int {
	at := leading(l.lines[i])
	below := column{-1, 0}
	if at == 0 {
		below.was = 0
	}
	for j := i + 1; j < len(l.lines); j++ {
		if len(l.tokens[j]) > 0 {
			t := slices.MinFunc(l.tokens[j], func(a, b token) int { return a.column - b.column })
			below = column{t.column, t.canonical}
			break
		}
	}
	if at > below.was {
		for _, c := range slices.Backward(open) {
			if c.was <= at && c.was > below.was {
				return c.is
			}
		}
	}
	return below.is
}
