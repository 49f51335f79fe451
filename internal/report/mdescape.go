package report

import (
	"strings"
	"unicode"
)

// In Markdown, text that others wrote stands in code spans: there HTML, links,
// images, mentions, references to issues and commits, and emphasis are all
// nothing but characters. Backslashes and entities would not do: a host looks
// for mentions after it has resolved them.

// code gives text as a code span. It is fenced by more backticks than it holds
// in a row, so that nothing in it ends the span.
func code(s string) string {
	s = Safe(s)
	if strings.Trim(s, " ") == "" {
		s = `"` + s + `"`
	}
	fence := strings.Repeat("`", longestRun(s)+1)
	if s[0] == '`' || s[len(s)-1] == '`' || (s[0] == ' ' && s[len(s)-1] == ' ') {
		s = " " + s + " " // the pair is taken off where the page is shown
	}
	return fence + s + fence
}

// longestRun counts the backticks of the longest run of them.
func longestRun(s string) int {
	longest, n := 0, 0
	for i := range len(s) {
		if s[i] != '`' {
			n = 0
			continue
		}
		n++
		longest = max(longest, n)
	}
	return longest
}

// codes gives each text as a code span, in a list that is cut if it is long.
func codes(entries []string, sign string, full bool) string {
	n := shown(len(entries), full)
	parts := make([]string, n, n+1)
	for i, e := range entries[:n] {
		parts[i] = code(sign + e)
	}
	if rest := len(entries) - n; rest > 0 {
		parts = append(parts, more("", rest))
	}
	return strings.Join(parts, ", ")
}

// prose gives a message for reading: plain words as they are, and everything
// that could mean something to Markdown or to its host in code spans. It must
// not stand at the beginning of a line.
func prose(s string) string {
	words := strings.Split(Safe(s), " ")
	var out []string
	for i := 0; i < len(words); {
		if plain(words[i]) {
			out = append(out, words[i])
			i++
			continue
		}
		from := i
		for i < len(words) && (!plain(words[i]) || (i > from && belongs(words[i-1], words[i]))) {
			i++
		}
		before, odd, after := unwrap(strings.Join(words[from:i], " "))
		out = append(out, before+code(odd)+after)
	}
	return strings.Join(out, " ")
}

// belongs reports whether a word is the value of the flag before it.
func belongs(flag, word string) bool {
	return strings.HasPrefix(flag, "--") && (word == anyReference || strings.ContainsAny(word, "-0123456789"))
}

// unwrap takes the marks of prose off that stand around odd words.
func unwrap(s string) (before, core, after string) {
	core = strings.TrimRight(s, ",;")
	if strings.HasSuffix(core, ")") && !strings.Contains(core, "(") {
		core = strings.TrimSuffix(core, ")")
	}
	if strings.HasPrefix(core, "(") && !strings.Contains(core, ")") {
		before, core = "(", core[1:]
	}
	if core == "" {
		return "", s, ""
	}
	return before, core, s[len(before)+len(core):]
}

// plain reports words of letters, or of figures, with the marks of ordinary
// prose around them. A word of letters and figures may be a commit or an issue.
func plain(word string) bool {
	core := strings.TrimRight(strings.TrimLeft(word, "("), ",;:?.)")
	switch core {
	case "":
		return false
	case "%":
		return true
	}
	letters, digits, hex, longest := 0, 0, 0, 0
	for i, r := range core {
		if strings.ContainsRune("0123456789abcdefABCDEF", r) {
			hex++
			longest = max(longest, hex)
		} else {
			hex = 0
		}
		switch {
		case r >= '0' && r <= '9':
			digits++
		case r == '\'' || r == '-':
			if i == 0 || i == len(core)-1 {
				return false
			}
			letters++
		case unicode.IsLetter(r):
			letters++
		default:
			return false
		}
	}
	if (letters > 0 && digits > 0) || longest >= 7 || strings.Contains(core, "--") {
		return false
	}
	return digits == 0 || (!strings.HasSuffix(word, ".") && !strings.HasSuffix(word, ")"))
}

// comment gives what may stand in a hidden comment: a digest and no more.
func comment(s string) string {
	return strings.Map(func(r rune) rune {
		if (r >= '0' && r <= '9') || (r >= 'a' && r <= 'z') || r == ':' {
			return r
		}
		return -1
	}, s)
}
