package manifest

import (
	"bytes"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"unicode/utf8"

	"gopkg.in/yaml.v3"

	"github.com/poolsync/poolsync/internal/source"
)

// The limits of a file. They are far above any real manifest; what exceeds them
// is a mistake or an attack.
const (
	maxFile      = 16 << 20 // bytes
	maxDepth     = 64       // lists and mappings inside one another
	maxExpansion = 1 << 20  // values that aliases stand for
	maxExcerpt   = 1000     // bytes of a line that a finding quotes; of a longer one it quotes a part
	reach        = 150      // characters of a long line that are quoted on either side of a place
)

// text is a file as it was read, and what is found in it. What only findings
// need is made when first asked for. It may be used from several goroutines.
type text struct {
	name  string
	data  []byte
	whole func() string  // data once more, shared by all excerpts
	lines func() []int32 // where each line starts
	marks func() []int32 // where every stride-th character starts
	mute  func() bool    // whether the file's lines must not be shown
}

func newText(name string, data []byte) *text {
	data = bytes.TrimPrefix(data, []byte("\ufeff"))
	t := &text{name: name, data: data}
	t.whole = sync.OnceValue(func() string { return string(data) })
	t.marks = sync.OnceValue(func() []int32 { return characterMarks(data) })
	t.lines = sync.OnceValue(func() []int32 { return lineStarts(data) })
	t.mute = sync.OnceValue(func() bool { return holdsCredential(data) })
	return t
}

// lineStarts counts lines as YAML does: they end with LF, CR or CR LF.
func lineStarts(data []byte) []int32 {
	starts := []int32{0}
	for i, b := range data {
		if b == '\n' || b == '\r' && (i+1 == len(data) || data[i+1] != '\n') {
			starts = append(starts, int32(i+1))
		}
	}
	return starts
}

// line gives the text of a line without its end.
func (t *text) line(n int32) string {
	starts := t.lines()
	if n < 1 || int(n) > len(starts) {
		return ""
	}
	end := len(t.data)
	if int(n) < len(starts) {
		end = int(starts[n])
	}
	return strings.TrimRight(t.whole()[starts[n-1]:end], "\r\n")
}

// stride is how many characters lie between two marks.
const stride = 1024

// characterMarks notes where every stride-th character starts, so that a column
// of a long line is found without counting from the line's start: a file may be
// one line of many megabytes, with a finding for every few bytes of it.
func characterMarks(data []byte) []int32 {
	var marks []int32
	for i, n := 0, 0; i < len(data); n++ {
		if n%stride == 0 {
			marks = append(marks, int32(i))
		}
		_, size := utf8.DecodeRune(data[i:])
		i += size
	}
	return marks
}

// after gives the byte that comes n characters after another byte.
func (t *text) after(start, n int) int {
	marks := t.marks()
	i, exact := slices.BinarySearch(marks, int32(start))
	if !exact {
		i--
	}
	n += i*stride + utf8.RuneCount(t.data[marks[i]:start])
	i = min(n/stride, len(marks)-1)
	return int(marks[i]) + characters(t.data[marks[i]:], n-i*stride)
}

// characters gives the length of the first n characters.
func characters(data []byte, n int) int {
	at := 0
	for ; n > 0 && at < len(data); n-- {
		_, size := utf8.DecodeRune(data[at:])
		at += size
	}
	return at
}

// window gives the part of a long line around a place, and how many characters
// of the line come before it.
func (t *text) window(at source.Place, line string) (part string, before int) {
	before = max(int(at.Column)-1-reach, 0)
	start := int(t.lines()[at.Line-1])
	from := min(t.after(start, before)-start, len(line))
	to := min(t.after(start, before+2*reach)-start, len(line))
	return line[from:to], before
}

// place gives the line and column of a byte.
func (t *text) place(offset int) source.Place {
	starts := t.lines()
	n := 0
	for low, high := 0, len(starts); low < high; {
		if middle := (low + high) / 2; int(starts[middle]) <= offset {
			n, low = middle, middle+1
		} else {
			high = middle
		}
	}
	column := utf8.RuneCount(t.data[starts[n]:min(offset, len(t.data))]) + 1
	return source.Place{Line: int32(n + 1), Column: int32(column)}
}

// diagnostic makes a finding at a place. word is the text expected there, so
// that the caret line can mark it; it may be empty.
func (t *text) diagnostic(severity source.Severity, rule string, at source.Place, word, hint, message string) source.Diagnostic {
	d := source.Diagnostic{Position: at.In(t.name), Severity: severity, Rule: rule, Message: message, Hint: hint}
	if !at.Known() || t.mute() {
		return d
	}
	d.Excerpt = t.line(at.Line)
	if len(d.Excerpt) > maxExcerpt {
		d.Excerpt, d.Skipped = t.window(at, d.Excerpt)
	}
	d.Width = width(d.Excerpt, at.Column-int32(d.Skipped), word)
	return d
}

// width says how many characters of a line belong to what starts at a column:
// the word if it stands there, a quoted text with its quotes, else up to the
// next space or separator.
func width(line string, column int32, word string) int {
	runes := []rune(line)
	if int(column) > len(runes) {
		return 1
	}
	rest := string(runes[max(column-1, 0):])
	if word != "" && strings.HasPrefix(rest, word) {
		return utf8.RuneCountInString(word)
	}
	if quote := rest[:1]; quote == `"` || quote == "'" {
		if end := closing(rest, quote[0]); end > 0 {
			return utf8.RuneCountInString(rest[:end])
		}
		return utf8.RuneCountInString(rest)
	}
	end := strings.IndexAny(rest, " ,:{}[]#\t")
	if end < 0 {
		end = len(rest)
	}
	return max(utf8.RuneCountInString(rest[:end]), 1)
}

// closing finds the end of the quoted text that s starts with.
func closing(s string, quote byte) int {
	for i := 1; i < len(s); i++ {
		switch {
		case s[i] == '\\' && quote == '"':
			i++
		case s[i] == quote && quote == '\'' && i+1 < len(s) && s[i+1] == quote:
			i++
		case s[i] == quote:
			return i + 1
		}
	}
	return 0
}

// limits refuses what must not reach the YAML parser: too much, not UTF-8, or
// characters that YAML forbids or that would end a line in one program and not
// in another.
func (t *text) limits() *source.Diagnostic {
	if len(t.data) > maxFile {
		d := t.diagnostic(source.Error, ruleFileSize, source.Place{}, "", "split the file: a folder of manifests is read as one set",
			fmt.Sprintf("the file has more than %d bytes (16 MiB), the most that is read", maxFile))
		return &d
	}
	if bytes.HasPrefix(t.data, []byte("\xff\xfe")) || bytes.HasPrefix(t.data, []byte("\xfe\xff")) {
		d := t.diagnostic(source.Error, ruleEncoding, source.Place{}, "", "save the file as UTF-8", "the file is UTF-16; want UTF-8")
		return &d
	}
	if wide(t.data) {
		d := t.diagnostic(source.Error, ruleEncoding, source.Place{}, "", "save the file as UTF-8", "the file is UTF-16 without a byte order mark; want UTF-8")
		return &d
	}
	for i := 0; i < len(t.data); i++ {
		b := t.data[i]
		if b >= ' ' && b < 0x7f || b == '\n' || b == '\t' || b == '\r' {
			continue
		}
		r, size := utf8.DecodeRune(t.data[i:])
		if r == utf8.RuneError && size == 1 {
			return t.badByte(i)
		}
		if forbidden(r) {
			d := t.diagnostic(source.Error, ruleCharacter, t.place(i), "", "delete the character; it is invisible in most editors",
				fmt.Sprintf("forbidden character %s", runeName(r)))
			d.Width = 1
			return &d
		}
		i += size - 1
	}
	return nil
}

// wide reports whether a file looks like UTF-16: every other byte is zero.
func wide(data []byte) bool {
	const some = 4
	zeros := [2]int{}
	for i := 0; i < len(data) && i < 2*some; i++ {
		if data[i] == 0 {
			zeros[i%2]++
		}
	}
	return len(data) >= 2*some && (zeros[0] == 0 && zeros[1] == some || zeros[0] == some && zeros[1] == 0)
}

func (t *text) badByte(offset int) *source.Diagnostic {
	d := t.diagnostic(source.Error, ruleEncoding, t.place(offset), "", "save the file as UTF-8",
		fmt.Sprintf("byte %d (0x%02x) is not UTF-8", offset+1, t.data[offset]))
	d.Width = 1
	return &d
}

// forbidden reports characters that no text of a manifest may hold: controls,
// which people cannot see, and U+2028 and U+2029, which JSON writers escape
// differently, so that the signature of a request would not match.
func forbidden(r rune) bool {
	switch {
	case r == '\n' || r == '\t':
		return false
	case r < ' ', r >= 0x7f && r < 0xa0, r == '\u2028', r == '\u2029', r == '\ufeff':
		return true
	}
	return r&0xfffe == 0xfffe || r >= 0xfdd0 && r <= 0xfdef
}

func runeName(r rune) string {
	switch r {
	case '\u2028':
		return "U+2028 (line separator)"
	case '\u2029':
		return "U+2029 (paragraph separator)"
	case '\u0085':
		return "U+0085 (next line)"
	case '\ufeff':
		return "U+FEFF (byte order mark)"
	}
	return fmt.Sprintf("%U", r)
}

// digits reports a whole number in decimal digits that fits an int64.
func digits(s string) bool {
	s = strings.TrimPrefix(s, "-")
	if s == "" || len(s) > 18 || len(s) > 1 && s[0] == '0' {
		return false
	}
	return strings.Trim(s, "0123456789") == ""
}

// checkText looks at the characters of a text, and warns if some YAML reader
// would take it for something else.
func (c *converter) checkText(n *yaml.Node, f field, v value) {
	for i, r := range n.Value {
		if forbidden(r) || !f.lines && f.kind == "string" && (r == '\n' || r == '\t') {
			hint := "delete the character"
			if r == '\n' {
				hint = `write the text in one line, or after ">-"`
			}
			c.report(source.Error, ruleCharacter, n, hint, "the text holds %s at character %d", nameOf(r), len([]rune(n.Value[:i]))+1)
			break
		}
	}
	if v.plain && f.kind == "string" && !f.time {
		if looks := looksLike(n); looks != "" {
			c.report(source.Warning, ruleScalar, n, fmt.Sprintf("quote it: %q", shorten(n.Value)),
				"%s is taken as text, though it looks like %s", quote(n.Value), looks)
		}
	}
}

func nameOf(r rune) string {
	switch r {
	case '\n':
		return "a line break"
	case '\t':
		return "a tab"
	}
	return "the forbidden character " + runeName(r)
}

// looksLike names what a YAML 1.1 or 1.2 reader makes of a plain scalar, if
// that is not a text.
func looksLike(n *yaml.Node) string {
	switch n.Tag {
	case "!!null":
		return "nothing"
	case "!!int", "!!float":
		return "a number"
	case "!!bool":
		return "a truth value"
	case "!!timestamp":
		return "a date"
	}
	switch strings.ToLower(n.Value) {
	case "y", "yes", "n", "no", "on", "off":
		return "a truth value"
	}
	if len(n.Value) > 2 && n.Value[0] >= '1' && n.Value[0] <= '9' && strings.Contains(n.Value, ":") &&
		strings.Trim(n.Value, "0123456789:") == "" {
		return "a number to base 60"
	}
	return ""
}

// quote quotes a text in a message, shortened: a message is no way to read a file.
func quote(s string) string {
	const most = 40
	n := 0
	for i := range s {
		if n++; n > most {
			return strconv.Quote(s[:i] + "...")
		}
	}
	return strconv.Quote(s)
}
