package report

import (
	"io"
	"strings"

	"github.com/poolsync/poolsync/internal/pool"
	"github.com/poolsync/poolsync/internal/source"
)

// Adoption is what came of taking pools over, as it is printed.
type Adoption struct {
	Head
	Pools []Adopted `json:"pools"`
}

// Adopted is one pool and what came of it: adopted, unchanged or refused.
type Adopted struct {
	pool.Key
	Outcome string          `json:"outcome"`
	Source  source.Position `json:"source"`
	Missing []string        `json:"missing"` // declared, and not in the pool
	Extra   []string        `json:"extra"`   // in the pool, and not declared
	Notes   []string        `json:"notes"`
}

// The outcomes of an adoption.
const (
	AdoptionDone    = "adopted"
	AdoptionNone    = "unchanged"
	AdoptionRefused = "refused"
)

// WriteAdoption writes what came of taking pools over as text for a person.
func (t Text) WriteAdoption(w io.Writer, a Adoption) error {
	out := &printer{w: w, text: t}
	for _, p := range a.Pools {
		out.line("  %s   %s   %s", Safe(string(p.Reference)), p.Outcome, Safe(p.Source.String()))
		if len(p.Missing) > 0 {
			out.line("      declared and not in the pool   %s", listed(p.Missing, "", t.Full))
		}
		if len(p.Extra) > 0 {
			out.line("      in the pool and not declared   %s", listed(p.Extra, "", t.Full))
		}
		for _, n := range p.Notes {
			out.line("      %s", Safe(n))
		}
	}
	return out.err
}

// State is the state, or a part of it, as it is printed.
type State struct {
	Head
	Store   string       `json:"store"`
	Version string       `json:"version"`
	Holder  string       `json:"holder,omitempty"`
	Entries []pool.Entry `json:"entries"`
}

// WriteState writes the state as a table.
func (t Text) WriteState(w io.Writer, s State) error {
	out := &printer{w: w, text: t}
	wide := len("POOL")
	for _, e := range s.Entries {
		wide = max(wide, len(Safe(e.Key.String())))
	}
	if len(s.Entries) > 0 {
		out.line("%-*s  %-11s  %-20s  %-12s  %s", wide, "POOL", "STATUS", "APPLIED", "SET", "FILE")
	}
	for _, e := range s.Entries {
		status, at := "-", "-"
		if e.Sent != nil {
			status = string(e.Sent.Status)
		}
		if e.AppliedAt != nil {
			at = e.AppliedAt.UTC().Format("2006-01-02T15:04:05Z")
		}
		out.line("%-*s  %-11s  %-20s  %-12s  %s%s", wide, Safe(e.Key.String()), Safe(status), at, Safe(e.Set), Safe(e.File), remarks(e))
	}
	return out.err
}

// remarks are what is out of the ordinary with an entry.
func remarks(e pool.Entry) string {
	var words []string
	if p := e.Pending; p != nil {
		words = append(words, string(p.Operation)+" pending since "+p.At.UTC().Format("2006-01-02T15:04:05Z")+" (job "+Safe(string(p.Job))+")")
	}
	if e.Touched {
		words = append(words, "touched")
	}
	if e.Retired {
		words = append(words, "retired")
	}
	if e.LastError != "" {
		words = append(words, "last error: "+Safe(e.LastError))
	}
	if len(words) == 0 {
		return ""
	}
	return "  (" + strings.Join(words, "; ") + ")"
}
