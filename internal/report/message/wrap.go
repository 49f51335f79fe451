package message

import (
	"strings"

	"github.com/rivo/uniseg"
)

// Width is how many columns of a terminal text takes.
func Width(s string) int { return uniseg.StringWidth(s) }

// longCode is up to how many columns a value is kept on one line.
const longCode = 40

// Lines is the message in lines of a width. Words, places and commands are not
// broken, whatever their length; a command that fits on no line has its own.
func (m Message) Lines(width int) []string {
	var lines []string
	line := ""
	for _, w := range m.pieces() {
		switch {
		case line == "":
			line = strings.TrimLeft(w, " ")
		case Width(line)+Width(w) > width:
			lines = append(lines, strings.TrimRight(line, " "))
			line = strings.TrimLeft(w, " ")
		default:
			line += w
		}
	}
	if line = strings.TrimRight(line, " "); line != "" {
		lines = append(lines, line)
	}
	return lines
}

// pieces are the message's text between the places at which a line may end: each
// begins with the space before it.
func (m Message) pieces() []string {
	var out []string
	open := false // the last piece goes on without a space
	put := func(s string) {
		if open && len(out) > 0 {
			out[len(out)-1] += s
		} else {
			out = append(out, s)
		}
		open = true
	}
	for _, p := range m.parts {
		text := Safe(p.text)
		if p.kind == place || p.kind == command || (p.kind == code && Width(text) <= longCode) {
			put(text)
			continue
		}
		for i, w := range strings.Split(text, " ") {
			if i > 0 {
				open = false
				w = " " + w
			}
			if w != "" {
				put(w)
			}
		}
	}
	return out
}
