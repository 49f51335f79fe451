package diff_test

import (
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/stretchr/testify/require"

	"github.com/poolsync/poolsync/internal/diff"
	"github.com/poolsync/poolsync/internal/pool"
	"github.com/poolsync/poolsync/internal/source"
)

const (
	bank = pool.Bank(505)
	file = "pools/a.yaml"
)

var (
	now     = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	applied = now.Add(-24 * time.Hour)
	before  = "2026-11-20T11:00:00Z" // dt_updated of a pool as our last job left it
	later   = "2026-11-20T18:00:00Z"
)

func key(ref pool.Reference) pool.Key { return pool.Key{Bank: bank, Reference: ref} }

func at(line, column int32) source.Place { return source.Place{Line: line, Column: column} }

// declare makes a published pool with the items i1 and i2, every part of which
// stands on a line of its own.
func declare(ref pool.Reference, edits ...func(*pool.Declared)) pool.Declared {
	d := pool.Declared{
		Key: key(ref), File: file, Lifecycle: pool.Lifecycle{Replace: pool.ReplaceGuarded},
		Spec: pool.Spec{Fields: pool.Fields{Name: "Name", Description: "About", Status: pool.Published}},
		At: pool.Places{
			Pool: at(4, 5), Reference: at(4, 16), Name: at(5, 11), Description: at(6, 18), Status: at(7, 13),
			IgnoreEmpty: at(8, 5), UnpublishedPublished: at(9, 5), Snapshot: at(10, 15), Replace: at(11, 16), Content: at(20, 5),
		},
	}
	items("i1", "i2")(&d)
	for _, edit := range edits {
		edit(&d)
	}
	return d
}

func items(refs ...string) func(*pool.Declared) {
	return func(d *pool.Declared) {
		d.Content.Items, d.At.Items = nil, nil
		for i, r := range slices.Sorted(slices.Values(refs)) {
			d.Content.Items = append(d.Content.Items, r)
			d.At.Items = append(d.At.Items, at(int32(21+i), 9))
		}
	}
}

func tags(selectors ...pool.Selector) func(*pool.Declared) {
	return func(d *pool.Declared) {
		d.Content.Tags = pool.Content{Tags: selectors}.Normal().Tags
		d.At.Tags = nil
		for i := range d.Content.Tags {
			d.At.Tags = append(d.At.Tags, at(int32(41+i), 9))
		}
	}
}

func name(text string) func(*pool.Declared) { return func(d *pool.Declared) { d.Name = text } }
func description(text string) func(*pool.Declared) {
	return func(d *pool.Declared) { d.Description = text }
}
func status(s pool.Status) func(*pool.Declared) { return func(d *pool.Declared) { d.Status = s } }
func snapshot(label string) func(*pool.Declared) {
	return func(d *pool.Declared) { d.Snapshot = label }
}
func ignoreEmpty(d *pool.Declared) { d.IgnoreEmpty = true }
func publishAll(d *pool.Declared)  { d.UnpublishedPublished = true }

func replaceIf(r pool.Replace) func(*pool.Declared) {
	return func(d *pool.Declared) { d.Lifecycle.Replace = r }
}

func correction(id string, refs ...string) func(*pool.Declared) {
	return func(d *pool.Declared) {
		n := int32(len(d.Corrections))
		d.Corrections = append(d.Corrections, pool.Correction{ID: id, Items: refs, At: at(51+n, 7)})
	}
}

// entry is what the state holds after d was applied.
func entry(d pool.Declared, edits ...func(*pool.Entry)) pool.Entry {
	e := pool.Entry{
		Format: pool.EntryFormat, Key: d.Key, Set: "default", File: file,
		Sent: &pool.Sent{Spec: d.Spec, Snapshot: d.Snapshot, Corrections: d.Corrections},
		Job:  "job-1", AppliedAt: &applied, CalledAt: &applied, Verified: true,
	}
	if d.Snapshot != "" {
		e.Sent.Labels = []string{d.Snapshot}
	}
	l := live(d)
	e.ReadBack = &l
	for _, edit := range edits {
		edit(&e)
	}
	return e
}

// live is how the pool reads after d was applied.
func live(d pool.Declared, edits ...func(*pool.Live)) pool.Live {
	l := pool.Live{
		Reference: d.Reference, Name: d.Name, Description: d.Description, Status: d.Status,
		Created: "2026-01-08T09:00:00Z", Updated: before,
	}
	for _, edit := range edits {
		edit(&l)
	}
	return l
}

func reads(s pool.Status) func(*pool.Live) { return func(l *pool.Live) { l.Status = s } }
func writtenByOthers(l *pool.Live)         { l.Updated = later }

// world is an input under construction.
type world struct{ diff.Input }

func newWorld() *world {
	return &world{diff.Input{
		State: map[pool.Key]pool.Entry{}, Live: map[pool.Key]pool.Live{},
		Scope:   diff.Scope{Set: "default", Banks: []pool.Bank{bank}},
		Options: diff.Options{MaxChangePercent: diff.DefaultMaxChangePercent},
		Now:     now, StateVersion: "7",
	}}
}

func (w *world) declared(d ...pool.Declared) *world {
	w.Declared = append(w.Declared, d...)
	return w
}

func (w *world) entry(e pool.Entry) *world { w.State[e.Key] = e; return w }
func (w *world) live(l pool.Live) *world   { w.Live[key(l.Reference)] = l; return w }

// managed is a pool that was applied as was and is live like that.
func (w *world) managed(was pool.Declared) *world { return w.entry(entry(was)).live(live(was)) }

// changed is the pool "p", applied as it was and declared as it is now.
func changed(was, is pool.Declared) *world { return newWorld().managed(was).declared(is) }

func (w *world) options(edit func(*diff.Options)) *world { edit(&w.Options); return w }

func (w *world) facts(ref pool.Reference, f diff.Facts) *world {
	if w.Facts == nil {
		w.Facts = map[pool.Key]diff.Facts{}
	}
	w.Facts[key(ref)] = f
	return w
}

// carrier answers every need of a pool with one item that has not changed.
func (w *world) carrier(ref pool.Reference) *world {
	return w.facts(ref, diff.Facts{
		Readable: true, Members: pool.Content{Items: []string{"i1", "i2"}},
		Carriers: []diff.Carrier{{Reference: "i1", Published: true, Updated: applied.Add(-time.Hour)}},
	})
}

// only gives the plan's only change.
func (w *world) only(t *testing.T) diff.Change {
	t.Helper()
	p := diff.Compare(w.Input)
	require.Len(t, p.Changes, 1)
	return p.Changes[0]
}

func refs(r ...pool.Reference) diff.References {
	out := diff.References{}
	for _, x := range r {
		out[x] = true
	}
	return out
}

func rules(ch diff.Change) []string {
	var out []string
	for _, b := range ch.Blocked {
		out = append(out, string(b.Rule))
	}
	return out
}

func operations(ch diff.Change) []pool.Operation {
	var out []pool.Operation
	for _, c := range ch.Calls {
		out = append(out, c.Operation)
	}
	return out
}

func requests(ch diff.Change) []pool.Request {
	var out []pool.Request
	for _, c := range ch.Calls {
		out = append(out, c.Request)
	}
	return out
}

// same compares values; nil and empty lists are alike.
func same[T any](t *testing.T, what string, want, got T) {
	t.Helper()
	if d := cmp.Diff(want, got, cmpopts.EquateEmpty()); d != "" {
		t.Errorf("%s (-want +got):\n%s", what, d)
	}
}

// setRequest is a set of all that is declared.
func setRequest(d pool.Declared, overwrite bool) pool.Request {
	return pool.Request{
		Reference: d.Reference, Name: d.Name, Description: new(d.Description), Status: d.Status, Overwrite: overwrite,
		IgnoreEmpty: new(d.IgnoreEmpty), UnpublishedPublished: d.UnpublishedPublished, Content: d.Content,
	}
}

// updateRequest is an update, which never has the fields that update does not
// document.
func updateRequest(ref pool.Reference, name string, s pool.Status, overwrite bool, items ...string) pool.Request {
	return pool.Request{Reference: ref, Name: name, Status: s, Overwrite: overwrite, Content: pool.Content{Items: items}}
}
