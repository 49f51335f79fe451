// Package report writes diagnostics, plans, results and the like: as text for
// people, as JSON for programs, as Markdown for reviews and as annotations for
// GitHub Actions. Values come in, bytes go out. It decides nothing, and nothing
// that others wrote acts in what it writes.
package report

import (
	"fmt"
	"slices"

	"github.com/poolsync/poolsync/internal/pool"
	"github.com/poolsync/poolsync/internal/source"
)

// SchemaVersion is the version of the JSON documents' layout.
const SchemaVersion = 1

// Target says which bank a document is about: in JSON the first one, since there
// every change names its own.
type Target struct {
	Endpoint     string    `json:"endpoint"`
	ReadEndpoint string    `json:"read_endpoint,omitempty"` // where it differs
	APIVersion   string    `json:"api_version"`
	Bank         pool.Bank `json:"organisation_id"`
	// Banks are all that were addressed, where they are several.
	Banks []pool.Bank `json:"-"`
}

// at gives "https://data.learnosity.com (v2026.2.LTS)", with the address that is
// read from, where it is another one.
func (t Target) at() string {
	if t.ReadEndpoint == "" {
		return fmt.Sprintf("%s (%s)", t.Endpoint, t.APIVersion)
	}
	return fmt.Sprintf("%s, read from %s (%s)", t.Endpoint, t.ReadEndpoint, t.APIVersion)
}

// Exit is how a command ended: the exit code and why.
type Exit struct {
	Code   int    `json:"code"`
	Reason string `json:"reason"`
}

// Failure is an error that ended a command.
type Failure struct {
	Message string   `json:"message"`
	Hints   []string `json:"hints,omitempty"`
}

// Head is what every JSON document begins with. Every document is written on
// every exit, so that Error and Diagnostics say why there is nothing else in it.
type Head struct {
	SchemaVersion int                `json:"schema_version"`
	Command       string             `json:"command"`
	Target        *Target            `json:"target"`
	Exit          Exit               `json:"exit"`
	Error         *Failure           `json:"error,omitempty"`
	Diagnostics   source.Diagnostics `json:"diagnostics,omitempty"`
}

// banks gives the banks that a document is about, in order: those that were
// addressed, and those of its pools.
func (h Head) banks(pools []pool.Key) []pool.Bank {
	var all []pool.Bank
	if h.Target != nil {
		all = append(slices.Clone(h.Target.Banks), h.Target.Bank)
	}
	for _, k := range pools {
		all = append(all, k.Bank)
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// bankNames gives "item bank 505" or "item banks 505, 606".
func bankNames(banks []pool.Bank) string {
	if len(banks) == 1 {
		if banks[0] == pool.Primary {
			return "the key's primary item bank"
		}
		return "item bank " + banks[0].String()
	}
	names := make([]string, len(banks))
	for i, b := range banks {
		names[i] = b.String()
	}
	return "item banks " + joined(names, false)
}

// about gives "item bank 505 at https://data.learnosity.com (v2026.2.LTS)".
func (h Head) about(banks []pool.Bank) string {
	if h.Target == nil {
		return "no item bank"
	}
	return bankNames(banks) + " at " + h.Target.at()
}
