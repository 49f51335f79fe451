package settle_test

import (
	"context"
	"log/slog"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/stretchr/testify/require"

	"github.com/poolsync/poolsync/internal/learnosity"
	"github.com/poolsync/poolsync/internal/pool"
	"github.com/poolsync/poolsync/internal/settle"
)

const bank = pool.Bank(505)

// sent is when the calls in doubt were made; now is two minutes later.
var (
	sent = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	now  = sent.Add(2 * time.Minute)
)

// stub is a bank that stands still.
type stub struct {
	live       []pool.Live
	jobs       []pool.Job
	items      []string
	unreadable bool
	sick       map[pool.Reference]error // of looks into these pools
	fail       error
	jobsAsked  []learnosity.JobsQuery
	looks      atomic.Int32
}

func (s *stub) Pools(_ context.Context, q learnosity.PoolsQuery) ([]pool.Live, error) {
	return slices.DeleteFunc(slices.Clone(s.live), func(l pool.Live) bool { return !slices.Contains(q.References, l.Reference) }), s.fail
}

func (s *stub) Jobs(_ context.Context, q learnosity.JobsQuery) ([]pool.Job, error) {
	s.jobsAsked = append(s.jobsAsked, q)
	if len(q.References) == 0 {
		other := func(j pool.Job) bool { return len(q.Status) > 0 && !slices.Contains(q.Status, j.Status) }
		return slices.DeleteFunc(slices.Clone(s.jobs), other), s.fail
	}
	return slices.DeleteFunc(slices.Clone(s.jobs), func(j pool.Job) bool { return !slices.Contains(q.References, j.Reference) }), s.fail
}

func (s *stub) Items(_ context.Context, q learnosity.ItemsQuery) (out []learnosity.Item, _ error) {
	s.looks.Add(1)
	if s.unreadable {
		return nil, &learnosity.Error{Act: "get items", Status: 400, Code: 20004, Message: "unpublished", Effect: learnosity.Refused}
	}
	if err := s.sick[q.Pool]; err != nil {
		return nil, err
	}
	for _, ref := range s.items {
		if slices.Contains(q.References, ref) {
			out = append(out, learnosity.Item{Reference: ref})
		}
	}
	return out, nil
}

func (s *stub) Activities(context.Context, learnosity.ActivitiesQuery) ([]learnosity.Activity, error) {
	return nil, nil
}

func (s *stub) settler() settle.Settler {
	return settle.Settler{Reader: s, Log: slog.New(slog.DiscardHandler), Now: func() time.Time { return now }}
}

func (s *stub) settle(t *testing.T, e ...pool.Entry) []settle.Result {
	t.Helper()
	r, err := s.settler().Settle(t.Context(), e)
	require.NoError(t, err)
	return r
}

func spec(name string, items ...string) pool.Spec {
	return pool.Spec{Fields: pool.Fields{Name: name, Description: "About", Status: pool.Published}, Content: pool.Content{Items: items}}
}

func live(name string, s pool.Status, updated string) pool.Live {
	return pool.Live{Reference: "p", Name: name, Description: "About", Status: s, Updated: updated}
}

// doubtful is the pool "p" with one item, of which a call is in doubt that would
// rename it from "Old" to "New", and bring what op brings.
func doubtful(op pool.Operation, edits ...func(*pool.Entry)) pool.Entry {
	key := pool.Key{Bank: bank, Reference: "p"}
	before := live("Old", pool.Published, "before")
	called := sent.Add(-time.Hour)
	after := &pool.Entry{Format: 1, Key: key, Set: "s", Sent: &pool.Sent{Spec: spec("New", "i1", "i2")}}
	e := pool.Entry{
		Format: 1, Key: key, Set: "s", Sent: &pool.Sent{Spec: spec("Old", "i1")}, ReadBack: &before, Job: "old", CalledAt: &called, Verified: true,
		Pending: &pool.PendingCall{
			Run: "r", Operation: op, Verb: pool.Update, At: sent, Before: &before, After: after,
			Request: pool.Request{Reference: "p", Name: "New", Status: pool.Published, Content: pool.Content{Items: []string{"i2"}}},
		},
	}
	switch op {
	case pool.OpCreate:
		e.Sent, e.ReadBack, e.Job, e.CalledAt, e.Verified, e.Pending.Before = nil, nil, "", nil, false, nil
		fallthrough
	case pool.OpReplace:
		e.Pending.Verb, e.Pending.Request.Description = pool.Set, new("About")
		e.Pending.Request.Content.Items = []string{"i1", "i2"}
	case pool.OpEdit, pool.OpRetire:
		e.Pending.Request.Content.Items = []string{"i1"}
		after.Sent.Content.Items = []string{"i1"}
	}
	for _, edit := range edits {
		edit(&e)
	}
	return e
}

func withJob(j pool.JobReference) func(*pool.Entry) {
	return func(e *pool.Entry) { e.Pending.Job = j }
}

func tagsOnly(e *pool.Entry) {
	e.Pending.Request.Content = pool.Content{Tags: []pool.Selector{{Type: "t"}}}
}

func sameName(e *pool.Entry) { e.Pending.Request.Name = "Old" }

func same[T any](t *testing.T, what string, want, got T) {
	t.Helper()
	if d := cmp.Diff(want, got, cmpopts.EquateEmpty()); d != "" {
		t.Errorf("%s (-want +got):\n%s", what, d)
	}
}
