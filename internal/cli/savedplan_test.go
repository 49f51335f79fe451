package cli

import (
	"encoding/json"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/poolsync/poolsync/internal/diff"
	"github.com/poolsync/poolsync/internal/pool"
	"github.com/poolsync/poolsync/internal/report"
)

// seal writes a plan with its checksum.
func seal(tb testing.TB, p savedPlan) []byte {
	data, err := json.Marshal(p)
	require.NoError(tb, err)
	p.Checksum, err = report.Checksum(data)
	require.NoError(tb, err)
	data, err = json.Marshal(p)
	require.NoError(tb, err)
	return data
}

// FuzzDecodePlan: whatever is read as a plan, it does not break the program, and
// what is taken for whole has the digest that it states and survives being
// written and read again.
func FuzzDecodePlan(f *testing.F) {
	whole := func(fingerprints ...string) []byte {
		p := savedPlan{SchemaVersion: 1, Command: "plan", Set: "default", Digest: diff.Digest(fingerprints)}
		for _, fp := range fingerprints {
			p.Changes = append(p.Changes, savedChange{Fingerprint: fp})
		}
		return seal(f, p)
	}
	for _, seed := range [][]byte{
		whole(), whole("ab", "cd"), []byte(`{"schema_version":1,"command":"plan","changes":[{"fingerprint":"x"}]}`),
		[]byte(`{"schema_version":1e9}`), []byte(`[`), []byte(`null`), []byte(`{"schema_version":1,"command":"plan","exit":{"code":4,"reason":"r"}}`),
		[]byte(`{"schema_version":1,"command":"plan","target":{"organisation_id":null},"changes":[{"organisation_id":-1,"calls":[{"request":{}}]}]}`),
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		p, err := decodePlan(data)
		if err != nil {
			return
		}
		q, err := decodePlan(seal(t, p))
		require.NoError(t, err)
		if p.Digest != q.Digest || len(p.Changes) != len(q.Changes) {
			t.Errorf("%s: read again it is another plan", data)
		}
		planned := slices.ContainsFunc(p.Changes, func(ch savedChange) bool { return ch.Fingerprint != "" })
		if _, extra, err := p.against(diff.Plan{}, nil); (err != nil && !planned) || len(extra) > 0 {
			t.Errorf("%s: against nothing: %v, %v", data, extra, err)
		}
	})
}

// TestRecordedFieldByField: that a pool has the name which a call sent says nothing of
// the status that was asked for.
func TestRecordedFieldByField(t *testing.T) {
	k := pool.Key{Bank: 505, Reference: "p"}
	call := diff.Call{Operation: pool.OpEdit, Verb: pool.Update, Request: pool.Request{Name: "P", Status: pool.Unpublished}}
	was := savedChange{Key: k, Actions: []diff.Action{diff.Edit}, Calls: []diff.Call{call}, Fields: []diff.Field{{Path: "status", Before: "published", After: "unpublished"}}}
	for status, want := range map[pool.Status]bool{pool.Published: false, pool.Unpublished: true} {
		sent := pool.Sent{Spec: pool.Spec{Fields: pool.Fields{Name: "P", Status: status}}}
		if got := was.recorded(map[pool.Key]pool.Entry{k: {Key: k, Sent: &sent}}); got != want {
			t.Errorf("recorded as %s: %v", status, got)
		}
	}
}
