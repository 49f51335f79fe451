package cli

import (
	"fmt"
	"strings"

	"github.com/poolsync/poolsync/internal/diff"
)

// maxExpected is how many changes are shown, and tried, where a plan is not the
// expected one.
const maxExpected = 200

// expected reports whether a plan has the digest that was asked for, if any was.
func expected(now diff.Plan, want string) bool {
	return want == "" || strings.TrimPrefix(want, "sha256:") == strings.TrimPrefix(now.Digest, "sha256:")
}

// notExpected refuses a plan that is not the one that was reviewed. A digest does
// not tell what the reviewed one held. What can be told is what this one holds,
// and which change it is if one alone was not in the other.
func notExpected(now diff.Plan, want string) error {
	var planned []diff.Change
	for _, ch := range now.Changes {
		if ch.Fingerprint != "" {
			planned = append(planned, ch)
		}
	}
	var b strings.Builder
	fmt.Fprintf(&b, "the plan has the digest %s, and %s was expected", now.Digest, want)
	if ch, ok := onlyNew(planned, want); ok {
		fmt.Fprintf(&b, ": %s came, and all else is as it was reviewed", ch.Reference)
		planned = []diff.Change{ch}
	} else if len(planned) == 0 {
		b.WriteString(": nothing is left of it to do")
	} else {
		b.WriteString("; now it is:")
	}
	for i, ch := range planned {
		if i == maxExpected {
			fmt.Fprintf(&b, "\n  and %d more", len(planned)-i)
			break
		}
		fmt.Fprintf(&b, "\n  %s: %s", ch.Reference, actionWords(ch))
		if ch.Source.File != "" {
			fmt.Fprintf(&b, " (%s)", ch.Source)
		}
	}
	return &guardError{message: b.String(), hint: "something moved since the plan was reviewed; look at the plan again: poolsync plan", stale: true}
}

func actionWords(ch diff.Change) string {
	words := make([]string, len(ch.Actions))
	for i, a := range ch.Actions {
		words[i] = string(a)
	}
	return strings.Join(words, ", ")
}

// onlyNew finds the change without which the plan would have the digest.
func onlyNew(planned []diff.Change, want string) (diff.Change, bool) {
	if len(planned) > maxExpected {
		return diff.Change{}, false
	}
	for i := range planned {
		var others []string
		for n, ch := range planned {
			if n != i {
				others = append(others, ch.Fingerprint)
			}
		}
		if expected(diff.Plan{Digest: diff.Digest(others)}, want) {
			return planned[i], true
		}
	}
	return diff.Change{}, false
}
