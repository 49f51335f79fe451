package diff

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"strings"

	"github.com/poolsync/poolsync/internal/pool"
)

// finish gathers the needs and fingerprints every change that would write.
func (c *comparer) finish() {
	var fingerprints []string
	for i := range c.plan.Changes {
		ch := &c.plan.Changes[i]
		if ch.Fields == nil {
			ch.Fields = []Field{} // an empty list in JSON, not null
		}
		if ch.Actions == nil {
			ch.Actions = []Action{} // of a change that is only blocked
		}
		if ch.need != nil {
			c.plan.Needs = append(c.plan.Needs, *ch.need)
		}
		if len(ch.Calls) == 0 && ch.Record == nil && !ch.Has(Retire) && !ch.Has(Forgotten) {
			continue
		}
		ch.Fingerprint = fingerprint(*ch)
		fingerprints = append(fingerprints, ch.Fingerprint)
	}
	c.plan.Digest = Digest(fingerprints)
}

// Digest is the digest of a plan whose changes have these fingerprints, in the
// order of the changes.
func Digest(fingerprints []string) string {
	sum := sha256.Sum256([]byte(strings.Join(fingerprints, "\n")))
	return "sha256:" + hex.EncodeToString(sum[:])
}

// fingerprint covers a change's operations, the entry that it rests on and the
// live record, not its wording or times: the same fingerprint means that the
// same calls would be made for the same reasons.
func fingerprint(ch Change) string {
	type recordedEntry struct {
		Sent     *pool.Sent
		ReadBack *pool.Live
		Job      pool.JobReference
	}
	basis := struct {
		Key     pool.Key
		Actions []Action
		Calls   []Call
		Entry   *recordedEntry
		Live    *pool.Live
		Record  *pool.Sent `json:",omitempty"`
		Leaving []Unfit    `json:",omitempty"`
	}{Key: ch.Key, Actions: ch.Actions, Calls: ch.Calls, Live: ch.LivePool, Record: ch.Record, Leaving: ch.Leaving}
	if e := ch.Entry; e != nil {
		basis.Entry = &recordedEntry{Sent: e.Sent, ReadBack: e.ReadBack, Job: e.Job}
	}
	data, err := json.Marshal(basis)
	if err != nil { // only strings, numbers and lists of them
		data = []byte(ch.Key.String())
	}
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}
