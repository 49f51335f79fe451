// Package report writes diagnostics, plans, results and the like: as text for
// people, as JSON for programs, as Markdown for reviews and as annotations for
// GitHub Actions. Values come in, bytes go out. It decides nothing, and nothing
// that others wrote acts in what it writes.
package report

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"

	"github.com/poolsync/poolsync/internal/diff"
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
	Warnings      []string           `json:"warnings,omitempty"`
}

// Calls counts requests by action.
type Calls struct {
	Set    int `json:"set"`
	Update int `json:"update"`
}

// CallsOf takes the counts by verb.
func CallsOf(n map[pool.Verb]int) Calls { return Calls{Set: n[pool.Set], Update: n[pool.Update]} }

// Summary counts pools by what the plan says of them.
type Summary struct {
	Create    int `json:"create"`
	Append    int `json:"append"`
	Edit      int `json:"edit"`
	Correct   int `json:"correct"`
	Replace   int `json:"replace"`
	Retire    int `json:"retire"`
	Unchanged int `json:"unchanged"`
	Unknown   int `json:"unknown"`
	Deferred  int `json:"deferred"`
	Halted    int `json:"halted"`
	Held      int `json:"held"`
	Touched   int `json:"touched"`
	Orphaned  int `json:"orphaned"`
	Unmanaged int `json:"unmanaged"`
	Forgotten int `json:"forgotten"`
	Blocked   int `json:"blocked"`
	Pending   int `json:"pending"`
}

// SummaryOf counts a plan.
func SummaryOf(p diff.Plan) Summary {
	return Summary{
		Create: p.Count(diff.Create), Append: p.Count(diff.Append), Edit: p.Count(diff.Edit),
		Correct: p.Count(diff.Correct), Replace: p.Count(diff.Replace), Retire: p.Count(diff.Retire),
		Unchanged: p.Unchanged, Unknown: p.Count(diff.Unknown), Deferred: p.Count(diff.Deferred),
		Halted: p.Count(diff.Halted), Held: p.Count(diff.Held), Touched: p.Count(diff.Touched),
		Orphaned: p.Count(diff.Orphaned), Unmanaged: p.Count(diff.Unmanaged),
		Forgotten: p.Count(diff.Forgotten), Blocked: p.Blocked(), Pending: p.Count(diff.Pending),
	}
}

// Plan is a plan as it is printed.
type Plan struct {
	Head
	Set      string        `json:"set"` // the manifest set
	Digest   string        `json:"digest"`
	Checksum string        `json:"checksum,omitempty"` // over all other members; see Checksum
	Summary  Summary       `json:"summary"`
	Calls    Calls         `json:"calls"`
	Changes  []diff.Change `json:"changes"`
	Files    int           `json:"files"`
	Pools    int           `json:"pools"` // declared
}

// Checksum is over the whole JSON document but its member "checksum": of a saved
// plan, what was reviewed is what is applied. It does not depend on white space
// or on the order of members.
func Checksum(document []byte) (string, error) {
	in := json.NewDecoder(bytes.NewReader(document))
	in.UseNumber()
	var members map[string]any
	if err := in.Decode(&members); err != nil {
		return "", err
	}
	delete(members, "checksum")
	canonical, err := json.Marshal(members)
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256(canonical)
	return "sha256:" + hex.EncodeToString(sum[:]), nil
}

// Sealed gives the plan with its checksum.
func (p Plan) Sealed() Plan {
	p.Checksum = ""
	if document, err := json.Marshal(p); err == nil {
		p.Checksum, _ = Checksum(document) // our own document is an object
	}
	return p
}
