package diff_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/poolsync/poolsync/internal/diff"
	"github.com/poolsync/poolsync/internal/pool"
)

// fleet is n managed pools, of which changing get an item more.
func fleet(n, changing int) *world {
	w := newWorld()
	for i := range n {
		d := declare(pool.Reference(fmt.Sprintf("p%03d", i)))
		w.managed(d)
		if i < changing {
			items("i1", "i2", "i3")(&d)
		}
		w.declared(d)
	}
	return w
}

// TestVolume is guard 2.
func TestVolume(t *testing.T) {
	percent := func(n int) func(*diff.Options) { return func(o *diff.Options) { o.MaxChangePercent = n } }
	created := fleet(10, 3)
	for i := range 50 {
		created.declared(declare(pool.Reference(fmt.Sprintf("new%02d", i))))
	}
	retired := fleet(10, 3)
	retired.Declared = retired.Declared[:9]
	retired.options(func(o *diff.Options) { o.Prune = true }).carrier("p009")
	others := fleet(9, 9)
	for i := range 20 {
		others.entry(entry(declare(pool.Reference(fmt.Sprintf("o%02d", i))), func(e *pool.Entry) { e.Set = "other" }))
	}
	for _, tt := range []struct {
		name    string
		world   *world
		blocked int
	}{
		{"nine are too few to judge", fleet(9, 9), 0},
		{"at the limit", fleet(10, 3), 0},
		{"over the limit", fleet(10, 4), 4},
		{"new pools do not count", created, 0},
		{"retires count", retired, 4},
		{"pools of other sets do not count", others, 0},
		{"lifted", fleet(10, 10).options(percent(100)), 0},
		{"not lifted far enough", fleet(10, 10).options(percent(99)), 10},
		{"narrowed to nothing", fleet(10, 1).options(percent(0)), 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			plan := diff.Compare(tt.world.Input)
			same(t, "blocked", tt.blocked, plan.Blocked())
			for _, ch := range plan.Changes {
				if ch.Stops() {
					same(t, "rule", []string{"volume"}, rules(ch))
				}
			}
		})
	}
	b := diff.Compare(fleet(12, 5).Input).Changes[0].Blocked[0]
	same(t, "refusal", diff.Refusal{Rule: diff.RuleVolume, Flag: diff.MaxChangePercent, Count: 5, Of: 12, Limit: 30}, b)
	same(t, "percent, rounded up", 42, b.Percent())
}

// TestFreeze is guard 3.
func TestFreeze(t *testing.T) {
	p, more := declare("ela-1"), declare("ela-1", items("i1", "i2", "i3"))
	hidden := declare("ela-1", status(pool.Unpublished))
	window := func(from, to time.Duration, globs ...string) func(*diff.Options) {
		return func(o *diff.Options) {
			o.Freeze = []diff.Freeze{{From: now.Add(from), To: now.Add(to), Pools: globs, Reason: "finals"}}
		}
	}
	inside := window(-time.Hour, time.Hour, "math-*", "ela-*")
	neverCreated := pool.Entry{Key: p.Key, Set: "default", File: file, LastError: "halted", Created: "2026-01-08T09:00:00Z"}
	for _, tt := range []struct {
		name    string
		world   *world
		options func(*diff.Options)
		blocked bool
	}{
		{"inside", changed(p, more), inside, true},
		{"every pool", changed(p, more), window(-time.Hour, time.Hour), true},
		{"its first moment", changed(p, more), window(0, time.Hour), true},
		{"its end", changed(p, more), window(-time.Hour, 0), false},
		{"before", changed(p, more), window(time.Hour, 2*time.Hour), false},
		{"another pool", changed(p, more), window(-time.Hour, time.Hour, "math-*"), false},
		{"nothing to do", changed(p, p).live(live(p, writtenByOthers)), inside, false},
		{"unpublished", changed(hidden, declare("ela-1", status(pool.Unpublished), items("i1", "i2", "i3"))), inside, false},
		{"new", newWorld().declared(p), inside, false},
		{"its creation halted", newWorld().declared(p).entry(neverCreated).live(live(p, reads(pool.Halted))), inside, false},
		{"retired", newWorld().managed(p).carrier("ela-1").options(func(o *diff.Options) { o.Prune = true }), inside, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var want []string
			if tt.blocked {
				want = []string{"freeze"}
			}
			same(t, "blocked", want, rules(tt.world.options(tt.options).only(t)))
		})
	}
	w := changed(p, more).options(inside).options(func(o *diff.Options) { o.BreakFreeze = refs("ela-1") })
	same(t, "broken", nil, rules(w.only(t)))
}

// TestOlder is guard 4.
func TestOlder(t *testing.T) {
	p, more := declare("p"), declare("p", items("i1", "i2", "i3"))
	newer := func(e *pool.Entry) { e.Commit, e.CommitTime = "feedfacefeedface", &now }
	old := now.Add(-time.Minute)
	w := changed(p, more).entry(entry(p, newer))
	w.Scope.CommitTime = &old
	same(t, "older", []string{"older"}, rules(w.only(t)))
	w.Options.AllowOlder = true
	same(t, "allowed", nil, rules(w.only(t)))
	w.Options.AllowOlder = false
	w.Scope.CommitTime = &now
	same(t, "the same commit", nil, rules(w.only(t)))
	w.Scope.CommitTime = nil
	same(t, "outside a repository", nil, rules(w.only(t)))
	w = changed(p, p).entry(entry(p, newer))
	w.Scope.CommitTime = &old
	same(t, "nothing to do", 0, len(diff.Compare(w.Input).Changes))
}

// TestHistory: ancestry decides, whatever the times; where it cannot be told, times
// do, but none that lies in the future.
func TestHistory(t *testing.T) {
	earlier, later, future := now.Add(-time.Hour), now.Add(-time.Minute), now.Add(24*time.Hour)
	for name, tt := range map[string]struct {
		history diff.History
		was, is time.Time
		want    []string
		unseen  bool
	}{
		"past, by a clock ahead":     {diff.Past, future, earlier, nil, false},
		"future, by a clock behind":  {diff.Future, earlier, later, []string{"older"}, false},
		"apart":                      {diff.Apart, earlier, later, []string{"diverged"}, false},
		"not in this clone":          {diff.Absent, earlier, later, []string{"diverged"}, true},
		"cut off, and newer":         {diff.Untold, later, earlier, []string{"older"}, false},
		"cut off, and older":         {diff.Untold, earlier, later, nil, false},
		"cut off, and in the future": {diff.Untold, future, later, nil, false},
	} {
		t.Run(name, func(t *testing.T) {
			p, more := declare("p"), declare("p", items("i1", "i2", "i3"))
			w := changed(p, more).entry(entry(p, func(e *pool.Entry) { e.Commit, e.CommitTime = "feedface", &tt.was }))
			w.Now = now
			w.Scope.Commit, w.Scope.CommitTime, w.Scope.History = "cafe", &tt.is, map[string]diff.History{"feedface": tt.history}
			ch := w.only(t)
			same(t, "rules", tt.want, rules(ch))
			if len(ch.Blocked) > 0 {
				same(t, "unseen", tt.unseen, ch.Blocked[0].Unseen)
				w.Options.AllowOlder = true
				same(t, "allowed", nil, rules(w.only(t)))
			}
		})
	}
}

// TestVanishedGuard is guard 5: all, or more than max(1, 10 %).
func TestVanishedGuard(t *testing.T) {
	gone := func(n, vanished int) *world {
		w := fleet(n, 0)
		for i := range vanished {
			delete(w.Live, w.Declared[i].Key)
		}
		return w
	}
	for _, tt := range []struct {
		managed, vanished int
		blocked           bool
	}{{1, 1, true}, {2, 1, false}, {2, 2, true}, {9, 2, true}, {10, 1, false}, {19, 2, true}, {20, 2, false}, {20, 3, true}, {29, 3, true}, {30, 3, false}} {
		t.Run(fmt.Sprintf("%d of %d", tt.vanished, tt.managed), func(t *testing.T) {
			plan := diff.Compare(gone(tt.managed, tt.vanished).Input)
			same(t, "created", tt.vanished, plan.Count(diff.Create))
			for _, ch := range plan.Changes {
				same(t, "blocked", tt.blocked, len(ch.Blocked) > 0 && ch.Blocked[0].Rule == "vanished")
			}
			w := gone(tt.managed, tt.vanished).options(func(o *diff.Options) { o.RecreateVanished = true })
			same(t, "lifted", 0, diff.Compare(w.Input).Blocked())
		})
	}
	// Nor are their entries forgotten, which would lose what they held.
	w := gone(2, 2)
	w.Declared = []pool.Declared{declare("x")}
	plan := diff.Compare(w.Input)
	same(t, "forgotten", 2, plan.Count(diff.Forgotten))
	same(t, "blocked", 2, plan.Blocked())
	// Pools out of sight have not vanished.
	w = gone(3, 2)
	w.Scope.NoOrphans, w.Declared = true, w.Declared[:1]
	same(t, "all that were looked for under --only", 1, diff.Compare(w.Input).Blocked())
	w = gone(3, 1)
	w.Scope.NoOrphans, w.Declared = true, w.Declared[:2]
	same(t, "one of two under --only", 0, diff.Compare(w.Input).Blocked())
}

// TestSeveralGuards: all that forbid a change are named.
func TestSeveralGuards(t *testing.T) {
	p := declare("p")
	w := changed(p, declare("p", items("i1"))).entry(entry(p, func(e *pool.Entry) { e.CommitTime = &now }))
	past := now.Add(-time.Hour)
	w.Scope.CommitTime = &past
	w.Options.Freeze = []diff.Freeze{{From: past, To: now.Add(time.Hour)}}
	same(t, "blocked", []string{"replace", "freeze", "older"}, rules(w.only(t)))
}
