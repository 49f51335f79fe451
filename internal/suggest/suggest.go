// Package suggest finds the word that was probably meant.
package suggest

import (
	"maps"
	"slices"
	"strings"

	"github.com/agnivade/levenshtein"
)

// maxLength bounds the words that are looked at: what is longer is no typing
// error.
const maxLength = 64

// Nearest gives the candidate that a word was probably meant to be, or "". A
// third of the letters may be wrong, two in a word of four; a candidate that
// the word begins is as near as one letter.
func Nearest(word string, candidates []string) string {
	if len(word) > maxLength {
		return ""
	}
	word = strings.ToLower(word)
	distances := make(map[string]int)
	for _, c := range candidates {
		switch d := levenshtein.ComputeDistance(word, c); {
		case len(word) > 3 && strings.HasPrefix(c, word):
			distances[c] = 1
		case d <= (min(len(word), len(c))+2)/3:
			distances[c] = d
		}
	}
	best := ""
	for _, c := range slices.Sorted(maps.Keys(distances)) {
		if best == "" || distances[c] < distances[best] {
			best = c
		}
	}
	return best
}
