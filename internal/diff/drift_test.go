package diff_test

import (
	"testing"

	"github.com/poolsync/poolsync/internal/diff"
	"github.com/poolsync/poolsync/internal/pool"
)

// TestDrift is section 6: live against what was applied. What the manifests want
// changed does not count.
func TestDrift(t *testing.T) {
	p := declare("p")
	type kinds = []diff.DriftKind
	for _, tt := range []struct {
		name   string
		entry  func(*pool.Entry)
		live   []func(*pool.Live)
		kinds  kinds
		fields []diff.Field
	}{
		{"as applied", nil, nil, nil, nil},
		{
			"renamed", nil,
			[]func(*pool.Live){writtenByOthers, func(l *pool.Live) { l.Name = "Theirs" }},
			kinds{diff.DriftChanged, diff.DriftTouched},
			[]diff.Field{{Path: "name", Before: "Name", After: "Theirs"}},
		},
		{
			"described anew", nil,
			[]func(*pool.Live){func(l *pool.Live) { l.Description = "Theirs" }},
			kinds{diff.DriftChanged},
			[]diff.Field{{Path: "description", Before: "About", After: "Theirs"}},
		},
		{
			"unpublished", nil,
			[]func(*pool.Live){reads(pool.Unpublished)},
			kinds{diff.DriftChanged, diff.DriftHeld},
			[]diff.Field{{Path: "status", Before: "published", After: "unpublished"}},
		},
		{
			"held since before our last call", func(e *pool.Entry) { l := live(p, reads(pool.Unpublished)); e.ReadBack = &l },
			[]func(*pool.Live){reads(pool.Unpublished)},
			kinds{diff.DriftChanged, diff.DriftHeld},
			[]diff.Field{{Path: "status", Before: "published", After: "unpublished"}},
		},
		{"touched", nil, []func(*pool.Live){writtenByOthers}, kinds{diff.DriftTouched}, nil},
		{"touched before our last call", func(e *pool.Entry) { e.Touched = true }, nil, kinds{diff.DriftTouched}, nil},
		{"halted", nil, []func(*pool.Live){reads(pool.Halted)}, kinds{diff.DriftHalted}, nil},
		{"pending", nil, []func(*pool.Live){reads(pool.Pending)}, nil, nil},
		{"of another set", func(e *pool.Entry) { e.Set = "other" }, []func(*pool.Live){writtenByOthers}, nil, nil},
		{"in doubt", pending(pool.OpEdit, ""), []func(*pool.Live){writtenByOthers}, kinds{diff.DriftDoubt}, nil},
		{"never applied", func(e *pool.Entry) { e.Sent = nil }, []func(*pool.Live){writtenByOthers}, nil, nil},
		{
			"name kept by the server as it likes", func(e *pool.Entry) { l := live(p); l.Name = "NAME"; e.ReadBack = &l },
			[]func(*pool.Live){func(l *pool.Live) { l.Name = "NAME" }},
			nil, nil,
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld().declared(declare("p", name("Declared anew"), items("i9"))).live(live(p, tt.live...))
			e := entry(p)
			if tt.entry != nil {
				tt.entry(&e)
			}
			found := diff.Drift(w.entry(e).Input)
			if tt.kinds == nil {
				same(t, "drifted", 0, len(found))
				return
			}
			same(t, "drifted", 1, len(found))
			same(t, "kinds", tt.kinds, found[0].Kinds)
			same(t, "fields", tt.fields, found[0].Fields)
			same(t, "source", "pools/a.yaml:4:5", found[0].Source.String())
		})
	}
}

func TestDriftOfAbsentPools(t *testing.T) {
	p := declare("p")
	w := newWorld().declared(p).entry(entry(p))
	same(t, "vanished", []diff.DriftKind{diff.DriftVanished}, diff.Drift(w.Input)[0].Kinds)

	orphan := newWorld().entry(entry(p))
	same(t, "an orphan", []diff.DriftKind{diff.DriftVanished}, diff.Drift(orphan.Input)[0].Kinds)
	orphan.Scope.NoOrphans = true
	same(t, "out of sight", 0, len(diff.Drift(orphan.Input)))

	doubtful := entry(p, func(e *pool.Entry) { e.Pending = &pool.PendingCall{Operation: pool.OpEdit} })
	same(t, "in doubt", []diff.DriftKind{diff.DriftDoubt}, diff.Drift(newWorld().declared(p).live(live(p)).entry(doubtful).Input)[0].Kinds)

	retired := newWorld().entry(entry(p, func(e *pool.Entry) { e.Retired = true }))
	same(t, "retired", 0, len(diff.Drift(retired.Input)))
	back := retired.declared(p)
	same(t, "retired and declared again", 1, len(diff.Drift(back.Input)))

	elsewhere := newWorld().entry(entry(p))
	elsewhere.Scope.Banks = []pool.Bank{606}
	same(t, "another bank", 0, len(diff.Drift(elsewhere.Input)))
}
