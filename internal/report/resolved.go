package report

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/poolsync/poolsync/internal/diff"
	"github.com/poolsync/poolsync/internal/report/page"
)

// resolved is what a change brings, in items and activities of the bank:
// "118 -> 121 items (+M-104, +M-105, +M-106)".
func (w wording) resolved(r *diff.Resolved) []page.Line {
	if r == nil {
		return nil
	}
	out := []page.Line{w.brings(r, "items")}
	if r.Activities != nil {
		out = append(out, w.brings(r.Activities, "activities"))
	}
	if r.Unreadable != "" {
		out = append(out, page.Line{Path: "content", After: "the pool cannot be looked into: " + r.Unreadable})
	}
	if r.Uncertain > 0 {
		out = append(out, page.Line{Path: "content", After: fmt.Sprintf("not counted: %d whose tags differ in letter case", r.Uncertain)})
	}
	return out
}

func (w wording) brings(r *diff.Resolved, of string) page.Line {
	if r.After != nil && *r.After == 1 {
		of = map[string]string{"items": "item", "activities": "activity"}[of]
	}
	l := page.Line{Path: "content", After: figure(r.Before) + " -> " + figure(r.After) + " " + of}
	var moved []string
	for _, ref := range r.Added {
		moved = append(moved, "+"+ref)
	}
	for _, ref := range r.Removed {
		moved = append(moved, "-"+ref)
	}
	if len(moved) == 0 {
		return l
	}
	n := shown(len(moved), w.full)
	more := ""
	if len(moved) > n {
		more = fmt.Sprintf(", %d more", len(moved)-n)
	}
	l.After += " (" + strings.Join(moved[:n], ", ") + more + ")"
	return l
}

// figure writes a number that may not be known.
func figure(n *int) string {
	if n == nil {
		return "?"
	}
	return strconv.Itoa(*n)
}
