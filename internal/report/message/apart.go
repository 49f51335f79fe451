package message

import (
	"fmt"
	"strings"
	"unicode"
)

// Apart returns two texts that differ so that it can be seen: what is invisible,
// wide or combining where they differ is escaped, and so are letters of another
// script that look like the other's.
func Apart(a, b string) (string, string) {
	if a == b {
		return a, b
	}
	x, y := []rune(a), []rune(b)
	from := 0
	for from < len(x) && from < len(y) && x[from] == y[from] {
		from++
	}
	to := 0
	for to < len(x)-from && to < len(y)-from && x[len(x)-1-to] == y[len(y)-1-to] {
		to++
	}
	left, right := x[from:len(x)-to], y[from:len(y)-to]
	alike := len(left) == len(right)
	return string(x[:from]) + reveal(left, alike && ascii(right)) + string(x[len(x)-to:]),
		string(y[:from]) + reveal(right, alike && ascii(left)) + string(y[len(y)-to:])
}

// reveal escapes what cannot be told from something else by its looks. Beside
// plain letters, those of another script are such.
func reveal(text []rune, besidePlain bool) string {
	var b strings.Builder
	for _, r := range text {
		switch {
		case hidden(r), besidePlain && foreign(r):
			if r > 0xffff {
				fmt.Fprintf(&b, `\U%08x`, r)
			} else {
				fmt.Fprintf(&b, `\u%04x`, r)
			}
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}

// hidden reports characters that are invisible, a kind of space, combine with the
// one before, or are another form of an ASCII character.
func hidden(r rune) bool {
	if r <= '~' {
		return false
	}
	return unicode.In(r, unicode.Z, unicode.M, unicode.C) || (r >= 0xff01 && r <= 0xff5e) || (r >= 0xfe00 && r <= 0xfe0f)
}

// foreign reports letters and marks that may look like an ASCII character's.
func foreign(r rune) bool {
	return r > '~' && !unicode.Is(unicode.Latin, r) && (unicode.IsLetter(r) || unicode.IsPunct(r) || unicode.IsSymbol(r) || unicode.IsDigit(r))
}

func ascii(text []rune) bool {
	for _, r := range text {
		if r > '~' {
			return false
		}
	}
	return true
}
