package diff_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/poolsync/poolsync/internal/diff"
	"github.com/poolsync/poolsync/internal/pool"
)

// TestCarrier is rule 3: an edit carries one published item whose copy in the
// pool is as the bank has it now; without one it is refused.
func TestCarrier(t *testing.T) {
	fresh, stale := applied.Add(-time.Second), applied
	item := func(ref string, published bool, updated time.Time) diff.Carrier {
		return diff.Carrier{Reference: ref, Published: published, Updated: updated}
	}
	tests := []struct {
		name    string
		facts   diff.Facts
		refresh bool
		carries []string
		blocked bool
	}{
		{"unchanged", readable(item("i1", true, fresh)), false, []string{"i1"}, false},
		{"the first that is unchanged", readable(item("i1", true, stale), item("i2", true, fresh)), false, []string{"i2"}, false},
		{"unpublished ones are passed over", readable(item("i1", false, fresh), item("i2", true, fresh)), false, []string{"i2"}, false},
		{"changed in the second of the call", readable(item("i1", true, stale)), false, []string{"i1"}, true},
		{"changed since", readable(item("i1", true, stale.Add(time.Hour))), false, []string{"i1"}, true},
		{"the bank does not say when", readable(item("i1", true, time.Time{})), false, []string{"i1"}, true},
		{"changed since, and allowed", readable(item("i1", true, stale)), true, []string{"i1"}, false},
		{"no item at all", readable(), false, nil, true},
		{"no item at all, and allowed", readable(), true, nil, true},
		{"only unpublished ones, and allowed", readable(item("i1", false, fresh)), true, nil, true},
		{"not readable", diff.Facts{Reason: "HTTP 400"}, false, nil, true},
		{"not answered", diff.Facts{Reason: "HTTP 500", Unanswered: true}, false, nil, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := changed(declare("p"), declare("p", name("Other"))).facts("p", tt.facts)
			if tt.refresh {
				w.Options.AllowRefresh = refs("p")
			}
			ch := w.only(t)
			same(t, "requests", []pool.Request{updateRequest("p", "Other", pool.Published, false, tt.carries...)}, requests(ch))
			var want []string
			if tt.blocked {
				want = []string{"edit-would-refresh"}
			}
			same(t, "blocked", want, rules(ch))
			if tt.blocked {
				same(t, "stops the run", !tt.facts.Unanswered, ch.Stops())
			}
			if tt.blocked && len(tt.carries) > 0 {
				same(t, "remedy names the flag", true, ch.Blocked[0].Flag == diff.AllowRefresh)
			}
			if !tt.facts.Readable {
				same(t, "says why", tt.facts.Reason, ch.Blocked[0].Reason)
			}
		})
	}
}

// TestCarrierOfAPoolThatCannotBeRead: then the state's word that an item is in the
// pool has to do, unless something has happened to the pool that the state does
// not know of. Even then, the flag lifts the guard.
func TestCarrierOfAPoolThatCannotBeRead(t *testing.T) {
	p := declare("p")
	unseen := func(updated time.Time) diff.Facts {
		return diff.Facts{Reason: "HTTP 400", Carriers: []diff.Carrier{
			{Reference: "i0", Published: true, Updated: applied, Unseen: true}, {Reference: "i1", Published: true, Updated: updated, Unseen: true},
		}}
	}
	fresh := unseen(applied.Add(-time.Second))
	unverified := func() *world {
		return changed(p, declare("p", name("Other"))).entry(entry(p, func(e *pool.Entry) { e.Verified = false }))
	}
	for name, tt := range map[string]struct {
		world   *world
		facts   diff.Facts
		carries string
		blocked []string
	}{
		"unchanged":        {unverified(), fresh, "i1", nil},
		"changed":          {unverified(), unseen(applied), "i0", []string{"edit-would-refresh"}},
		"touched":          {unverified().live(live(p, writtenByOthers)), fresh, "i1", []string{"edit-would-refresh"}},
		"halted":           {unverified().live(live(p, reads(pool.Halted))), fresh, "i1", []string{"edit-would-refresh"}},
		"nothing is named": {unverified(), diff.Facts{Reason: "HTTP 400"}, "", []string{"edit-would-refresh"}},
	} {
		t.Run(name, func(t *testing.T) {
			ch := tt.world.facts("p", tt.facts).only(t)
			var carries []string
			if tt.carries != "" {
				carries = []string{tt.carries}
			}
			same(t, "carries", carries, ch.Calls[0].Request.Content.Items)
			same(t, "blocked", tt.blocked, rules(ch))
			for _, b := range ch.Blocked {
				same(t, "says why", "HTTP 400", b.Reason)
				same(t, "names the flag", tt.carries != "", b.Flag == diff.AllowRefresh)
				same(t, "says what it might do", name == "touched" || name == "halted", b.Guessed)
			}
			ch = tt.world.options(func(o *diff.Options) { o.AllowRefresh = refs("p") }).only(t)
			same(t, "blocked, with the flag", tt.carries == "", len(ch.Blocked) > 0)
		})
	}
}

func readable(c ...diff.Carrier) diff.Facts { return diff.Facts{Readable: true, Carriers: c} }

// TestCarrierNeverAppliedHere: an entry that does not say when its pool was
// copied cannot vouch for any copy.
func TestCarrierWithoutATime(t *testing.T) {
	p := declare("p")
	ch := changed(p, declare("p", name("Other"))).entry(entry(p, func(e *pool.Entry) { e.CalledAt = nil })).carrier("p").only(t)
	same(t, "blocked", []string{"edit-would-refresh"}, rules(ch))
}

// TestCarrierNeed: candidates come from the state, and are believed to be in the
// pool only where they were seen there and nothing has happened since.
func TestCarrierNeed(t *testing.T) {
	p := declare("p")
	tagsOnly := declare("p", items(), tags(pool.Selector{Type: "course"}))
	renamed := func(d pool.Declared) pool.Declared { d.Name = "Other"; return d }
	want := func(trusted bool, items ...string) []diff.Need {
		return []diff.Need{{Key: key("p"), Carrier: true, Trusted: trusted, Items: items, Copied: applied}}
	}
	var many []string
	for i := range 120 {
		many = append(many, fmt.Sprintf("i%03d", i))
	}
	large := declare("p", items(many...))
	for name, tt := range map[string]struct {
		world *world
		want  []diff.Need
	}{
		"verified":   {changed(p, renamed(p)), want(true, "i1", "i2")},
		"unverified": {changed(p, renamed(p)).entry(entry(p, func(e *pool.Entry) { e.Verified = false })), want(false, "i1", "i2")},
		"touched":    {changed(p, renamed(p)).live(live(p, writtenByOthers)), want(false, "i1", "i2")},
		"halted":     {changed(p, renamed(p)).live(live(p, reads(pool.Halted))), want(false, "i1", "i2")},
		"many":       {changed(large, renamed(large)), want(true, many...)},
		"adopted":    {changed(p, renamed(p)).entry(entry(p, func(e *pool.Entry) { e.CalledAt = nil })), []diff.Need{{Key: key("p"), Carrier: true, Trusted: true, Items: []string{"i1", "i2"}}}},
		"tags only":  {changed(tagsOnly, renamed(tagsOnly)), want(true)},
		"retire":     {newWorld().managed(p).options(func(o *diff.Options) { o.Prune = true }), want(true, "i1", "i2")},
	} {
		t.Run(name, func(t *testing.T) { same(t, "needs", tt.want, diff.Compare(tt.world.Input).Needs) })
	}
	same(t, "answered", nil, diff.Compare(changed(p, renamed(p)).carrier("p").Input).Needs)
	lookUp := []diff.Need{{Key: key("p"), Members: pool.Content{Items: []string{"i3"}}}}
	same(t, "an append needs no carrier", lookUp, diff.Compare(changed(p, declare("p", items("i1", "i2", "i3"))).Input).Needs)
	lookUp[0].Carrier, lookUp[0].Trusted, lookUp[0].Items, lookUp[0].Copied = true, true, []string{"i1", "i2"}, applied
	same(t, "unless it may turn out to be an edit", lookUp, diff.Compare(changed(p, declare("p", name("Other"), items("i1", "i2", "i3"))).Input).Needs)
}
