package apply_test

import (
	"bytes"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/poolsync/poolsync/internal/apply"
	"github.com/poolsync/poolsync/internal/pool"
	"github.com/poolsync/poolsync/internal/sandbox"
)

// sickPool answers every look into one pool with an internal error.
type sickPool struct {
	http.RoundTripper
	pool string
}

func (s *sickPool) RoundTrip(r *http.Request) (*http.Response, error) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	form, err := url.ParseQuery(string(body))
	if err != nil {
		return nil, err
	}
	if s.pool != "" && strings.Contains(form.Get("request"), `"item_pool_id":"`+s.pool+`"`) {
		return &http.Response{
			StatusCode: http.StatusInternalServerError, Header: http.Header{}, ProtoMajor: 1, ProtoMinor: 1,
			Body: io.NopCloser(strings.NewReader(`{"meta":{"status":false,"code":10000,"message":"internal error"}}`)),
		}, nil
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	return s.RoundTripper.RoundTrip(r)
}

// TestPoolWhoseMembershipIsNeverAnswered does not hold back its neighbours, by no
// kind of change, and is itself applied where that takes no look into it.
func TestPoolWhoseMembershipIsNeverAnswered(t *testing.T) {
	bubble(t, sandbox.Options{}, func(t *testing.T, l *lab) {
		l.client = newClient(t, &sickPool{l.server.RoundTripper(), "sick"})
		all := func(edit func(*pool.Declared)) {
			for i := range l.declared {
				edit(&l.declared[i])
			}
		}
		l.declared = []pool.Declared{declare("a", ref(1), ref(2)), declare("sick", ref(1), ref(2)), declare("z", ref(1), ref(2))}
		warnings := func(r apply.Result) string { return strings.Join(outcome(t, r, "sick").Warnings, "; ") }

		r := l.applied()
		contains(t, "create", warnings(r), "its references could not be looked up: ")
		same(t, "create, others", "", strings.Join(outcome(t, r, "z").Warnings, ""))
		same(t, "verified", false, l.memory.Entries[l.declared[1].Key].Verified)
		same(t, "verified, others", true, l.memory.Entries[l.declared[2].Key].Verified)

		all(func(d *pool.Declared) { d.Content.Items = append(d.Content.Items, ref(3)) })
		contains(t, "append", warnings(l.applied()), "its references could not be looked up: ")

		all(func(d *pool.Declared) { d.Corrections = []pool.Correction{{ID: "c1", Items: []string{ref(1)}}} })
		r, err := l.apply(t.Context())
		same(t, "error", nil, err)
		same(t, "correct", map[apply.State]int{apply.Applied: 2, apply.NotAttempted: 1}, states(r))
		refusal := outcome(t, r, "sick").Change.Blocked[0]
		same(t, "correct", "correction-not-in-pool", string(refusal.Rule))
		same(t, "correct, and why", true, refusal.Reason != "")

		all(func(d *pool.Declared) { d.Corrections = nil; d.Content.Items = append(d.Content.Items, ref(4)) })
		l.fault("update itembank/pools#1=cut-after") // the outcome of all three is in doubt
		r, err = l.apply(t.Context())
		same(t, "error", nil, err)
		same(t, "doubt", map[apply.State]int{apply.Applied: 3}, states(r))
		contains(t, "doubt", warnings(r), "its references could not be looked up: ")
		same(t, "calls in all", map[pool.Reference]int{"a": 4, "sick": 3, "z": 4}, l.started())
	})
}
