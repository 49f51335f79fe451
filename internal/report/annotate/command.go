package annotate

import (
	"strconv"
	"strings"

	"github.com/poolsync/poolsync/internal/report/message"
	"github.com/poolsync/poolsync/internal/source"
)

// command is a workflow command of GitHub Actions that makes an annotation. Its
// message may have lines; its other parts may not.
type command struct {
	kind    string // error, warning, notice
	at      source.Position
	title   string
	message []string
}

// The escapes are those that the runner takes back. What others wrote is made
// safe first, so that a line break in it is shown and not made.
var (
	escapeData     = strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A")
	escapeProperty = strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A", ":", "%3A", ",", "%2C")
)

// String returns the command as one line, without a line break at its end.
func (c command) String() string {
	var properties []string
	add := func(name, value string) {
		if value != "" {
			properties = append(properties, name+"="+escapeProperty.Replace(message.Safe(value)))
		}
	}
	add("file", c.at.File)
	if c.at.File != "" && c.at.Line > 0 {
		add("line", strconv.Itoa(c.at.Line))
		if c.at.Column > 0 {
			add("col", strconv.Itoa(c.at.Column))
		}
	}
	add("title", c.title)
	lines := make([]string, len(c.message))
	for i, l := range c.message {
		lines[i] = message.Safe(l)
	}
	head := "::" + c.kind
	if len(properties) > 0 {
		head += " " + strings.Join(properties, ",")
	}
	return head + "::" + escapeData.Replace(strings.Join(lines, "\n"))
}
