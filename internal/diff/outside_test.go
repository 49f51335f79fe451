package diff_test

import (
	"testing"

	"github.com/poolsync/poolsync/internal/diff"
	"github.com/poolsync/poolsync/internal/pool"
)

// heldWorld is a pool that someone unpublished although the manifest publishes it.
func heldWorld(was, is pool.Declared) *world {
	return changed(was, is).live(live(was, reads(pool.Unpublished), writtenByOthers)).carrier("p")
}

// TestHeld is rule 6.
func TestHeld(t *testing.T) {
	p := declare("p")
	tests := []struct {
		name    string
		world   *world
		actions []diff.Action
		calls   []pool.Request
	}{
		{"nothing else due", heldWorld(p, p), []diff.Action{diff.Held, diff.Touched}, nil},
		{
			"an append carries the live status", heldWorld(p, declare("p", items("i1", "i2", "i3"))),
			[]diff.Action{diff.Append, diff.Held, diff.Touched},
			[]pool.Request{updateRequest("p", "Name", pool.Unpublished, false, "i3")},
		},
		{
			"an edit carries the live status", heldWorld(p, declare("p", name("Other"))),
			[]diff.Action{diff.Edit, diff.Held, diff.Touched},
			[]pool.Request{updateRequest("p", "Other", pool.Unpublished, false, "i1")},
		},
		{
			"a correction carries the live status", heldWorld(p, declare("p", correction("c", "i1"))),
			[]diff.Action{diff.Correct, diff.Held, diff.Touched},
			[]pool.Request{updateRequest("p", "Name", pool.Unpublished, true, "i1")},
		},
		{
			"a replace carries the live status", heldWorld(p, declare("p", snapshot("new"))),
			[]diff.Action{diff.Replace, diff.Held, diff.Touched},
			[]pool.Request{setRequest(declare("p", status(pool.Unpublished)), true)},
		},
		{
			"lifted", heldWorld(p, p).options(func(o *diff.Options) { o.Republish = refs("p") }),
			[]diff.Action{diff.Edit, diff.Touched},
			[]pool.Request{updateRequest("p", "Name", pool.Published, false, "i1")},
		},
		{
			"declared unpublished is no hold", heldWorld(p, declare("p", status(pool.Unpublished))),
			[]diff.Action{diff.Edit, diff.Touched},
			[]pool.Request{updateRequest("p", "Name", pool.Unpublished, false, "i1")},
		},
		{
			"declared published after being applied unpublished is no hold", changed(declare("p", status(pool.Unpublished)), p).carrier("p"),
			[]diff.Action{diff.Edit},
			[]pool.Request{updateRequest("p", "Name", pool.Published, false, "i1")},
		},
		{
			"published outside is undone",
			changed(declare("p", status(pool.Unpublished)), declare("p", status(pool.Unpublished))).live(live(p)).carrier("p"),
			[]diff.Action{diff.Edit},
			[]pool.Request{updateRequest("p", "Name", pool.Unpublished, false, "i1")},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			ch := tt.world.only(t)
			same(t, "actions", tt.actions, ch.Actions)
			same(t, "requests", tt.calls, requests(ch))
			if ch.Has(diff.Held) {
				for _, c := range ch.Calls {
					same(t, "recorded status", pool.Published, c.After.Status)
				}
			}
		})
	}
}

// TestHeldBehindAHaltedJob: a call to a held pool halted and hides its status.
// The call is tried again and still carries the status that the pool had.
func TestHeldBehindAHaltedJob(t *testing.T) {
	p := declare("p")
	back := live(p, reads(pool.Unpublished)) // as the pool was before the call that halted
	w := changed(p, declare("p", items("i1", "i2", "i3"))).live(live(p, reads(pool.Halted), writtenByOthers)).
		entry(entry(p, func(e *pool.Entry) { e.ReadBack, e.Touched = &back, true }))
	ch := w.only(t)
	same(t, "requests", []pool.Request{updateRequest("p", "Name", pool.Unpublished, false, "i3")}, requests(ch))
	same(t, "recorded status", pool.Published, ch.Calls[0].After.Status)
	same(t, "actions", []diff.Action{diff.Append, diff.Held, diff.Touched}, ch.Actions)
}

// TestHaltedStatusIsUnknown is row 6: what halted is due again.
func TestHaltedStatusIsUnknown(t *testing.T) {
	p := declare("p")
	halted := live(p, reads(pool.Halted))
	for name, tt := range map[string]struct {
		is   pool.Declared
		want []pool.Request
	}{
		"unpublish": {declare("p", status(pool.Unpublished)), []pool.Request{updateRequest("p", "Name", pool.Unpublished, false, "i1")}},
		"rename":    {declare("p", name("Other")), []pool.Request{updateRequest("p", "Other", pool.Published, false, "i1")}},
		"correct":   {declare("p", correction("c", "i2")), []pool.Request{updateRequest("p", "Name", pool.Published, true, "i2")}},
	} {
		t.Run(name, func(t *testing.T) {
			ch := changed(p, tt.is).live(halted).carrier("p").only(t)
			same(t, "requests", tt.want, requests(ch))
			same(t, "halted", false, ch.Has(diff.Halted))
		})
	}
}

// TestIgnoredFields is rule 7: used when the pool is created, then left alone.
func TestIgnoredFields(t *testing.T) {
	ignore := func(d *pool.Declared) {
		d.Lifecycle.IgnoreName, d.Lifecycle.IgnoreDescription, d.Lifecycle.IgnoreStatus = true, true, true
	}
	was := declare("p", ignore)
	theirs := live(was, reads(pool.Unpublished), writtenByOthers, func(l *pool.Live) { l.Name, l.Description = "Theirs", "Theirs too" })
	is := declare("p", ignore, name("New"), description("New"), status(pool.Published))

	ch := newWorld().declared(is).only(t)
	same(t, "creation", []pool.Request{setRequest(is, false)}, requests(ch))

	ch = changed(was, is).live(theirs).only(t)
	same(t, "no difference", []diff.Action{diff.Touched}, ch.Actions)

	more := declare("p", ignore, name("New"), items("i1", "i2", "i3"))
	ch = changed(was, more).live(theirs).only(t)
	same(t, "append", []pool.Request{updateRequest("p", "Theirs", pool.Unpublished, false, "i3")}, requests(ch))
	same(t, "actions", []diff.Action{diff.Append, diff.Touched}, ch.Actions)

	less := declare("p", ignore, name("New"), description("New"), items("i1"))
	ch = changed(was, less).live(theirs).only(t)
	want := setRequest(declare("p", name("Theirs"), description("Theirs too"), status(pool.Unpublished), items("i1")), true)
	same(t, "replace", []pool.Request{want}, requests(ch))
	after := ch.Calls[0].After
	same(t, "recorded", pool.Fields{Name: "Theirs", Description: "Theirs too", Status: pool.Unpublished}, after.Fields)

	w := changed(was, is).live(theirs)
	same(t, "drift", []diff.DriftKind{diff.DriftTouched}, diff.Drift(w.Input)[0].Kinds)
}

// TestTouched accompanies any verdict, orphans included, and lasts.
func TestTouched(t *testing.T) {
	p := declare("p")
	foreign := live(p, writtenByOthers)
	ch := changed(p, p).live(foreign).only(t)
	same(t, "actions", []diff.Action{diff.Touched}, ch.Actions)
	same(t, "blocked", nil, rules(ch))

	sticky := entry(p, func(e *pool.Entry) { e.Touched = true })
	ch = changed(p, declare("p", items("i1", "i2", "i3"))).entry(sticky).only(t)
	same(t, "actions", []diff.Action{diff.Append, diff.Touched}, ch.Actions)

	ch = newWorld().managed(p).live(foreign).only(t)
	same(t, "orphan", []diff.Action{diff.Orphaned, diff.Touched}, ch.Actions)
}

// TestFailOnExternalChange is guard 8.
func TestFailOnExternalChange(t *testing.T) {
	p := declare("p")
	strict := func(o *diff.Options) { o.FailOnExternal, o.Prune = true, true }
	for name, w := range map[string]*world{
		"touched":          changed(p, p).live(live(p, writtenByOthers)),
		"held":             changed(p, p).live(live(p, reads(pool.Unpublished))),
		"touched and more": changed(p, declare("p", items("i1", "i2", "i3"))).live(live(p, writtenByOthers)),
		"touched orphan":   newWorld().managed(p).live(live(p, writtenByOthers)).carrier("p"),
	} {
		t.Run(name, func(t *testing.T) {
			ch := w.options(strict).only(t)
			same(t, "blocked", []string{"external-change"}, rules(ch))
			same(t, "stops", true, ch.Stops())
		})
	}
}
