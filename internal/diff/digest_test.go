package diff_test

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/poolsync/poolsync/internal/diff"
	"github.com/poolsync/poolsync/internal/pool"
)

// mixed is a world with several verdicts.
func mixed() *world {
	w := newWorld().managed(declare("a")).managed(declare("b")).managed(declare("c")).managed(declare("gone"))
	w.carrier("b")
	return w.declared(declare("a", items("i1", "i2", "i3")), declare("b", name("Other")), declare("c", snapshot("one")), declare("d"))
}

// TestDigestIsOfTheOperations is section 5: the digest is over operations and
// what they rest on, not over wording, places, times or order.
func TestDigestIsOfTheOperations(t *testing.T) {
	want := diff.Compare(mixed().Input).Digest
	random := rand.New(rand.NewPCG(1, 2))
	for name, change := range map[string]func(*world){
		"the same":          func(*world) {},
		"read later":        func(w *world) { w.Now = now.Add(time.Hour) },
		"another version":   func(w *world) { w.StateVersion = "8" },
		"moved in the file": func(w *world) { w.Declared[0].At.Items[2] = at(99, 1) },
		"another file":      func(w *world) { w.Declared[0].File = "b.yaml" },
		"a note": func(w *world) {
			w.Declared[2].Corrections = []pool.Correction{{ID: "x", Items: []string{"i1"}, Note: "n"}}
		},
		"applied at another time": func(w *world) {
			e := w.State[key("a")]
			e.AppliedAt, e.Commit = &now, "abc"
			w.State[key("a")] = e
		},
		"unchanged pools": func(w *world) { w.managed(declare("e")).declared(declare("e")) },
		"another order": func(w *world) {
			random.Shuffle(len(w.Declared), func(i, j int) { w.Declared[i], w.Declared[j] = w.Declared[j], w.Declared[i] })
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := mixed()
			change(w)
			same(t, "digest", want, diff.Compare(w.Input).Digest)
		})
	}
	for name, change := range map[string]func(*world){
		"other content":     func(w *world) { w.Declared[0] = declare("a", items("i1", "i2", "i4")) },
		"another name":      func(w *world) { w.Declared[1].Name = "Third" },
		"a pool less":       func(w *world) { w.Declared = w.Declared[:3] },
		"written meanwhile": func(w *world) { w.live(live(declare("a"), writtenByOthers)) },
		"applied meanwhile": func(w *world) {
			w.entry(entry(declare("a"), func(e *pool.Entry) { e.Job = "job-2" }))
		},
		"another carrier": func(w *world) {
			w.facts("b", readable(diff.Carrier{Reference: "i2", Published: true, Updated: applied.AddDate(0, -1, 0)}))
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := mixed()
			change(w)
			same(t, "digest is the same", false, want == diff.Compare(w.Input).Digest)
		})
	}
}

// TestOrderOfChanges is by key, whatever the order of the declarations.
func TestOrderOfChanges(t *testing.T) {
	w := mixed()
	slices.Reverse(w.Declared)
	var got []pool.Reference
	for _, ch := range diff.Compare(w.Input).Changes {
		got = append(got, ch.Reference)
		same(t, "fingerprint", len(ch.Calls) > 0, ch.Fingerprint != "")
	}
	same(t, "order", []pool.Reference{"a", "b", "c", "d", "gone"}, got)
}

// TestCompareChangesNoInput: a comparison is made twice when facts are needed.
func TestCompareChangesNoInput(t *testing.T) {
	w, untouched := mixed(), mixed()
	diff.Compare(w.Input)
	same(t, "input", untouched.Input, w.Input)
}

func TestCounts(t *testing.T) {
	plan := diff.Compare(mixed().Input)
	for a, n := range map[diff.Action]int{diff.Create: 1, diff.Append: 1, diff.Edit: 1, diff.Replace: 1, diff.Orphaned: 1, diff.Retire: 0} {
		same(t, string(a), n, plan.Count(a))
		same(t, string(a)+" is a call", a != diff.Orphaned, a.IsCall())
	}
	same(t, "listed actions", true, slices.Contains(diff.Actions, diff.Held))
	same(t, "has changes", true, plan.HasChanges())
}

// TestUnneeded names flags that lift nothing.
func TestUnneeded(t *testing.T) {
	w := mixed().managed(declare("r")).managed(declare("held")).managed(declare("frozen"))
	w.declared(declare("z"), declare("r"), declare("held"), declare("frozen", name("Other"))).live(live(declare("z"))).carrier("frozen")
	w.declared(declare("r", items("i1"))).live(live(declare("held"), func(l *pool.Live) { l.Status = pool.Unpublished }))
	o := diff.Options{
		AllowReplace: refs("r", "c", "a", "typo"), Overwrite: refs("z", "d"), AllowRefresh: refs("b", "a"), Republish: refs("held", "nobody"),
		BreakFreeze: refs("frozen", "a", "nobody"), MaxChangePercent: 30,
		Freeze: []diff.Freeze{{From: now.Add(-time.Hour), To: now.Add(time.Hour), Pools: []string{"frozen"}}},
	}
	w.Options = o
	var unneeded []string
	for _, g := range diff.Compare(w.Input).Unneeded {
		unneeded = append(unneeded, string(g.Flag)+" "+string(g.Name))
	}
	same(t, "unneeded", []string{
		"--allow-replace a",
		"--allow-replace c",
		"--allow-replace typo",
		"--overwrite d",
		"--allow-refresh a",
		"--allow-refresh b",
		"--republish nobody",
		"--break-freeze a",
		"--break-freeze nobody",
	}, unneeded)
	same(t, "spent", nil, diff.Compare(w.Input).Spent)
}

// TestSpent: what a flag allowed was done, so the run that is started again with
// it is not refused.
func TestSpent(t *testing.T) {
	done := func(op pool.Operation) func(*pool.Entry) {
		return func(e *pool.Entry) { e.Operation = op; e.AppliedAt = &now }
	}
	o := diff.Options{
		AllowReplace: refs("p"), Overwrite: refs("p"), AllowRefresh: refs("p"), Republish: refs("p"), BreakFreeze: refs("p"),
		Freeze: []diff.Freeze{{From: now.Add(-time.Hour), To: now.Add(time.Hour)}},
	}
	for op, want := range map[pool.Operation][]string{
		pool.OpReplace: {"--allow-replace", "--overwrite", "--republish", "--break-freeze"},
		pool.OpEdit:    {"--allow-refresh", "--republish", "--break-freeze"},
		pool.OpCreate:  nil,
	} {
		w := changed(declare("p"), declare("p")).entry(entry(declare("p"), done(op)))
		w.Options = o
		var spent []string
		for _, l := range diff.Compare(w.Input).Spent {
			spent = append(spent, string(l.Flag))
		}
		same(t, "spent by "+string(op), want, spent)
		same(t, "unneeded after "+string(op), 5-len(want), len(diff.Compare(w.Input).Unneeded))
	}
	w := changed(declare("p"), declare("p")).entry(entry(declare("p"), func(e *pool.Entry) { e.Pending = &pool.PendingCall{} }))
	w.Options, w.Unsettled = o, map[pool.Key]diff.Unsettled{key("p"): {Running: true}}
	same(t, "in doubt", 0, len(diff.Compare(w.Input).Unneeded))
}

// TestWanted tells what the manifest asks for from what was changed outside.
func TestWanted(t *testing.T) {
	p := declare("p")
	renamed := live(p, func(l *pool.Live) { l.Name = "Theirs" })
	same(t, "declared anew", true, changed(p, declare("p", name("Other"))).carrier("p").only(t).Wanted())
	same(t, "changed outside", false, changed(p, p).live(renamed).carrier("p").only(t).Wanted())
	same(t, "a new label", true, changed(p, declare("p", snapshot("one"))).only(t).Wanted())
	same(t, "a correction", true, changed(p, declare("p", correction("c", "i1"))).carrier("p").only(t).Wanted())
	same(t, "a new pool", true, newWorld().declared(p).only(t).Wanted())
}
