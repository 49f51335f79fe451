package apply_test

import (
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/poolsync/poolsync/internal/apply"
	"github.com/poolsync/poolsync/internal/diff"
	"github.com/poolsync/poolsync/internal/pool"
	"github.com/poolsync/poolsync/internal/sandbox"
)

// jobTime is how long a job takes in a history.
const jobTime = 2 * time.Second

// history is a generated life of a few pools: manifests edited and applied, hand
// edits, a bank that moves on, lost state, a stale clone, faults.
type history struct {
	*lab
	*rand.Rand
	steps   int
	labels  int
	old     []pool.Declared // the manifests as a stale clone has them
	oldTime time.Time
	stale   bool
	// serving is each pool's status as last seen while no job hid it.
	serving map[string]string
	trail   []string
}

func (h *history) note(format string, args ...any) {
	h.trail = append(h.trail, fmt.Sprintf(format, args...))
}

// fail ends the test with all that led to it.
func (h *history) fail(format string, args ...any) {
	h.t.Helper()
	for _, line := range h.trail {
		h.t.Log(line)
	}
	h.t.Fatalf(format, args...)
}

func (h *history) step() {
	kinds := []func(){
		h.declare, h.declare, h.edit, h.edit, h.edit, h.edit, h.edit, h.handEdit, h.handEdit, h.bankMoves, h.bankMoves,
		h.loseState, h.orphan, h.foreign, h.breakSomething,
	}
	for range 1 + h.IntN(3) {
		kinds[h.IntN(len(kinds))]()
	}
	h.choose()
	h.check()
}

func (h *history) item() string { return ref(h.IntN(unpublishedFrom)) }

// manifestsMove is a commit: what was before may be what a stale clone still has.
func (h *history) manifestsMove(change func()) {
	if h.IntN(3) == 0 {
		h.old, h.oldTime = h.declared, h.commit
	}
	h.declared = cloneDeclared(h.declared)
	change()
	h.commit = h.commit.Add(time.Minute)
}

func cloneDeclared(in []pool.Declared) []pool.Declared {
	out := slices.Clone(in)
	for i := range out {
		out[i].Content = out[i].Content.Normal()
		out[i].Corrections = slices.Clone(out[i].Corrections)
	}
	return out
}

func (h *history) declare() {
	if len(h.declared) >= 8 {
		return
	}
	d := declare(fmt.Sprintf("p%02d", h.IntN(30)), h.item(), h.item(), h.item())
	d.Content = d.Content.Normal()
	if slices.ContainsFunc(h.declared, func(o pool.Declared) bool { return o.Key == d.Key }) {
		return
	}
	if h.IntN(3) == 0 {
		d.Status = pool.Unpublished
	}
	if h.IntN(6) == 0 {
		d.Content = pool.Content{Tags: []pool.Selector{{Type: "third", Name: "1"}}}
	}
	switch h.IntN(8) {
	case 0:
		d.Lifecycle.Replace = pool.ReplaceAllow
	case 1:
		d.Lifecycle.Replace = pool.ReplaceDeny
	case 2:
		d.Lifecycle.IgnoreStatus, d.Lifecycle.IgnoreName = true, true
	}
	h.manifestsMove(func() {
		h.declared = append(h.declared, d)
		slices.SortFunc(h.declared, func(a, b pool.Declared) int { return a.Key.Compare(b.Key) })
	})
	h.note("declare %s %s %v %+v", d.Reference, d.Status, d.Content, d.Lifecycle)
}

func (h *history) edit() {
	if len(h.declared) > 0 {
		h.manifestsMove(func() { h.editOne(&h.declared[h.IntN(len(h.declared))]) })
	}
}

func (h *history) editOne(d *pool.Declared) {
	h.labels++
	switch n := h.IntN(12); {
	case n < 2:
		d.Name = fmt.Sprintf("Name %d", h.labels)
	case n == 2:
		d.Description = fmt.Sprintf("About %d", h.labels)
	case n < 5:
		d.Content.Items = append(d.Content.Items, h.item())
	case n == 5 && len(d.Content.Items) > 1:
		d.Content.Items = d.Content.Items[1:]
	case n < 8 && d.Status == pool.Published:
		d.Status = pool.Unpublished
	case n < 8:
		d.Status = pool.Published
	case n == 8:
		d.Snapshot = fmt.Sprintf("label-%d", h.labels)
	case n == 9 && len(d.Content.Items) > 0:
		d.Corrections = append(d.Corrections, pool.Correction{ID: fmt.Sprintf("c%d", h.labels), Items: []string{d.Content.Items[h.IntN(len(d.Content.Items))]}})
	case n == 10:
		d.Content = d.Content.Union(pool.Content{Activities: []string{"a1"}})
	case n == 11:
		d.Content = d.Content.Union(pool.Content{ItemTags: []pool.Selector{{Type: "third", Name: fmt.Sprint(h.IntN(3))}}})
	}
	d.Content = d.Content.Normal()
	h.note("edit %s: %+v %v snapshot %q corrections %v", d.Reference, d.Fields, d.Content, d.Snapshot, d.Corrections)
}

// handEdit is someone else at work on a pool of any kind.
func (h *history) handEdit() {
	pools := h.server.Pools(bankID)
	if len(pools) == 0 {
		return
	}
	p := pools[h.IntN(len(pools))]
	if p.Status == "pending" || p.Status == "halted" {
		return
	}
	h.labels++
	edit := func(r *sandbox.PoolRecord) { r.Name = fmt.Sprintf("Theirs %d", h.labels) }
	switch h.IntN(4) {
	case 0:
		edit = func(r *sandbox.PoolRecord) { r.Description = fmt.Sprintf("Theirs %d", h.labels) }
	case 1, 2:
		status := map[string]string{"published": "unpublished", "unpublished": "published"}[p.Status]
		edit = func(r *sandbox.PoolRecord) { r.Status = status }
		h.serving[p.Reference] = status
	}
	require.NoError(h.t, h.server.EditPool(bankID, p.Reference, edit))
	h.note("by hand: %+v", h.record(p.Reference))
}

func (h *history) bankMoves() {
	h.labels++
	ref, status := h.item(), "published"
	if pools := h.server.Pools(bankID); len(pools) > 0 && h.IntN(3) > 0 {
		if snap, _ := h.server.PoolContent(bankID, pools[h.IntN(len(pools))].Reference); len(snap.Items) > 0 {
			ref = snap.Items[h.IntN(len(snap.Items))].Reference
		}
	}
	if h.IntN(6) == 0 {
		status = "unpublished"
	}
	require.NoError(h.t, h.server.EditItem(bankID, ref, func(it *sandbox.Item) { it.Title, it.Status = fmt.Sprint("edit ", h.labels), status }))
	h.note("bank: %s %s", ref, status)
}

func (h *history) loseState() {
	if keys := h.memory.Keys(); len(keys) > 0 && h.IntN(2) == 0 {
		k := keys[h.IntN(len(keys))]
		delete(h.memory.Entries, k)
		h.note("lose the state of %s", k)
	}
}

func (h *history) orphan() {
	if len(h.declared) > 0 {
		i := h.IntN(len(h.declared))
		h.note("no longer declare %s", h.declared[i].Reference)
		h.manifestsMove(func() { h.declared = slices.Delete(h.declared, i, i+1) })
	}
}

// foreign is a pool that someone else creates.
func (h *history) foreign() {
	d := declare(fmt.Sprintf("p%02d", h.IntN(30)), h.item())
	if h.record(string(d.Reference)).Reference != "" {
		return
	}
	description, off := "", false
	_, err := h.client.Write(h.t.Context(), pool.Set, bankID, []pool.Request{{
		Reference: d.Reference, Name: "Theirs", Description: &description, Status: pool.Published, IgnoreEmpty: &off, Content: d.Content,
	}})
	if err != nil {
		return // a fault was armed
	}
	<-time.After(2 * jobTime)
	h.note("foreign %s", d.Reference)
}

func (h *history) breakSomething() {
	kinds := []string{"500", "503-html", "cut-before", "500-after", "cut-after", "truncated", "short-body", "lacks-a-pool", "job-halt", "429", "status-false"}
	text := []string{"set", "update"}[h.IntN(2)] + " itembank/pools#1=" + kinds[h.IntN(len(kinds))]
	if h.IntN(4) == 0 {
		text = "get #2=" + kinds[h.IntN(3)]
	}
	h.fault(text)
	h.note("fault %s", text)
}

// choose draws the flags of the next apply.
func (h *history) choose() {
	h.options = diff.Options{MaxChangePercent: 100, Prune: h.IntN(3) == 0}
	some := func(one int) diff.References {
		out := diff.References{}
		for _, d := range h.declared {
			if h.IntN(one) == 0 {
				out[d.Reference] = true
			}
		}
		return out
	}
	h.options.AllowReplace, h.options.Overwrite, h.options.Republish = some(5), some(6), some(6)
	h.options.AllowRefresh = some(8)
	h.stale = h.old != nil && h.IntN(6) == 0
	h.note("apply: prune %v, replace %v, overwrite %v, republish %v, refresh %v, stale %v", h.options.Prune,
		h.options.AllowReplace, h.options.Overwrite, h.options.Republish, h.options.AllowRefresh, h.stale)
}

// check applies, now and then only for a moment, and looks at what it did.
func (h *history) check() apply.Result {
	h.t.Helper()
	h.observe()
	h.server.ClearLog()
	b := h.look()
	declared, commit := h.declared, h.commit
	if h.stale {
		h.declared, h.commit = h.old, h.oldTime
	}
	b.declared, b.commit = h.declared, h.commit
	ctx, cancel := context.WithTimeout(h.t.Context(), time.Hour)
	if h.IntN(8) == 0 {
		cancel()
		ctx, cancel = context.WithTimeout(h.t.Context(), time.Duration(h.IntN(2000))*time.Millisecond)
	}
	r, err := h.apply(ctx)
	cancel()
	h.note("-> %v %v", states(r), err)
	for _, o := range r.Outcomes {
		h.note("   %s %v %s %+v", o.Change.Reference, o.Change.Actions, o.State, o.Problem)
	}
	h.observe()
	h.judge(b, r)
	h.server.ClearFaults()
	h.declared, h.commit, h.stale = declared, commit, false
	h.steps++
	return r
}

func (h *history) observe() {
	for _, p := range h.server.Pools(bankID) {
		if p.Status == "published" || p.Status == "unpublished" {
			h.serving[p.Reference] = p.Status
		}
	}
}

// runHistory lives one history and ends it by making everything as declared.
func runHistory(t testing.TB, seed uint64, steps int, switches sandbox.Switches) {
	h := &history{
		lab:  newLab(t, sandbox.Options{Switches: switches, Latency: jobTime, Seed: fmt.Sprint(seed)}),
		Rand: rand.New(rand.NewPCG(seed, 1)), serving: map[string]string{},
	}
	for h.steps < steps {
		h.step()
		<-time.After(time.Minute)
	}
	if switches.U4 == "error" {
		return // no edit can ever be carried out
	}
	for i := range unpublishedFrom {
		require.NoError(t, h.server.EditItem(bankID, ref(i), func(it *sandbox.Item) { it.Status = "published" }))
	}
	all := diff.References{}
	for i := range h.declared {
		all[h.declared[i].Reference] = true
		h.declared[i].Lifecycle.Replace = pool.ReplaceGuarded
	}
	for _, k := range h.memory.Keys() {
		all[k.Reference] = true // orphans are retired
	}
	h.commit = h.commit.Add(time.Minute)
	for range 3 {
		<-time.After(time.Hour)
		h.options = diff.Options{MaxChangePercent: 100, Prune: true, AllowReplace: all, AllowRefresh: all, Republish: all, Overwrite: all}
		h.note("apply everything")
		h.check()
	}
	for _, ch := range h.plan().Changes {
		// A pool whose job halted and of which nothing more is asked stays so.
		if len(ch.Calls) > 0 || (len(ch.Blocked) > 0 && !ch.Has(diff.Halted)) {
			h.fail("%s is left with %v, blocked by %+v", ch.Key, ch.Actions, ch.Blocked)
		}
	}
	for _, d := range h.declared {
		h.converged(d)
	}
}

// converged: in the end the bank is as declared.
func (h *history) converged(d pool.Declared) {
	got := h.record(string(d.Reference))
	if got.Status == string(pool.Halted) {
		return
	}
	e := h.memory.Entries[d.Key]
	if e.ReadBack.Name != d.Name && e.ReadBack.Name == got.Name {
		return // renamed by hand before an interrupted call was settled: it counts as the server's way of writing it
	}
	if !d.Lifecycle.IgnoreName && (got.Name != d.Name || got.Status != string(d.Status)) {
		h.fail("%s is %q %s, declared %q %s", d.Reference, got.Name, got.Status, d.Name, d.Status)
	}
	held := map[string]bool{}
	snap, _ := h.server.PoolContent(bankID, string(d.Reference))
	for _, it := range snap.Items {
		held[it.Reference] = true
	}
	for _, ref := range d.Content.Items {
		if !held[ref] {
			h.fail("%s does not hold %s, only %v", d.Reference, ref, slices.Sorted(maps.Keys(held)))
		}
	}
}
