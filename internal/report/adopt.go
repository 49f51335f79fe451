package report

import (
	"io"
	"slices"
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

var adoptionSymbols = map[string]string{AdoptionDone: "+", AdoptionNone: " ", AdoptionRefused: "x"}

// WriteAdoption writes what came of taking pools over as text for a person.
func (t Text) WriteAdoption(w io.Writer, a Adoption) error {
	out := &printer{w: w, text: t}
	heads := make([]head, len(a.Pools))
	for i, p := range a.Pools {
		withBank := slices.ContainsFunc(a.Pools, func(q Adopted) bool { return q.Bank != p.Bank })
		heads[i] = head{adoptionSymbols[p.Outcome], keyName(p.Key, withBank), p.Outcome, p.Source.String()}
	}
	wide := nameColumn(heads)
	for i, p := range a.Pools {
		out.head(heads[i], wide)
		if len(p.Missing) > 0 {
			out.list("declared and not in the pool", "", p.Missing)
		}
		if len(p.Extra) > 0 {
			out.list("in the pool and not declared", "", p.Extra)
		}
		for _, n := range p.Notes {
			out.detail(n)
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
	table, marks := [][]string{{"POOL", "STATUS", "APPLIED", "SET", "FILE"}}, []string{"bold"}
	for _, e := range s.Entries {
		status, at, mark := "-", "-", ""
		if e.Sent != nil {
			status = string(e.Sent.Status)
		}
		if e.AppliedAt != nil {
			at = e.AppliedAt.UTC().Format("2006-01-02T15:04:05Z")
		}
		if e.Pending != nil || e.LastError != "" {
			mark = "x"
		}
		table = append(table, []string{e.Key.String(), status, at, e.Set, e.File + remarks(e)})
		marks = append(marks, mark)
	}
	out := &printer{w: w, text: t}
	out.table(table, marks, nil)
	return out.err
}

// remarks are what is out of the ordinary with an entry.
func remarks(e pool.Entry) string {
	var words []string
	if p := e.Pending; p != nil {
		words = append(words, string(p.Operation)+" pending since "+p.At.UTC().Format("2006-01-02T15:04:05Z")+" (job "+string(p.Job)+")")
	}
	if e.Touched {
		words = append(words, "touched")
	}
	if e.Retired {
		words = append(words, "retired")
	}
	if e.LastError != "" {
		words = append(words, "last error: "+e.LastError)
	}
	if len(words) == 0 {
		return ""
	}
	return "  (" + strings.Join(words, "; ") + ")"
}
