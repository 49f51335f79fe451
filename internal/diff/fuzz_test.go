package diff

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/poolsync/poolsync/internal/pool"
)

// FuzzCompare draws a declared pool, an entry and a live record from the seed and
// holds the plan to what must be true of every plan: the same input gives the
// same plan; what is blocked or unknown is nothing's business but the plan's;
// updates never carry what update does not document, and add nothing that is not
// declared; and once every call has succeeded, nothing is left to do.
func FuzzCompare(f *testing.F) {
	for seed := range uint64(40) {
		f.Add(seed, seed*7)
	}
	f.Fuzz(func(t *testing.T, a, b uint64) {
		in := drawInput(rand.New(rand.NewPCG(a, b)))
		p := Compare(in)
		if d := cmp.Diff(p.Digest, Compare(in).Digest); d != "" {
			t.Fatalf("the same input gives another plan: %s", d)
		}
		for _, ch := range p.Changes {
			for _, call := range ch.Calls {
				checkCall(t, ch, call)
			}
			if len(ch.Blocked) == 0 && len(p.Needs) == 0 {
				checkSettled(t, in, ch)
			}
		}
	})
}

func checkCall(t *testing.T, ch Change, call Call) {
	r := call.Request
	if r.Status != pool.Published && r.Status != pool.Unpublished {
		t.Errorf("%s carries the status %q", call.Operation, r.Status)
	}
	if call.Verb == pool.Update && (r.Description != nil || r.IgnoreEmpty != nil) {
		t.Errorf("%s carries what update does not document", call.Operation)
	}
	if call.Verb == pool.Set && (r.Description == nil || r.IgnoreEmpty == nil) {
		t.Errorf("%s leaves fields out", call.Operation)
	}
	if call.Operation == pool.OpAppend && r.Content.Minus(ch.Declared.Content).Len() > 0 {
		t.Errorf("an append adds what is not declared")
	}
	if ch.LivePool != nil && ch.Entry == nil && len(ch.Blocked) == 0 && !ch.Has(Replace) {
		t.Errorf("%s of a pool that is unknown", call.Operation)
	}
}

// checkSettled applies the change as the bank would and compares again.
func checkSettled(t *testing.T, in Input, ch Change) {
	if len(ch.Calls) == 0 || ch.Declared == nil {
		return
	}
	last := ch.Calls[len(ch.Calls)-1]
	sent := last.After
	live := pool.Live{Reference: ch.Reference, Name: last.Request.Name, Description: sent.Description, Status: last.Request.Status, Updated: "later"}
	e := pool.Entry{Format: pool.EntryFormat, Key: ch.Key, Set: in.Scope.Set, Sent: &sent, ReadBack: &live}
	in.State, in.Live = map[pool.Key]pool.Entry{ch.Key: e}, map[pool.Key]pool.Live{ch.Key: live}
	for _, next := range Compare(in).Changes {
		if len(next.Calls) > 0 {
			t.Errorf("after %v there is still %v: %s", ch.Actions, next.Actions, cmp.Diff(ch.Calls, next.Calls))
		}
	}
}

// drawInput draws one pool in any state that a bank, a manifest and a state can
// be in together.
func drawInput(r *rand.Rand) Input {
	k := pool.Key{Bank: 505, Reference: "p"}
	in := Input{
		State: map[pool.Key]pool.Entry{}, Live: map[pool.Key]pool.Live{}, Facts: map[pool.Key]Facts{},
		Scope: Scope{Set: "default", Banks: []pool.Bank{505}}, Options: Options{MaxChangePercent: 100, Prune: r.IntN(2) == 0},
		Now: time.Date(2026, 11, 21, 9, 0, 0, 0, time.UTC),
	}
	for _, refs := range []*References{&in.Options.AllowReplace, &in.Options.Overwrite, &in.Options.Republish, &in.Options.AllowRefresh} {
		if r.IntN(3) == 0 {
			*refs = References{"p": true}
		}
	}
	d := pool.Declared{Key: k, Spec: drawSpec(r), File: "p.yaml"}
	d.Snapshot = []string{"", "a", "b"}[r.IntN(3)]
	d.Lifecycle = pool.Lifecycle{
		Replace:    []pool.Replace{"", pool.ReplaceGuarded, pool.ReplaceDeny, pool.ReplaceAllow}[r.IntN(4)],
		IgnoreName: r.IntN(5) == 0, IgnoreStatus: r.IntN(5) == 0, IgnoreDescription: r.IntN(5) == 0,
	}
	if r.IntN(3) == 0 {
		d.Corrections = []pool.Correction{{ID: "c1", Items: []string{"i1"}}}
	}
	if r.IntN(6) > 0 {
		in.Declared = []pool.Declared{d}
	}
	if r.IntN(4) > 0 {
		statuses := []pool.Status{pool.Published, pool.Unpublished, pool.Pending, pool.Halted}
		in.Live[k] = pool.Live{Reference: "p", Name: drawName(r), Status: statuses[r.IntN(4)], Updated: []string{"t1", "t2"}[r.IntN(2)]}
	}
	if r.IntN(4) > 0 {
		in.State[k] = drawEntry(r, k, d)
	}
	in.Facts[k] = Facts{
		Readable: r.IntN(4) > 0, Members: pool.Content{Items: []string{"i1"}},
		Carriers: []Carrier{{Reference: "i1", Published: r.IntN(4) > 0, Updated: in.Now.Add(-time.Duration(r.IntN(3)) * time.Hour)}},
	}
	return in
}

func drawEntry(r *rand.Rand, k pool.Key, d pool.Declared) pool.Entry {
	e := pool.Entry{Format: pool.EntryFormat, Key: k, Set: "default", File: "p.yaml", Touched: r.IntN(5) == 0, Retired: r.IntN(5) == 0}
	if r.IntN(6) == 0 {
		e.LastError = "halted"
		return e
	}
	sent := pool.Sent{Spec: drawSpec(r)}
	if r.IntN(2) == 0 {
		sent.Spec = d.Spec
	}
	if r.IntN(2) == 0 {
		sent.Snapshot, sent.Labels = "a", []string{"a"}
	}
	called := time.Date(2026, 11, 21, 8, 0, 0, 0, time.UTC)
	e.Sent, e.CalledAt, e.Verified = &sent, &called, r.IntN(2) == 0
	e.ReadBack = &pool.Live{Reference: k.Reference, Name: sent.Name, Status: sent.Status, Updated: "t1"}
	return e
}

func drawSpec(r *rand.Rand) pool.Spec {
	s := pool.Spec{Fields: pool.Fields{
		Name: drawName(r), Description: []string{"", "d"}[r.IntN(2)], Status: []pool.Status{pool.Published, pool.Unpublished}[r.IntN(2)],
		IgnoreEmpty: r.IntN(4) == 0, UnpublishedPublished: r.IntN(4) == 0,
	}}
	for _, item := range []string{"i1", "i2", "i3"} {
		if r.IntN(2) == 0 {
			s.Content.Items = append(s.Content.Items, item)
		}
	}
	selectors := []pool.Selector{{Type: "a"}, {Type: "a", Name: "b"}, {Required: []pool.Tag{{Type: "a"}}, Additional: []pool.Tag{{Type: "c"}}}}
	s.Content.Tags = slices.Clone(selectors[:r.IntN(4)])
	if s.Content.Len() == 0 {
		s.Content.Items = []string{"i1"}
	}
	s.Content = s.Content.Normal()
	return s
}

func drawName(r *rand.Rand) string { return []string{"one", "two"}[r.IntN(2)] }
