package message

import (
	"bytes"
	"fmt"
	"io"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Safe makes text that others wrote fit for a terminal, a log or a page: line
// breaks, control characters, terminal escapes, characters that turn the
// direction of writing, and invalid UTF-8 become escapes that can be read, and no
// command of a workflow's runner is left. All else stays as it is.
func Safe(s string) string {
	return strings.ReplaceAll(printable(s), RunnerCommand, `##\[`)
}

// RunnerCommand begins a command to the runner of a GitHub workflow wherever it
// stands in a line, on both streams.
const RunnerCommand = "##["

func printable(s string) string {
	if clean(s) {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); {
		r, size := utf8.DecodeRuneInString(s[i:])
		switch {
		case r == utf8.RuneError && size == 1:
			fmt.Fprintf(&b, `\x%02x`, s[i])
		case r == '\n':
			b.WriteString(`\n`)
		case r == '\t':
			b.WriteString(`\t`)
		case Acts(r) && r > 0xffff:
			fmt.Fprintf(&b, `\U%08x`, r)
		case Acts(r):
			fmt.Fprintf(&b, `\u%04x`, r)
		default:
			b.WriteRune(r)
		}
		i += size
	}
	return b.String()
}

func clean(s string) bool {
	for i := range len(s) {
		if s[i] < ' ' || s[i] > '~' {
			return utf8.ValidString(s) && !strings.ContainsFunc(s, Acts)
		}
	}
	return true
}

// SafeWriter writes lines of ours, such as those of a log, of which others wrote
// a part.
type SafeWriter struct{ W io.Writer }

// Write writes whole lines.
func (s SafeWriter) Write(p []byte) (int, error) {
	if _, err := s.W.Write(bytes.ReplaceAll(p, []byte(RunnerCommand), []byte(`##\[`))); err != nil {
		return 0, err
	}
	return len(p), nil
}

// Acts reports characters that act instead of being shown: controls, line and
// paragraph separators, and format characters other than the joiners that
// some scripts and emoji need.
func Acts(r rune) bool {
	switch r {
	case '\u200c', '\u200d':
		return false
	case '\u2028', '\u2029':
		return true
	}
	return unicode.IsControl(r) || unicode.Is(unicode.Cf, r)
}
