package report

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"time"

	"github.com/poolsync/poolsync/internal/diff"
	"github.com/poolsync/poolsync/internal/pool"
	"github.com/poolsync/poolsync/internal/report/message"
)

// Plan is a plan as it is printed.
type Plan struct {
	Head
	Set      string        `json:"set"` // the manifest set
	Digest   string        `json:"digest"`
	Checksum string        `json:"checksum,omitempty"` // over all other members; see Checksum
	Summary  Summary       `json:"summary"`
	Calls    Calls         `json:"calls"`
	Changes  []diff.Change `json:"-"`
	Written  []written     `json:"changes"` // Changes in words, made where the document is written
	Files    int           `json:"files"`
	Pools    int           `json:"pools"` // declared
	HeldBy   *Holder       `json:"held_by,omitempty"`
	// Offline is set where the bank was not asked: then there is no digest.
	Offline *Offline   `json:"offline,omitempty"`
	Lost    *LostState `json:"-"`
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
func (h *Holder) line() message.Message {
	until := message.Message{}
	if h.Until != nil {
		until = message.New(", and holds the state until %s", message.Code(h.Until.UTC().Format(time.RFC3339)))
	}
	return message.New("%s on %s is applying since %s (run %s)%s: pools may change while you read this.",
		message.Code(h.Who), message.Code(h.Where), message.Code(h.Since.UTC().Format(time.RFC3339)), message.Code(h.Run), until)
}

// LostState is a state without an entry for this manifest set, while declared
// pools are live.
type LostState struct {
	Store   string   // where the state is
	Live    int      // declared pools that are live
	Restore []string // the command that brings the state back; nil where none is known
}

// paragraphs say what an empty state may mean, instead of a list of pools that
// are not on record. Overwriting them is not advised here.
func (l *LostState) paragraphs(w wording, t *Target) []message.Message {
	where := message.New("the item bank")
	if t != nil {
		where = bankNames([]bankID{t.Bank})
	}
	restore := message.New("Lost? Restore it before anything else.")
	if len(l.Restore) > 0 {
		restore = message.New("Lost? Restore it: %s", message.Command(l.Restore...))
	}
	return []message.Message{
		message.New("The state %s is empty, yet %s in %s.", message.Code(l.Store), existing(l.Live), where),
		restore,
		message.New("First run here? Take the pools over: %s", w.command("adopt", "--all")),
	}
}

func existing(n int) message.Message {
	if n == 1 {
		return message.New("1 declared pool exists")
	}
	return message.New("%s exist", message.Count(n, "declared pool"))
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

// Sealed returns the plan with its checksum.
func (p Plan) Sealed() Plan {
	p.Checksum = ""
	if document, err := json.Marshal(p); err == nil {
		p.Checksum, _ = Checksum(document) // our own document is an object
	}
	return p
}

// Question asks whether a plan is to be applied: where, how much, and what of it
// is dangerous.
func Question(p diff.Plan, banks []pool.Bank) message.Message {
	n, danger, blocked := 0, 0, 0
	for _, ch := range p.Changes {
		switch {
		case len(ch.Blocked) > 0 && len(ch.Calls) > 0:
			blocked++
		case len(ch.Calls) > 0 || ch.Has(diff.Retire) || ch.Has(diff.Forgotten):
			n++
			if ch.Dangerous {
				danger++
			}
		}
	}
	said := []message.Message{message.New("Apply %s to %s", message.Count(n, "change"), bankNames(banks))}
	if danger > 0 {
		said = append(said, message.New("%s of them seen at once in published pools", message.Number(danger)))
	}
	if blocked > 0 {
		said = append(said, message.New("%s blocked and left out", message.Number(blocked)))
	}
	return message.New("%s?", message.Join(", ", said...))
}
