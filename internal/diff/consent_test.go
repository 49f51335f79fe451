package diff_test

import (
	"testing"

	"github.com/poolsync/poolsync/internal/diff"
	"github.com/poolsync/poolsync/internal/pool"
)

// TestConsent is rule 8 and guard 1: who may ask for a rebuild, and how.
func TestConsent(t *testing.T) {
	allow := func(o *diff.Options) { o.AllowReplace = refs("p") }
	nothing := func(*diff.Options) {}
	less := items("i1")
	tests := []struct {
		name    string
		edits   []func(*pool.Declared)
		options func(*diff.Options)
		touched bool
		blocked []string
	}{
		{"nobody asked", edit(less), nothing, false, []string{"replace"}},
		{"the flag", edit(less), allow, false, nil},
		{"the flag for another pool", edit(less), func(o *diff.Options) { o.AllowReplace = refs("q") }, false, []string{"replace"}},
		{"a new label", edit(less, snapshot("two")), nothing, false, nil},
		{"a new label alone", edit(snapshot("two")), nothing, false, nil},
		{"the label it has", edit(less, snapshot("one")), nothing, false, []string{"replace"}},
		{"the label removed", edit(less), nothing, false, []string{"replace"}},
		{"always allowed", edit(less, replaceIf(pool.ReplaceAllow)), nothing, false, nil},
		{"denied", edit(less, replaceIf(pool.ReplaceDeny)), nothing, false, []string{"replace-denied"}},
		{"denied, and a new label", edit(snapshot("two"), replaceIf(pool.ReplaceDeny)), nothing, false, []string{"replace-denied"}},
		{"denied, and the flag", edit(less, replaceIf(pool.ReplaceDeny)), allow, false, []string{"replace-denied"}},
		{"touched, and a new label", edit(snapshot("two")), nothing, true, []string{"replace-touched"}},
		{"touched, and always allowed", edit(less, replaceIf(pool.ReplaceAllow)), nothing, true, []string{"replace-touched"}},
		{"touched, and the flag", edit(less), allow, true, nil},
	}
	was := declare("p", snapshot("one"))
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := changed(was, declare("p", tt.edits...)).options(tt.options)
			if tt.touched {
				w.live(live(was, writtenByOthers))
			}
			ch := w.only(t)
			same(t, "is a replace", true, ch.Has(diff.Replace))
			same(t, "blocked", tt.blocked, rules(ch))
			for _, b := range ch.Blocked {
				same(t, "what lifts it", true, b.Flag == diff.AllowReplace || b.At.String() == "pools/a.yaml:11:16")
			}
		})
	}
}

func edit(edits ...func(*pool.Declared)) []func(*pool.Declared) { return edits }

// TestSnapshotLabels is rule 8: a label asks once.
func TestSnapshotLabels(t *testing.T) {
	had := func(e *pool.Entry) { e.Sent.Labels = []string{"one", "two"} }
	was := declare("p", snapshot("two"))

	w := changed(was, declare("p", snapshot("one"))).entry(entry(was, had))
	ch := w.only(t)
	same(t, "used label", []string{"snapshot-used"}, rules(ch))
	same(t, "used label calls", 0, len(ch.Calls))
	same(t, "used label place", "pools/a.yaml:10:15", ch.Source.String())

	w = changed(was, declare("p")).entry(entry(was, had))
	same(t, "removed label", 0, len(diff.Compare(w.Input).Changes))

	// Removed by an append in between, the label is still the one it has.
	ch = changed(was, declare("p", items("i1", "i2", "i3"))).entry(entry(was, had)).only(t)
	same(t, "after", "two", ch.Calls[0].After.Snapshot)
	same(t, "labels", []string{"one", "two"}, ch.Calls[0].After.Labels)

	// Rebuilt without a label, the pool is no longer what its label stood for.
	rebuilt := declare("p", items("i1"))
	w = changed(was, rebuilt).entry(entry(was, had)).options(func(o *diff.Options) { o.AllowReplace = refs("p") })
	after := w.only(t).Calls[0].After
	same(t, "rebuilt without a label", "", after.Snapshot)
	same(t, "labels it had", []string{"one", "two"}, after.Labels)
	of := func(e *pool.Entry) { e.Sent = &after }
	same(t, "nothing more is due", 0, len(diff.Compare(changed(rebuilt, rebuilt).entry(entry(rebuilt, of)).Input).Changes))
	ch = changed(rebuilt, declare("p", items("i1"), snapshot("two"))).entry(entry(rebuilt, of)).only(t)
	same(t, "its last label, again", []string{"snapshot-used"}, rules(ch))
	ch = changed(rebuilt, declare("p", items("i1"), snapshot("three"))).entry(entry(rebuilt, of)).only(t)
	same(t, "a new one", []string{"one", "two", "three"}, ch.Calls[0].After.Labels)
	same(t, "is consent", nil, rules(ch))

	ch = changed(was, declare("p", snapshot("three"))).entry(entry(was, had)).only(t)
	same(t, "labels after", []string{"one", "two", "three"}, ch.Calls[0].After.Labels)
	same(t, "fields", []diff.Field{{Path: "snapshot", Before: "two", After: "three"}}, ch.Fields)
	same(t, "entry is not changed", []string{"one", "two"}, w.State[key("p")].Sent.Labels)

	ch = newWorld().declared(declare("p", snapshot("first"))).only(t)
	same(t, "labels of a new pool", []string{"first"}, ch.Calls[0].After.Labels)
}

// TestCorrections is rule 9.
func TestCorrections(t *testing.T) {
	was := declare("p", correction("c1", "i1"))
	holds := func(refs ...string) diff.Facts {
		return diff.Facts{Readable: true, Members: pool.Content{Items: refs}, Carriers: []diff.Carrier{
			{Reference: "i1", Published: true, Updated: applied.AddDate(0, -1, 0)},
		}}
	}
	both := func(d *pool.Declared) {
		correction("c2", "i2")(d)
		correction("c3", "i1", "i2")(d)
		d.Corrections[2].Activities = []string{"a1"}
	}
	facts := holds("i1", "i2")
	facts.Members.Activities = []string{"a1"}
	ch := changed(was, declare("p", correction("c1", "i1"), both)).facts("p", facts).only(t)
	union := updateRequest("p", "Name", pool.Published, true, "i1", "i2")
	union.Content.Activities = []string{"a1"}
	same(t, "one call for all", []pool.Request{union}, requests(ch))
	same(t, "recorded", declare("p", correction("c1", "i1"), both).Corrections, ch.Calls[0].After.Corrections)
	same(t, "source", "pools/a.yaml:52:7", ch.Source.String())

	ch = changed(was, declare("p", correction("c1", "i1"), both)).facts("p", holds("i1", "i2")).only(t)
	same(t, "not in the pool", []string{"correction-not-in-pool"}, rules(ch))
	same(t, "its place", "pools/a.yaml:53:7", ch.Source.String())

	facts.Unfit = []diff.Unfit{{Reference: "a1", Status: "archived"}, {Reference: "i2", Status: pool.Unpublished}, {Reference: "other"}}
	ch = changed(was, declare("p", correction("c1", "i1"), both)).facts("p", facts).only(t)
	same(t, "not published", []string{"correction-not-published"}, rules(ch))
	same(t, "what is not", facts.Unfit[:2], ch.Blocked[0].Unfit)
	same(t, "its place", "pools/a.yaml:52:7", ch.Source.String())
	flagged := declare("p", correction("c1", "i1"), publishAll)
	ch = changed(flagged, declare("p", correction("c1", "i1"), both, publishAll)).facts("p", facts).only(t)
	same(t, "the pool's flag takes unpublished ones", facts.Unfit[:1], ch.Blocked[0].Unfit)

	ch = changed(was, declare("p", correction("c1", "i1"), both)).facts("p", diff.Facts{Reason: "refused"}).only(t)
	same(t, "not readable", []string{"correction-not-in-pool"}, rules(ch))

	ch = changed(was, declare("p", correction("c1", "i2"))).only(t)
	same(t, "known id, other references", []string{"correction-changed"}, rules(ch))
	same(t, "its place", "pools/a.yaml:51:7", ch.Source.String())

	same(t, "id gone", 0, len(diff.Compare(changed(was, declare("p")).Input).Changes))
}

// TestChangedCorrectionUnderAReplace: a known id with other references is an
// error whatever else the run does; recorded silently, it would block the next.
func TestChangedCorrectionUnderAReplace(t *testing.T) {
	was := declare("p", correction("c1", "i1"))
	ch := changed(was, declare("p", correction("c1", "i2"), snapshot("new"))).only(t)
	same(t, "blocked", []string{"correction-changed"}, rules(ch))
	w := newWorld().declared(declare("p", correction("c1", "i2")), declare("q"), declare("r")).
		managed(declare("q")).managed(declare("r")).entry(entry(was))
	same(t, "vanished and changed", []string{"correction-changed"}, rules(w.only(t)))
}

// TestCorrectionsContained: what a create, a replace or an append of the same run
// brings anyway is recorded as corrected and not sent again.
func TestCorrectionsContained(t *testing.T) {
	is := declare("p", items("i1", "i2", "i3"), correction("c1", "i3"))
	ch := newWorld().declared(is).only(t)
	same(t, "create", ops(pool.OpCreate), operations(ch))
	same(t, "recorded", is.Corrections, ch.Calls[0].After.Corrections)

	ch = changed(declare("p"), is).carrier("p").only(t)
	same(t, "append", ops(pool.OpAppend), operations(ch))
	same(t, "recorded", is.Corrections, ch.Calls[0].After.Corrections)

	is = declare("p", items("i1", "i2", "i3"), correction("c1", "i3", "i1"))
	ch = changed(declare("p"), is).carrier("p").only(t)
	same(t, "append and correct", []pool.Request{
		updateRequest("p", "Name", pool.Published, false, "i3"), updateRequest("p", "Name", pool.Published, true, "i1"),
	}, requests(ch))
	same(t, "recorded by the append", 0, len(ch.Calls[0].After.Corrections))
	same(t, "recorded by the correction", is.Corrections, ch.Calls[1].After.Corrections)
	same(t, "content", is.Content, ch.Calls[1].After.Content)
}

// TestCorrectionOfWhatATagBrought: the append names an item that the pool holds
// already, and need not copy it again. Only what it lacked is copied fresh.
func TestCorrectionOfWhatATagBrought(t *testing.T) {
	tag := tags(pool.Selector{Type: "course"})
	was := declare("p", items("i1"), tag)
	is := declare("p", items("i1", "i2", "i3"), tag, correction("c1", "i2"), correction("c2", "i3"))
	same(t, "needs", []diff.Need{{Key: key("p"), Members: pool.Content{Items: []string{"i2", "i3"}}, Published: pool.Content{Items: []string{"i2", "i3"}}}}, diff.Compare(changed(was, is).Input).Needs)
	for name, tt := range map[string]struct {
		facts   diff.Facts
		append  []string
		correct []string
		blocked []string
	}{
		"one of them":  {diff.Facts{Readable: true, Members: pool.Content{Items: []string{"i2"}}}, []string{"i3"}, []string{"i2"}, nil},
		"both":         {diff.Facts{Readable: true, Members: pool.Content{Items: []string{"i2", "i3"}}}, nil, []string{"i2", "i3"}, nil},
		"none":         {diff.Facts{Readable: true}, []string{"i2", "i3"}, nil, nil},
		"not readable": {diff.Facts{Reason: "refused"}, []string{"i2", "i3"}, []string{"i2", "i3"}, []string{"correction-not-in-pool"}},
	} {
		t.Run(name, func(t *testing.T) {
			ch := changed(was, is).facts("p", tt.facts).only(t)
			var want []pool.Request
			if len(tt.append) > 0 {
				want = append(want, updateRequest("p", "Name", pool.Published, false, tt.append...))
			}
			if len(tt.correct) > 0 {
				want = append(want, updateRequest("p", "Name", pool.Published, true, tt.correct...))
			}
			same(t, "requests", want, requests(ch))
			same(t, "recorded by the last", is.Corrections, ch.Calls[len(want)-1].After.Corrections)
			same(t, "content", is.Content, ch.Calls[len(want)-1].After.Content)
			same(t, "blocked", tt.blocked, rules(ch))
		})
	}
}

// TestCorrectionNeeds asks for the membership before anything is sent.
func TestCorrectionNeeds(t *testing.T) {
	w := changed(declare("p"), declare("p", correction("c1", "i2"), name("Other")))
	plan := diff.Compare(w.Input)
	same(t, "needs", []diff.Need{{
		Key: key("p"), Carrier: true, Trusted: true, Items: []string{"i1", "i2"}, Copied: applied, Members: pool.Content{Items: []string{"i2"}},
		Published: pool.Content{Items: []string{"i2"}},
	}}, plan.Needs)
}
