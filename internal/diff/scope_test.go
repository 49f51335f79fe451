package diff_test

import (
	"testing"

	"github.com/poolsync/poolsync/internal/diff"
	"github.com/poolsync/poolsync/internal/pool"
)

// TestOrphanScope is section 3: which entries count as orphaned.
func TestOrphanScope(t *testing.T) {
	p := declare("p")
	under := func(paths ...string) func(*diff.Scope) { return func(s *diff.Scope) { s.Under = paths } }
	for _, tt := range []struct {
		name  string
		entry func(*pool.Entry)
		scope func(*diff.Scope)
		want  int
	}{
		{"ours", func(*pool.Entry) {}, under(), 1},
		{"of another set", func(e *pool.Entry) { e.Set = "other" }, under(), 0},
		{"in a bank not addressed", func(*pool.Entry) {}, func(s *diff.Scope) { s.Banks = []pool.Bank{606} }, 0},
		{"under --only", func(*pool.Entry) {}, func(s *diff.Scope) { s.NoOrphans = true }, 0},
		{"its file named", func(*pool.Entry) {}, under("pools/a.yaml"), 1},
		{"its folder named", func(*pool.Entry) {}, under("pools/"), 1},
		{"the root named", func(*pool.Entry) {}, under("."), 1},
		{"a glob", func(*pool.Entry) {}, under("pools/*.yaml"), 1},
		{"another folder", func(*pool.Entry) {}, under("pool", "poolsx", "other"), 0},
		{"another file of the set declares it", func(*pool.Entry) {}, func(s *diff.Scope) {
			s.Under, s.Elsewhere = []string{"."}, map[pool.Key]bool{p.Key: true}
		}, 0},
		{"retired before", func(e *pool.Entry) { e.Retired = true }, under(), 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld().entry(entry(p, tt.entry)).live(live(p))
			if tt.name == "retired before" {
				w.live(live(p, reads(pool.Unpublished)))
			}
			tt.scope(&w.Scope)
			same(t, "orphans", tt.want, diff.Compare(w.Input).Count(diff.Orphaned))
		})
	}
}

func TestOtherSet(t *testing.T) {
	p := declare("p")
	ch := changed(p, declare("p", name("Other"))).entry(entry(p, func(e *pool.Entry) { e.Set, e.File = "maths", "m.yaml" })).only(t)
	same(t, "blocked", []string{"other-set"}, rules(ch))
	same(t, "refusal", diff.Refusal{Rule: diff.RuleOtherSet, Set: "maths", File: "m.yaml"}, ch.Blocked[0])
	same(t, "stops", true, ch.Stops())
	same(t, "calls", 0, len(ch.Calls))
}

// TestCaseTwin: a record that differs in letter case only is a finding, never
// absence.
func TestCaseTwin(t *testing.T) {
	w := newWorld().declared(declare("ELA"))
	w.Twins = map[pool.Key]pool.Live{key("ELA"): live(declare("ela"))}
	ch := w.only(t)
	same(t, "blocked", []string{"reference-case"}, rules(ch))
	same(t, "calls", 0, len(ch.Calls))
	w.live(live(declare("ELA")))
	same(t, "beside the exact one", []string{"unknown"}, rules(w.only(t)))
}

// TestRetiredDeclaredAgain is section 3: it is an edit.
func TestRetiredDeclaredAgain(t *testing.T) {
	was := declare("p", status(pool.Unpublished))
	w := changed(was, declare("p")).entry(entry(was, func(e *pool.Entry) { e.Retired = true })).carrier("p")
	ch := w.only(t)
	same(t, "actions", []diff.Action{diff.Edit}, ch.Actions)
	same(t, "requests", []pool.Request{updateRequest("p", "Name", pool.Published, false, "i1")}, requests(ch))
}

// TestRetire keeps the pool's name as it is live.
func TestRetire(t *testing.T) {
	p := declare("p")
	w := newWorld().managed(p).live(live(p, func(l *pool.Live) { l.Name = "Theirs" })).carrier("p")
	ch := w.options(func(o *diff.Options) { o.Prune = true }).only(t)
	same(t, "requests", []pool.Request{updateRequest("p", "Theirs", pool.Unpublished, false, "i1")}, requests(ch))
	same(t, "recorded status", pool.Unpublished, ch.Calls[0].After.Status)
	same(t, "recorded content", p.Content, ch.Calls[0].After.Content)
}

// TestOrphanInDoubt: an orphan's open call is settled before anything else.
func TestOrphanInDoubt(t *testing.T) {
	p := declare("p")
	w := newWorld().entry(entry(p, pending(pool.OpRetire, "job-9"))).live(live(p)).options(func(o *diff.Options) { o.Prune = true })
	same(t, "running", []diff.Action{diff.Pending}, w.only(t).Actions)
	w = newWorld().managed(p).live(live(p, reads(pool.Pending))).options(func(o *diff.Options) { o.Prune = true })
	same(t, "pending", []diff.Action{diff.Pending}, w.only(t).Actions)
}

// TestUnsettled: what settling came to decides between waiting and asking.
func TestUnsettled(t *testing.T) {
	p := declare("p")
	for name, tt := range map[string]struct {
		job  pool.JobReference
		come diff.Unsettled
		want diff.Action
	}{
		"its job runs":          {"job-9", diff.Unsettled{Running: true}, diff.Pending},
		"a job runs":            {"", diff.Unsettled{Running: true, Reason: "a job is running"}, diff.Pending},
		"cannot be told":        {"", diff.Unsettled{Reason: "the pool holds a part"}, diff.Unknown},
		"its job is not listed": {"job-9", diff.Unsettled{Reason: "the pool holds a part"}, diff.Unknown},
	} {
		t.Run(name, func(t *testing.T) {
			w := changed(p, declare("p", items("i1", "i2", "i3"))).entry(entry(p, pending(pool.OpAppend, tt.job)))
			w.Unsettled = map[pool.Key]diff.Unsettled{key("p"): tt.come}
			ch := w.only(t)
			same(t, "actions", []diff.Action{tt.want}, ch.Actions)
			same(t, "calls", 0, len(ch.Calls))
		})
	}
}

func TestRenameHint(t *testing.T) {
	q, r := declare("q"), declare("r")
	w := newWorld().managed(declare("p")).managed(q).managed(r).declared(declare("new"), q, r)
	plan := diff.Compare(w.Input)
	same(t, "count", 2, len(plan.Changes))
	same(t, "hint", []diff.Note{{Kind: diff.NoteRenamed, Old: "p"}}, plan.Changes[0].Notes)
	w.Declared[0] = declare("new", items("i7"))
	same(t, "other content", nil, diff.Compare(w.Input).Changes[0].Notes)
}

func TestUnmanaged(t *testing.T) {
	w := newWorld().managed(declare("p")).declared(declare("p")).live(live(declare("q"))).live(live(declare("r"))).entry(entry(declare("s"), func(e *pool.Entry) { e.Set = "other" })).live(live(declare("s")))
	w.Scope.Elsewhere = map[pool.Key]bool{key("r"): true}
	same(t, "not listed", 0, len(diff.Compare(w.Input).Changes))
	w.Listed = true
	plan := diff.Compare(w.Input)
	same(t, "unmanaged", 1, plan.Count(diff.Unmanaged))
	same(t, "which", key("q"), plan.Changes[0].Key)
	same(t, "has changes", false, plan.HasChanges())
}

func TestMatchAny(t *testing.T) {
	for _, tt := range []struct {
		glob, ref string
		want      bool
	}{
		{"ela-*", "ela-", true},
		{"ela-*", "ela-a/b", true},
		{"ela-*", "math", false},
		{"*", "", true},
		{"?", "a", true},
		{"?", "", false},
		{"a*b*c", "aXbYc", true},
		{"a*b*c", "aXbY", false},
		{"[ab]", "a", false},
		{"[ab]", "[ab]", true},
		{"", "", true},
		{"", "a", false},
	} {
		same(t, tt.glob+" "+tt.ref, tt.want, diff.MatchAny([]string{"nothing", tt.glob}, pool.Reference(tt.ref)))
	}
}
