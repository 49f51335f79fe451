package report

import (
	"github.com/poolsync/poolsync/internal/pool"
	"github.com/poolsync/poolsync/internal/report/message"
	"github.com/poolsync/poolsync/internal/report/page"
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
	// The same, items and activities told apart.
	MissingContent pool.Content `json:"missing_content"`
	ExtraContent   pool.Content `json:"extra_content"`
}

// The outcomes of an adoption.
const (
	AdoptionDone    = "adopted"
	AdoptionNone    = "unchanged"
	AdoptionRefused = "refused"
)

var adoptionSigns = map[string]page.Sign{AdoptionDone: page.Done, AdoptionNone: page.None, AdoptionRefused: page.Failed}

// Page is what came of taking pools over, for people.
func (a Adoption) Page(full bool) page.Page {
	keys := make([]pool.Key, len(a.Pools))
	for i, p := range a.Pools {
		keys[i] = p.Key
	}
	w := a.wording(full, len(a.banks(keys)) > 1)
	var all page.Section
	for _, p := range a.Pools {
		e := page.Entry{Sign: adoptionSigns[p.Outcome], Name: keyName(p.Key, w.withBank), Verb: message.Code(p.Outcome), Place: p.Source}
		if len(p.Missing) > 0 {
			e.Lines = append(e.Lines, w.list("declared and not in the pool", "", p.Missing))
		}
		if len(p.Extra) > 0 {
			e.Lines = append(e.Lines, w.list("in the pool and not declared", "", p.Extra))
		}
		for _, n := range p.Notes {
			e.Notes = append(e.Notes, message.Code(n))
		}
		all.Entries = append(all.Entries, e)
	}
	return page.Page{Kind: "adoption", Sections: []page.Section{all}}
}
