package apply_test

import (
	"fmt"
	"maps"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/poolsync/poolsync/internal/apply"
	"github.com/poolsync/poolsync/internal/diff"
	"github.com/poolsync/poolsync/internal/pool"
	"github.com/poolsync/poolsync/internal/sandbox"
	"github.com/poolsync/poolsync/internal/state"
)

// TestHistories lives generated histories in every setting of what the API's
// documentation leaves open, and judges each apply in them.
func TestHistories(t *testing.T) {
	seeds := uint64(12)
	if testing.Short() {
		seeds = 1
	}
	for name, switches := range map[string]sandbox.Switches{
		"default": {}, "U1=conflict": {U1: "conflict"}, "U1=halt": {U1: "halt"}, "U1=noop": {U1: "noop"}, "U2=lose": {U2: "lose"},
		"U4=refresh": {U4: "refresh"}, "U4=error": {U4: "error"}, "U6=allow": {U6: "allow"}, "U8=keep": {U8: "keep"},
		"U9=refuse": {U9: "refuse"}, "U9=skip": {U9: "skip"}, "U10=halt": {U10: "halt"}, "U26=visible": {U26: "visible"},
		"U26=never": {U26: "never"}, "U30=refuse": {U30: "refuse"}, "U31=fold": {U31: "fold"},
		"worst": {U1: "halt", U2: "lose", U4: "refresh", U9: "skip", U10: "halt", U26: "never", U30: "refuse", U31: "fold"},
	} {
		for seed := range seeds {
			t.Run(fmt.Sprintf("%s/%d", name, seed), func(t *testing.T) {
				t.Parallel()
				synctest.Test(t, func(t *testing.T) { runHistory(t, seed, 14, switches) })
			})
		}
	}
}

// situation is how things were before an apply.
type situation struct {
	declared []pool.Declared
	commit   time.Time
	content  map[string]map[string]sandbox.Item
	state    state.Snapshot
	serving  map[string]string
}

func (h *history) look() situation {
	b := situation{content: map[string]map[string]sandbox.Item{}, state: h.memory.Snapshotted(), serving: maps.Clone(h.serving)}
	for _, p := range h.server.Pools(bankID) {
		b.content[p.Reference] = h.copies(p.Reference)
	}
	return b
}

// copies gives the items that a pool holds.
func (h *history) copies(pool string) map[string]sandbox.Item {
	out := map[string]sandbox.Item{}
	snap, _ := h.server.PoolContent(bankID, pool)
	for _, it := range snap.Items {
		out[it.Reference] = it
	}
	return out
}

func (b situation) find(ref string) (d *pool.Declared, e pool.Entry, recorded bool) {
	e, recorded = b.state.Entries[pool.Key{Bank: bankID, Reference: pool.Reference(ref)}]
	for i := range b.declared {
		if string(b.declared[i].Reference) == ref {
			return &b.declared[i], e, recorded
		}
	}
	return nil, e, recorded
}

// judge holds an apply to the promises.
func (h *history) judge(b situation, r apply.Result) {
	h.t.Helper()
	h.judgeWrites(b)
	for _, ref := range slices.Sorted(maps.Keys(b.content)) {
		h.judgeContent(b, ref)
		h.judgeStatus(b, ref)
	}
	h.judgeOutcomes(r)
}

// judgeWrites: nothing unmanaged is written, nothing by an older checkout, at most
// 50 pools a call, one job at a time for a pool.
func (h *history) judgeWrites(b situation) {
	accepted := map[string]time.Time{}
	for _, w := range h.writes() {
		if len(w.Pools) > pool.MaxBatch {
			h.fail("%d pools in a %s", len(w.Pools), w.Action)
		}
		for _, p := range w.Pools {
			ref := string(p.Reference)
			d, e, recorded := b.find(ref)
			_, existed := b.content[ref]
			switch {
			case d == nil && !recorded:
				h.fail("%s of %s, which nobody declared", w.Action, ref)
			case existed && !recorded && !h.options.Overwrite[p.Reference]:
				h.fail("%s of %s, which is unknown", w.Action, ref)
			case e.CommitTime != nil && e.CommitTime.After(b.commit):
				h.fail("%s of %s by an older checkout", w.Action, ref)
			}
			if w.Action == "update" && (p.Description != nil || p.IgnoreEmpty != nil || p.Status == "") {
				h.fail("update of %s with fields it must not have: %s", ref, w.Request)
			}
		}
		for ref := range w.started() {
			if last, ok := accepted[string(ref)]; ok && w.Time.Sub(last) < jobTime {
				h.fail("%s got a second job %s after the first", ref, w.Time.Sub(last))
			}
			accepted[string(ref)] = w.Time
		}
	}
}

// consented: someone allowed the pool to be rebuilt.
func (h *history) consented(b situation, ref string) bool {
	d, e, recorded := b.find(ref)
	switch {
	case e.Pending != nil && e.Pending.Verb == pool.Set:
		return true // an earlier apply had the consent
	case d == nil:
		return false
	case h.options.Overwrite[d.Reference] && (!recorded || e.Sent == nil):
		return true
	case !recorded || e.Sent == nil:
		return recorded // row 5: it was never created
	case h.options.AllowReplace[d.Reference]:
		return d.Lifecycle.Replace != pool.ReplaceDeny
	}
	newLabel := d.Snapshot != "" && d.Snapshot != e.Sent.Snapshot && !slices.Contains(e.Sent.Labels, d.Snapshot)
	return d.Lifecycle.Replace == pool.ReplaceAllow || (newLabel && d.Lifecycle.Replace != pool.ReplaceDeny)
}

// judgeContent: no content leaves a pool, and no copy in it changes, unless
// someone asked for it.
func (h *history) judgeContent(b situation, ref string) {
	if h.consented(b, ref) {
		return
	}
	d, e, _ := b.find(ref)
	after := h.copies(ref)
	for item, copied := range b.content[ref] {
		now, held := after[item]
		switch {
		case !held:
			h.fail("%s left %s, and nobody allowed it", item, ref)
		case now.Title == copied.Title:
		case h.options.AllowRefresh[pool.Reference(ref)] || (d != nil && asksFor(d, e, item)):
		case e.Pending != nil:
		case h.server.Switches().U4 == "refresh" && d != nil && e.Sent != nil && brings(d.Content.Minus(e.Sent.Content)):
		default:
			h.fail("the copy of %s in %s changed from %q to %q, and nobody asked for it", item, ref, copied.Title, now.Title)
		}
	}
}

// brings reports whether an append brings along what it does not name.
func brings(c pool.Content) bool { return c.Len() > len(c.Items) }

// asksFor reports whether a new correction, or an append, names the item.
func asksFor(d *pool.Declared, e pool.Entry, item string) bool {
	for _, c := range d.Corrections {
		known := e.Sent != nil && slices.ContainsFunc(e.Sent.Corrections, func(o pool.Correction) bool { return o.ID == c.ID })
		if !known && slices.Contains(c.Items, item) {
			return true
		}
	}
	return e.Sent != nil && slices.Contains(d.Content.Items, item) && !slices.Contains(e.Sent.Content.Items, item)
}

// judgeStatus: an unpublished pool is published only where that was asked for.
func (h *history) judgeStatus(b situation, ref string) {
	if b.serving[ref] != "unpublished" || h.serving[ref] != "published" {
		return
	}
	d, e, recorded := b.find(ref)
	switch {
	case d == nil || d.Status != pool.Published:
	case e.Pending != nil && (e.Pending.Request.Status == pool.Published || e.Pending.After.Sent.Status == pool.Unpublished):
		return // an earlier apply publishes it, or unpublished it before
	case !recorded || e.Sent == nil, h.options.Republish[d.Reference]:
		return
	case e.Sent.Status != pool.Published && !d.Lifecycle.IgnoreStatus:
		return
	}
	h.fail("%s was published, and nobody asked for it", ref)
}

// judgeOutcomes: what counts as applied needs no call any more.
func (h *history) judgeOutcomes(r apply.Result) {
	h.server.ClearFaults()
	left := map[pool.Key]diff.Change{}
	for _, ch := range h.plan().Changes {
		left[ch.Key] = ch
	}
	for _, o := range r.Outcomes {
		ch := left[o.Change.Key]
		if o.State == apply.Applied && len(ch.Calls) > 0 {
			h.fail("%s was applied, and the next plan has %v: %+v", o.Change.Key, ch.Actions, ch.Calls[0].Request)
		}
		if e := h.memory.Entries[o.Change.Key]; o.State == apply.Applied && e.Pending != nil {
			h.fail("%s was applied, and its entry is pending", o.Change.Key)
		}
	}
}
