package diff_test

import (
	"testing"
	"time"

	"github.com/poolsync/poolsync/internal/diff"
	"github.com/poolsync/poolsync/internal/pool"
)

// TestAppendSendsWhatThePoolLacks is rule 2: a reference that a tag brought before
// is recorded as declared and not sent again.
func TestAppendSendsWhatThePoolLacks(t *testing.T) {
	course, grade := pool.Selector{Type: "course"}, pool.Selector{Type: "grade"}
	was := declare("p", tags(course))
	holds := func(refs ...string) diff.Facts {
		return diff.Facts{Readable: true, Members: pool.Content{Items: refs}, Carriers: []diff.Carrier{
			{Reference: "i1", Published: true, Updated: applied.Add(-time.Hour)},
		}}
	}
	tests := []struct {
		name    string
		is      pool.Declared
		facts   diff.Facts
		actions []diff.Action
		sent    []pool.Content
		record  bool
		notes   []diff.NoteKind
	}{
		{
			"lacks both", declare("p", tags(course), items("i1", "i2", "i3", "i4")), holds(),
			[]diff.Action{diff.Append},
			[]pool.Content{{Items: []string{"i3", "i4"}}},
			false, nil,
		},
		{
			"holds one", declare("p", tags(course), items("i1", "i2", "i3", "i4")), holds("i3"),
			[]diff.Action{diff.Append},
			[]pool.Content{{Items: []string{"i4"}}},
			false,
			[]diff.NoteKind{diff.NoteHeldAlready},
		},
		{
			"holds all", declare("p", tags(course), items("i1", "i2", "i3")), holds("i3"),
			[]diff.Action{diff.Append},
			nil,
			true,
			[]diff.NoteKind{diff.NoteHeldAlready},
		},
		{
			"holds all, and the name differs", declare("p", tags(course), items("i1", "i2", "i3"), name("Other")), holds("i3"),
			[]diff.Action{diff.Edit},
			[]pool.Content{{Items: []string{"i1"}}},
			false,
			[]diff.NoteKind{diff.NoteHeldAlready},
		},
		{
			"a tag comes too", declare("p", tags(course, grade), items("i1", "i2", "i3")), holds("i3"),
			[]diff.Action{diff.Append},
			[]pool.Content{{Tags: []pool.Selector{grade}}},
			false,
			[]diff.NoteKind{diff.NoteHeldAlready},
		},
		{
			"cannot be looked into", declare("p", tags(course), items("i1", "i2", "i3")),
			diff.Facts{Reason: "refused"},
			[]diff.Action{diff.Append},
			[]pool.Content{{Items: []string{"i3"}}},
			false,
			[]diff.NoteKind{diff.NoteUnread},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := changed(was, tt.is).facts("p", tt.facts)
			ch := w.only(t)
			same(t, "actions", tt.actions, ch.Actions)
			same(t, "blocked", nil, rules(ch))
			var sent []pool.Content
			for _, r := range requests(ch) {
				sent = append(sent, r.Content)
			}
			same(t, "sent", tt.sent, sent)
			same(t, "recorded without a call", tt.record, ch.Record != nil)
			after := ch.Record
			if after == nil {
				after = &ch.Calls[len(ch.Calls)-1].After
			}
			same(t, "recorded", tt.is.Content, after.Content)
			var notes []diff.NoteKind
			for _, n := range ch.Notes {
				notes = append(notes, n.Kind)
			}
			same(t, "notes", tt.notes, notes)
			plan := diff.Compare(w.Input)
			same(t, "is a change", true, plan.HasChanges() && plan.Changes[0].Fingerprint != "")
			done := changed(tt.is, tt.is).entry(entry(tt.is, func(e *pool.Entry) { e.Sent = after }))
			same(t, "nothing is due then", 0, len(diff.Compare(done.Input).Changes))
		})
	}
}

// TestReplaceLosesWhatTheBankCannotCopy is rule 13.
func TestReplaceLosesWhatTheBankCannotCopy(t *testing.T) {
	was := declare("p", items("i1", "i2", "i3"))
	gone := diff.Facts{Readable: true, Unfit: []diff.Unfit{{Reference: "i2", Status: pool.Unpublished}, {Reference: "i3"}, {Reference: "i9", Status: "archived"}}}
	label := snapshot("two")
	ask := []diff.Need{{Key: key("p"), Published: pool.Content{Items: []string{"i1", "i2", "i3", "i9"}}}}
	is := declare("p", items("i1", "i2", "i3", "i9"), label)
	same(t, "needs", ask, diff.Compare(changed(was, is).Input).Needs)

	ch := changed(was, is).facts("p", gone).only(t)
	same(t, "leaves", pool.Content{Items: []string{"i2", "i3"}}, ch.Content.Removed)
	same(t, "and why", gone.Unfit, ch.Leaving)
	same(t, "a new label is consent", nil, rules(ch))
	whole := changed(was, is).facts("p", diff.Facts{Readable: true}).only(t)
	same(t, "whole", pool.Content{}, whole.Content.Removed)
	if whole.Fingerprint == ch.Fingerprint {
		t.Error("a reviewed rebuild that now loses content has the same fingerprint")
	}

	ch = changed(was, declare("p", items("i1", "i2", "i3"), ignoreEmpty)).facts("p", gone).only(t)
	same(t, "nobody asked", diff.Refusal{
		Rule: diff.RuleReplace, Leaves: true, Flag: diff.AllowReplace, At: ch.Declared.Position(ch.Declared.At.Snapshot),
	}, ch.Blocked[0])

	flagged := declare("p", items("i1", "i2", "i3"), publishAll)
	ch = changed(flagged, declare("p", items("i1", "i2", "i3"), publishAll, label)).facts("p", gone).only(t)
	same(t, "the flag takes unpublished ones", pool.Content{Items: []string{"i3"}}, ch.Content.Removed)

	unknown := newWorld().declared(was).live(live(was)).options(func(o *diff.Options) { o.Overwrite = refs("p") })
	same(t, "asked for an unknown pool too", 1, len(diff.Compare(unknown.Input).Needs))
	same(t, "and told", gone.Unfit[:2], unknown.facts("p", gone).only(t).Leaving)
}

// TestConsentNamesOnePool is rule 15.
func TestConsentNamesOnePool(t *testing.T) {
	const other = pool.Bank(606)
	twin := func(d pool.Declared) pool.Declared { d.Bank = other; return d }
	less := declare("a", items("i1"))
	both := func(names ...pool.Reference) *world {
		w := newWorld().managed(declare("a")).declared(less, twin(less)).options(func(o *diff.Options) { o.AllowReplace = refs(names...) })
		e := entry(declare("a"))
		e.Bank = other
		w.entry(e)
		w.Live[e.Key] = live(declare("a"))
		w.Scope.Banks = append(w.Scope.Banks, other)
		return w
	}
	blocked := func(p diff.Plan) (out []bool) {
		for _, ch := range p.Changes {
			out = append(out, len(ch.Blocked) > 0)
		}
		return out
	}
	keys := []pool.Key{key("a"), {Bank: other, Reference: "a"}}
	plan := diff.Compare(both("a").Input)
	same(t, "two banks have it", []bool{true, true}, blocked(plan))
	same(t, "ambiguous", []diff.Given{{Flag: diff.AllowReplace, Name: "a", Pools: keys}}, plan.Ambiguous)
	same(t, "and not unneeded", 0, len(plan.Unneeded))
	plan = diff.Compare(both("606/a").Input)
	same(t, "one of them is named", []bool{true, false}, blocked(plan))
	same(t, "nothing is wrong", 0, len(plan.Ambiguous)+len(plan.Unneeded))
	same(t, "both are", []bool{false, false}, blocked(diff.Compare(both("505/a", "606/a").Input)))
	same(t, "a bank without it", 1, len(diff.Compare(both("505/a", "606/a", "707/a").Input).Unneeded))

	comma := pool.Reference("a,b")
	w := newWorld().managed(declare(comma)).managed(declare("b")).declared(declare(comma, items("i1")), declare("b", items("i1"))).
		options(func(o *diff.Options) { o.AllowReplace = refs(comma) })
	same(t, "a comma is a character", []bool{false, true}, blocked(diff.Compare(w.Input)))
	w.Options.AllowReplace = refs("*")
	plan = diff.Compare(w.Input)
	same(t, "so is a star", []bool{true, true}, blocked(plan))
	same(t, "which names no pool here", 1, len(plan.Unneeded))
}

// TestVolumeOfAWholeRun is guard 2: pools that wait for a job, and what earlier
// rounds wrote, count.
func TestVolumeOfAWholeRun(t *testing.T) {
	refused := func(w *world) int { return diff.Compare(w.Input).Blocked() }
	same(t, "at the limit", 0, refused(fleet(12, 3)))

	w := fleet(12, 3)
	w.Written = map[pool.Key]bool{key("p011"): true}
	same(t, "written before", 3, refused(w))
	w.Written = map[pool.Key]bool{key("p000"): true}
	same(t, "written before, and again", 0, refused(w))

	w = fleet(12, 5)
	for _, ref := range []pool.Reference{"p000", "p001"} {
		w.live(live(declare(ref), reads(pool.Pending)))
	}
	same(t, "two of five wait", 3, refused(w))
	w = fleet(12, 3).live(live(declare("p011"), reads(pool.Pending)))
	same(t, "pending, and nothing is due", 0, refused(w))
}
