package report

import (
	"io"

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

var adoptionSymbols = map[string]string{AdoptionDone: done, AdoptionNone: " ", AdoptionRefused: "x"}

// WriteAdoption writes what came of taking pools over as text for a person.
func (t Text) WriteAdoption(w io.Writer, a Adoption) error {
	out := &printer{w: w, text: t}
	keys := make([]pool.Key, len(a.Pools))
	for i, p := range a.Pools {
		keys[i] = p.Key
	}
	withBank := len(a.banks(keys)) > 1
	heads := make([]head, len(a.Pools))
	for i, p := range a.Pools {
		heads[i] = head{adoptionSymbols[p.Outcome], keyName(p.Key, withBank), p.Outcome, p.Source.String()}
	}
	wide := nameColumn(heads)
	for i, p := range a.Pools {
		out.head(heads[i], wide)
		if len(p.Missing) > 0 {
			out.list("declared and not in the pool", pathWidth, "", p.Missing)
		}
		if len(p.Extra) > 0 {
			out.list("in the pool and not declared", pathWidth, "", p.Extra)
		}
		for _, n := range p.Notes {
			out.detail(n)
		}
	}
	return out.err
}
