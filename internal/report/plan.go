package report

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"time"

	"github.com/poolsync/poolsync/internal/diff"
)

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
	HeldBy   *Holder       `json:"held_by,omitempty"`
}

// Holder is the run that holds the state while the plan is made.
type Holder struct {
	Who   string     `json:"who"`
	Where string     `json:"where"`
	Run   string     `json:"run"`
	Since time.Time  `json:"since"`
	Until *time.Time `json:"until,omitempty"`
}

// line says who is applying.
func (h *Holder) line() string {
	if h == nil {
		return ""
	}
	text := fmt.Sprintf("%s on %s is applying since %s (run %s)", h.Who, h.Where, h.Since.UTC().Format(time.RFC3339), h.Run)
	if h.Until != nil {
		text += ", and holds the state until " + h.Until.UTC().Format(time.RFC3339)
	}
	return text + ": pools may change while you read this."
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
