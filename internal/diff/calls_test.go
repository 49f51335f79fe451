package diff_test

import (
	"testing"

	"github.com/poolsync/poolsync/internal/diff"
	"github.com/poolsync/poolsync/internal/pool"
)

// TestSetsNotLists is rule 1: order and repetition are no change.
func TestSetsNotLists(t *testing.T) {
	a := pool.Content{
		Items: []string{"b", "a", "b"}, Activities: []string{"y", "x"},
		Tags: []pool.Selector{
			{Type: "t", Name: "2"},
			{Type: "t"},
			{Required: []pool.Tag{{Type: "r2"}, {Type: "r1", Name: "n"}, {Type: "r2"}}, Additional: []pool.Tag{{Type: "z"}, {Type: "a"}}},
		},
	}
	b := pool.Content{
		Items: []string{"a", "b"}, Activities: []string{"x", "y", "x"},
		Tags: []pool.Selector{
			{Required: []pool.Tag{{Type: "r1", Name: "n"}, {Type: "r2"}}, Additional: []pool.Tag{{Type: "a"}, {Type: "z"}, {Type: "a"}}},
			{Type: "t"},
			{Type: "t", Name: "2"},
			{Type: "t"},
		},
	}
	was := declare("p", func(d *pool.Declared) { d.Content = a.Normal() })
	is := declare("p", func(d *pool.Declared) { d.Content = b.Normal() })
	same(t, "changes", 0, len(diff.Compare(changed(was, is).Input).Changes))
}

// TestAppendSendsOnlyWhatWasAdded is rule 2: a tag that was sent once would pull
// newly tagged content into a frozen snapshot.
func TestAppendSendsOnlyWhatWasAdded(t *testing.T) {
	course := pool.Selector{Type: "course", Name: "c"}
	grade := pool.Selector{Type: "grade", Name: "6"}
	was := declare("p", tags(course))
	is := declare("p", items("i1", "i2", "i9"), tags(course, grade))
	ch := changed(was, is).only(t)
	want := updateRequest("p", "Name", pool.Published, false, "i9")
	want.Content.Tags = []pool.Selector{grade}
	same(t, "requests", []pool.Request{want}, requests(ch))
	same(t, "verb", pool.Update, ch.Calls[0].Verb)
	same(t, "content", diff.Delta{Added: want.Content}, ch.Content)
	same(t, "recorded content", is.Content, ch.Calls[0].After.Content)
	same(t, "source", "pools/a.yaml:23:9", ch.Source.String())
}

// TestFlags is rule 4.
func TestFlags(t *testing.T) {
	more := items("i1", "i2", "i3")
	wide := tags(pool.Selector{Required: []pool.Tag{{Type: "r"}}, Additional: []pool.Tag{{Type: "a"}}})
	tests := []struct {
		name    string
		was, is []func(*pool.Declared)
		want    diff.Action
		flag    bool
	}{
		{"publishing on, content added", nil, []func(*pool.Declared){publishAll, more}, diff.Append, true},
		{"publishing on, nothing else", nil, []func(*pool.Declared){publishAll}, diff.Replace, true},
		{"publishing on, content removed", nil, []func(*pool.Declared){publishAll, items("i1")}, diff.Replace, true},
		{"publishing off, content added", []func(*pool.Declared){publishAll}, []func(*pool.Declared){more}, diff.Replace, false},
		{"ignoring on", nil, []func(*pool.Declared){ignoreEmpty}, diff.Replace, false},
		{"ignoring off", []func(*pool.Declared){ignoreEmpty}, nil, diff.Replace, false},
		{"ignoring on, content added", nil, []func(*pool.Declared){ignoreEmpty, more}, diff.Replace, false},
		{"additional tags come while ignoring", []func(*pool.Declared){ignoreEmpty}, []func(*pool.Declared){ignoreEmpty, wide}, diff.Replace, false},
		{"items come while ignoring", []func(*pool.Declared){ignoreEmpty, wide}, []func(*pool.Declared){ignoreEmpty, wide, more}, diff.Append, false},
		{"additional tags come", nil, []func(*pool.Declared){wide}, diff.Append, false},
		{"publishing stays on", []func(*pool.Declared){publishAll}, []func(*pool.Declared){publishAll, more}, diff.Append, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			ch := changed(declare("p", tt.was...), declare("p", tt.is...)).only(t)
			same(t, "actions", []diff.Action{tt.want}, ch.Actions)
			same(t, "flag", tt.flag, ch.Calls[0].Request.UnpublishedPublished)
			same(t, "recorded flag", tt.flag, ch.Calls[0].After.UnpublishedPublished)
			if tt.want == diff.Append {
				same(t, "overwrite", false, ch.Calls[0].Request.Overwrite)
			}
		})
	}
}

// TestUpdateFields is rule 5: every update carries name and status, and never
// what update does not document. Publishing rides on the last call, unpublishing
// on the first.
func TestUpdateFields(t *testing.T) {
	correct := []func(*pool.Declared){name("Other"), correction("c", "i1"), description("deferred")}
	tests := []struct {
		name    string
		was, is pool.Status
		edits   []func(*pool.Declared)
		ops     []pool.Operation
		status  []pool.Status
	}{
		{"publish by an append", pool.Unpublished, pool.Published, []func(*pool.Declared){items("i1", "i2", "i3")}, ops(pool.OpAppend), statuses("published")},
		{
			"publish by append and correction", pool.Unpublished, pool.Published, append(correct, items("i1", "i2", "i3")),
			ops(pool.OpAppend, pool.OpCorrect), statuses("unpublished", "published"),
		},
		{
			"unpublish by append and correction", pool.Published, pool.Unpublished, append(correct, items("i1", "i2", "i3")),
			ops(pool.OpAppend, pool.OpCorrect), statuses("unpublished", "unpublished"),
		},
		{"publish by edit and correction", pool.Unpublished, pool.Published, correct, ops(pool.OpEdit, pool.OpCorrect), statuses("unpublished", "published")},
		{"unpublish by edit and correction", pool.Published, pool.Unpublished, correct, ops(pool.OpEdit, pool.OpCorrect), statuses("unpublished", "unpublished")},
		{"publish by edit", pool.Unpublished, pool.Published, nil, ops(pool.OpEdit), statuses("published")},
		{"stay unpublished through an append", pool.Unpublished, pool.Unpublished, []func(*pool.Declared){items("i1", "i2", "i3")}, ops(pool.OpAppend), statuses("unpublished")},
		{"stay unpublished through a correction", pool.Unpublished, pool.Unpublished, []func(*pool.Declared){correction("c", "i1")}, ops(pool.OpCorrect), statuses("unpublished")},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			was, is := declare("p", status(tt.was)), declare("p", append(tt.edits, status(tt.is))...)
			ch := changed(was, is).carrier("p").only(t)
			same(t, "operations", tt.ops, operations(ch))
			for i, r := range requests(ch) {
				same(t, "status", tt.status[i], r.Status)
				same(t, "recorded status", tt.status[i], ch.Calls[i].After.Status)
				same(t, "name", is.Name, r.Name)
				same(t, "description", (*string)(nil), r.Description)
				same(t, "ignore_empty_additional_tags", (*bool)(nil), r.IgnoreEmpty)
				same(t, "overwrite", tt.ops[i] == pool.OpCorrect, r.Overwrite)
			}
			last := ch.Calls[len(ch.Calls)-1].After
			same(t, "recorded content", is.Content, last.Content)
			same(t, "recorded description", was.Description, last.Description)
		})
	}
}

func ops(o ...pool.Operation) []pool.Operation { return o }

func statuses(s ...pool.Status) []pool.Status { return s }

// TestReplaceAbsorbsEverything is row 7.
func TestReplaceAbsorbsEverything(t *testing.T) {
	was := declare("p", snapshot("one"), correction("c1", "i1"))
	is := declare("p", snapshot("two"), correction("c1", "i1"), correction("c2", "i3"), items("i3"), name("Other"),
		description("New"), status(pool.Unpublished), ignoreEmpty, publishAll)
	ch := changed(was, is).only(t)
	same(t, "actions", []diff.Action{diff.Replace}, ch.Actions)
	same(t, "requests", []pool.Request{setRequest(is, true)}, requests(ch))
	same(t, "after", pool.Sent{Spec: is.Spec, Snapshot: "two", Labels: []string{"one", "two"}, Corrections: is.Corrections}, ch.Calls[0].After)
	same(t, "blocked", nil, rules(ch))
	var paths []string
	for _, f := range ch.Fields {
		paths = append(paths, f.Path)
	}
	same(t, "fields", []string{"snapshot", "ignore_empty_additional_tags", "set_unpublished_to_published", "name", "status", "description"}, paths)
	same(t, "content", diff.Delta{Added: pool.Content{Items: []string{"i3"}}, Removed: pool.Content{Items: []string{"i1", "i2"}}}, ch.Content)
	same(t, "source", "pools/a.yaml:10:15", ch.Source.String())
}

// TestDeferredAccompanies is row 11 beside others.
func TestDeferredAccompanies(t *testing.T) {
	p := declare("p")
	ch := changed(p, declare("p", description("New"), items("i1", "i2", "i3"))).only(t)
	same(t, "actions", []diff.Action{diff.Append, diff.Deferred}, ch.Actions)
	ch = changed(p, declare("p", description("New"), items("i1"))).only(t)
	same(t, "actions", []diff.Action{diff.Replace}, ch.Actions)
	same(t, "description", "New", *ch.Calls[0].Request.Description)
}

// TestTextChangedByTheServer is the end of rule 10: sent as declared and live as
// read back is equal, whatever the server made of it.
func TestTextChangedByTheServer(t *testing.T) {
	p := declare("p", name(" Name "), description("About\n"))
	trim := func(l *pool.Live) { l.Name, l.Description = "Name", "About" }
	back := live(p, trim)
	w := changed(p, p).live(back).entry(entry(p, func(e *pool.Entry) { e.ReadBack = &back }))
	same(t, "changes", 0, len(diff.Compare(w.Input).Changes))
	w.live(live(p, trim, func(l *pool.Live) { l.Name = "Theirs" })).carrier("p")
	same(t, "actions", []diff.Action{diff.Edit}, w.only(t).Actions)
}
