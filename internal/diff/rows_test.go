package diff_test

import (
	"testing"

	"github.com/poolsync/poolsync/internal/diff"
	"github.com/poolsync/poolsync/internal/pool"
)

// TestRows has a case for each row of the change model's first table, asserting
// the verdict, the calls, what holds the pool back and which words ask for it.
func TestRows(t *testing.T) {
	p := declare("p")
	halted := live(p, reads(pool.Halted))
	neverCreated := pool.Entry{Format: 1, Key: p.Key, Set: "default", File: file, LastError: "job j halted: no such item", Created: "2026-01-08T09:00:00Z"}
	existed := neverCreated
	existed.Created = ""
	tests := []struct {
		name    string
		world   *world
		rule    string
		actions []diff.Action
		calls   []pool.Request
		blocked []string
		source  string
	}{
		{
			"1 a job of ours that has not ended", changed(p, p).entry(entry(p, pending(pool.OpAppend, "job-9"))),
			"1",
			[]diff.Action{diff.Pending},
			nil,
			[]string{"job-running"},
			"pools/a.yaml:4:5",
		}, {
			"1 a call that cannot be settled", changed(p, p).entry(entry(p, pending(pool.OpAppend, ""))),
			"1",
			[]diff.Action{diff.Unknown},
			nil,
			[]string{"in-doubt"},
			"pools/a.yaml:4:5",
		}, {
			"2 a job of someone else is running", changed(p, declare("p", name("Other"))).live(live(p, reads(pool.Pending))),
			"2",
			[]diff.Action{diff.Pending},
			nil,
			[]string{"job-running"},
			"pools/a.yaml:4:5",
		}, {
			"3 declared and not live", newWorld().declared(p),
			"3",
			[]diff.Action{diff.Create},
			[]pool.Request{setRequest(p, false)},
			nil, "pools/a.yaml:4:5",
		}, {
			"4 live and not recorded", newWorld().declared(p).live(live(p)),
			"4",
			[]diff.Action{diff.Unknown},
			nil,
			[]string{"unknown"},
			"pools/a.yaml:4:5",
		}, {
			"4 overwritten on request",
			newWorld().declared(p).live(live(p)).options(func(o *diff.Options) { o.Overwrite = refs("p") }),
			"4",
			[]diff.Action{diff.Replace},
			[]pool.Request{setRequest(p, true)},
			nil, "pools/a.yaml:4:5",
		}, {
			"4 halted, and not by a call of ours", newWorld().declared(p).live(halted),
			"4",
			[]diff.Action{diff.Unknown},
			nil,
			[]string{"unknown"},
			"pools/a.yaml:4:5",
		}, {
			"5 our creation halted", newWorld().declared(p).live(halted).entry(neverCreated),
			"5",
			[]diff.Action{diff.Create},
			[]pool.Request{setRequest(p, true)},
			nil, "pools/a.yaml:4:5",
		}, {
			"4 our creation halted, over somebody else's", newWorld().declared(p).live(halted).entry(existed),
			"4",
			[]diff.Action{diff.Unknown},
			nil,
			[]string{"unknown"},
			"pools/a.yaml:4:5",
		}, {
			"5 our creation failed, and the pool is someone else's", newWorld().declared(p).live(live(p)).entry(neverCreated),
			"4",
			[]diff.Action{diff.Unknown},
			nil,
			[]string{"unknown"},
			"pools/a.yaml:4:5",
		}, {
			"6 halted with nothing due", changed(p, p).live(halted),
			"6",
			[]diff.Action{diff.Halted},
			nil,
			[]string{"halted"},
			"pools/a.yaml:4:5",
		}, {
			"6 halted with something due is tried again", changed(p, declare("p", items("i1", "i2", "i3"))).live(halted),
			"8",
			[]diff.Action{diff.Append},
			[]pool.Request{updateRequest("p", "Name", pool.Published, false, "i3")},
			nil, "pools/a.yaml:23:9",
		}, {
			"7 content leaves", changed(p, declare("p", items("i1"))),
			"7",
			[]diff.Action{diff.Replace},
			[]pool.Request{setRequest(declare("p", items("i1")), true)},
			[]string{"replace"},
			"pools/a.yaml:20:5",
		}, {
			"8 content comes", changed(p, declare("p", items("i1", "i2", "i3"))),
			"8",
			[]diff.Action{diff.Append},
			[]pool.Request{updateRequest("p", "Name", pool.Published, false, "i3")},
			nil, "pools/a.yaml:23:9",
		}, {
			"9 the name differs", changed(p, declare("p", name("Other"))).carrier("p"),
			"9",
			[]diff.Action{diff.Edit},
			[]pool.Request{updateRequest("p", "Other", pool.Published, false, "i1")},
			nil, "pools/a.yaml:5:11",
		}, {
			"9 the name was changed outside", changed(p, p).live(live(p, func(l *pool.Live) { l.Name = "Theirs" })).carrier("p"),
			"9",
			[]diff.Action{diff.Edit},
			[]pool.Request{updateRequest("p", "Name", pool.Published, false, "i1")},
			nil, "pools/a.yaml:5:11",
		}, {
			"9 the status differs", changed(p, declare("p", status(pool.Unpublished))).carrier("p"),
			"9",
			[]diff.Action{diff.Edit},
			[]pool.Request{updateRequest("p", "Name", pool.Unpublished, false, "i1")},
			nil, "pools/a.yaml:7:13",
		}, {
			"10 a new correction", changed(p, declare("p", correction("c1", "i2"))).carrier("p"),
			"10",
			[]diff.Action{diff.Correct},
			[]pool.Request{updateRequest("p", "Name", pool.Published, true, "i2")},
			nil, "pools/a.yaml:51:7",
		}, {
			"11 the description differs", changed(p, declare("p", description("New"))),
			"11",
			[]diff.Action{diff.Deferred},
			nil, nil, "pools/a.yaml:6:18",
		}, {
			"12 no longer declared", newWorld().managed(p),
			"12",
			[]diff.Action{diff.Orphaned},
			nil, nil, "pools/a.yaml",
		}, {
			"12 retired on request", newWorld().managed(p).carrier("p").options(func(o *diff.Options) { o.Prune = true }),
			"12",
			[]diff.Action{diff.Retire},
			[]pool.Request{updateRequest("p", "Name", pool.Unpublished, false, "i1")},
			nil, "pools/a.yaml",
		}, {
			"12 retired and unpublished already",
			newWorld().managed(p).live(live(p, reads(pool.Unpublished))).options(func(o *diff.Options) { o.Prune = true }),
			"12",
			[]diff.Action{diff.Retire},
			nil, nil, "pools/a.yaml",
		}, {
			"13 neither declared nor recorded", listed(newWorld().live(live(p))),
			"13",
			[]diff.Action{diff.Unmanaged},
			nil, nil, "",
		}, {
			"14 neither declared nor live", newWorld().managed(declare("q")).declared(declare("q")).entry(entry(p)),
			"14",
			[]diff.Action{diff.Forgotten},
			nil, nil, "pools/a.yaml",
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			ch := tt.world.only(t)
			same(t, "rule", tt.rule, ch.Evidence.Rule)
			same(t, "actions", tt.actions, ch.Actions)
			same(t, "requests", tt.calls, requests(ch))
			same(t, "blocked", tt.blocked, rules(ch))
			same(t, "source", tt.source, ch.Source.String())
		})
	}
}

func listed(w *world) *world { w.Listed = true; return w }

// pending gives an entry a call whose outcome is open.
func pending(op pool.Operation, job pool.JobReference) func(*pool.Entry) {
	return func(e *pool.Entry) { e.Pending = &pool.PendingCall{Operation: op, Job: job, At: applied} }
}

func TestRow15Unchanged(t *testing.T) {
	p := declare("p")
	q := declare("q", tags(pool.Selector{Type: "course"}), snapshot("one"), correction("c", "i1"))
	plan := diff.Compare(changed(p, p).managed(q).declared(q).Input)
	same(t, "changes", []diff.Change(nil), plan.Changes)
	same(t, "unchanged", 2, plan.Unchanged)
	same(t, "declared", 2, plan.Declared)
	same(t, "has changes", false, plan.HasChanges())
}

// TestOwnBlocksHoldBackTheirPoolOnly is the end of section 4: what the manifests
// did not cause does not stop the run.
func TestOwnBlocksHoldBackTheirPoolOnly(t *testing.T) {
	p := declare("p")
	for name, w := range map[string]*world{
		"pending": changed(p, p).live(live(p, reads(pool.Pending))),
		"unknown": newWorld().declared(p).live(live(p)),
		"halted":  changed(p, p).live(live(p, reads(pool.Halted))),
		"doubt":   changed(p, p).entry(entry(p, pending(pool.OpEdit, ""))),
	} {
		t.Run(name, func(t *testing.T) {
			same(t, "stops", false, w.only(t).Stops())
			same(t, "blocked", 0, diff.Compare(w.Input).Blocked())
		})
	}
	guarded := changed(p, declare("p", items("i1")))
	same(t, "stops", true, guarded.only(t).Stops())
}

// TestVanished: a pool that the state knows and the bank lacks is created again,
// and the plan says so.
func TestVanished(t *testing.T) {
	w := newWorld().declared(declare("p"), declare("q"), declare("r")).managed(declare("q")).managed(declare("r")).
		entry(entry(declare("p", snapshot("one"), correction("c", "i1"))))
	ch := w.only(t)
	same(t, "actions", []diff.Action{diff.Create}, ch.Actions)
	same(t, "requests", []pool.Request{setRequest(declare("p"), false)}, requests(ch))
	same(t, "notes", []diff.Note{{Kind: diff.NoteVanished}}, ch.Notes)
	same(t, "labels survive", []string{"one"}, ch.Calls[0].After.Labels)
}

func TestEvidence(t *testing.T) {
	p := declare("p")
	ch := changed(p, declare("p", name("Other"))).live(live(p, writtenByOthers)).carrier("p").only(t)
	same(t, "evidence", diff.Evidence{
		Rule:       "9",
		Recorded:   &diff.Recorded{Name: "Name", Status: pool.Published, Updated: before, Job: "job-1"},
		Live:       &diff.LiveSeen{Name: "Name", Status: pool.Published, Updated: later},
		RecordedAt: "2026-11-20T12:00:00Z", ReadAt: "2026-11-21T12:00:00Z", StateVersion: "7",
	}, ch.Evidence)
	same(t, "fields", []diff.Field{{Path: "name", Before: "Name", After: "Other"}}, ch.Fields)
}
