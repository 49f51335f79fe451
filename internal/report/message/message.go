// Package message holds sentences as values made of parts: words of ours, code,
// places in files, commands. Whoever writes a sentence says what each part is, so
// that no writer has to guess it from the text. Text of ours is a constant of the
// program; whatever comes from elsewhere is a part of its own, and acts nowhere.
package message

import (
	"encoding/json"
	"strconv"
	"strings"

	"github.com/poolsync/poolsync/internal/source"
)

// kind is what a part of a message is.
type kind uint8

const (
	plain   kind = iota // words of ours
	code                // what somebody else wrote, or what a machine reads
	place               // a place in a file
	command             // a line to paste, never broken
)

type part struct {
	kind kind
	text string
	at   source.Position
}

// Message is a sentence, or a piece of one. The zero Message says nothing.
type Message struct{ parts []part }

// words are constants of the program: outside of this package nothing else can
// become one.
type words string

// New puts a sentence together. Each %s in the words takes the next part; parts
// that are left over are dropped, which a test of the sources rules out.
func New(format words, parts ...Message) Message {
	var m Message
	for rest := string(format); rest != ""; {
		before, after, found := strings.Cut(rest, "%s")
		m.add(part{text: before})
		if found && len(parts) > 0 {
			m.add(parts[0].parts...)
			parts = parts[1:]
		}
		rest = after
	}
	return m
}

func (m *Message) add(parts ...part) {
	for _, p := range parts {
		if p.text == "" && p.kind == plain {
			continue
		}
		if n := len(m.parts); n > 0 && p.kind == plain && m.parts[n-1].kind == plain {
			m.parts[n-1].text += p.text
			continue
		}
		m.parts = append(m.parts, p)
	}
}

// Code is a reference, a flag, a value or anything else that others wrote.
func Code(text string) Message { return Message{[]part{{kind: code, text: text}}} }

// Optional is Code, or nothing where there is no text.
func Optional(text string) Message {
	if text == "" {
		return Message{}
	}
	return Code(text)
}

// At is a place in a file.
func At(p source.Position) Message {
	if p.File == "" {
		return Message{}
	}
	return Message{[]part{{kind: place, text: p.String(), at: p}}}
}

// Command is a command line that can be pasted: its arguments are quoted as a
// shell takes them.
func Command(args ...string) Message {
	return Message{[]part{{kind: command, text: Shell(args)}}}
}

// Number is a number.
func Number(n int) Message { return Message{[]part{{text: strconv.Itoa(n)}}} }

// Count is a number of things: "1 pool", "2 pools".
func Count(n int, one words) Message {
	if n == 1 {
		return New("1 " + one)
	}
	return New("%s "+one+"s", Number(n))
}

// Join puts messages in a row, those that say nothing left out.
func Join(between words, all ...Message) Message {
	var m Message
	for _, next := range all {
		if next.Empty() {
			continue
		}
		if !m.Empty() {
			m.add(part{text: string(between)})
		}
		m.add(next.parts...)
	}
	return m
}

// Codes is a list of what others wrote, cut after a number of entries. A number
// of 0 cuts nothing.
func Codes(entries []string, most int) Message {
	n := len(entries)
	if most > 0 && n > most+1 { // a single one is never cut
		n = most
	}
	all := make([]Message, n, n+1)
	for i, e := range entries[:n] {
		all[i] = Code(e)
	}
	if rest := len(entries) - n; rest > 0 {
		all = append(all, New("%s more", Number(rest)))
	}
	return Join(", ", all...)
}

// Empty reports whether the message says nothing.
func (m Message) Empty() bool { return len(m.parts) == 0 }

// Text is the message in one line, safe for a terminal, a log or a page.
func (m Message) Text() string {
	var b strings.Builder
	for _, p := range m.parts {
		b.WriteString(p.text)
	}
	return Safe(b.String())
}

// String is the message's text.
func (m Message) String() string { return m.Text() }

// MarshalJSON writes the message's text.
func (m Message) MarshalJSON() ([]byte, error) { return json.Marshal(m.Text()) }

// Contains reports whether a part of the message is this text, or holds it.
func (m Message) Contains(text string) bool {
	for _, p := range m.parts {
		if strings.Contains(p.text, text) {
			return true
		}
	}
	return false
}

// Shell writes arguments as a shell takes them.
func Shell(args []string) string {
	quoted := make([]string, len(args))
	for i, w := range args {
		if quoted[i] = w; w == "" || strings.ContainsAny(w, " \t\r\n*?[]{}()<>|&;$'\"\\`!#~") {
			quoted[i] = "'" + strings.ReplaceAll(w, "'", `'\''`) + "'"
		}
	}
	return strings.Join(quoted, " ")
}
