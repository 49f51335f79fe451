// Package report writes diagnostics, plans, results and the like: as text for
// people, as JSON for programs, as Markdown for reviews and as annotations for
// GitHub Actions. Values come in, bytes go out. It decides nothing, and nothing
// that others wrote acts in what it writes.
package report

import (
	"fmt"

	"github.com/poolsync/poolsync/internal/pool"
	"github.com/poolsync/poolsync/internal/source"
)

// SchemaVersion is the version of the JSON documents' layout.
const SchemaVersion = 1

// Target says which bank a document is about.
type Target struct {
	Endpoint     string    `json:"endpoint"`
	ReadEndpoint string    `json:"read_endpoint,omitempty"` // where it differs
	APIVersion   string    `json:"api_version"`
	Bank         pool.Bank `json:"organisation_id"`
}

// String gives "item bank 505 at https://data.learnosity.com (v2026.2.LTS)".
func (t Target) String() string {
	bank := "item bank " + t.Bank.String()
	if t.Bank == pool.Primary {
		bank = "the key's primary item bank"
	}
	return fmt.Sprintf("%s at %s (%s)", bank, t.Endpoint, t.APIVersion)
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
