package diff

import (
	"maps"
	"slices"

	"github.com/poolsync/poolsync/internal/pool"
	"github.com/poolsync/poolsync/internal/source"
)

// orphans is rows 12 and 14: entries of this set that nothing declares.
func (c *comparer) orphans() {
	for _, k := range slices.SortedFunc(maps.Keys(c.in.State), pool.Key.Compare) {
		e := c.in.State[k]
		if c.declared[k] || c.in.Scope.Elsewhere[k] || e.Set != c.in.Scope.Set ||
			!slices.Contains(c.in.Scope.Banks, k.Bank) || !c.in.Scope.covers(e.File) {
			continue
		}
		ch := Change{Key: k, Source: source.Position{File: e.File}}
		c.attach(&ch)
		if c.orphan(&ch); len(ch.Actions) > 0 {
			c.plan.Changes = append(c.plan.Changes, ch)
		}
	}
}

func (c *comparer) orphan(ch *Change) {
	e, l := ch.Entry, ch.LivePool
	switch {
	case e.Pending != nil:
		c.inDoubt(ch)
	case l == nil || e.Sent == nil:
		ch.rule("14")
		ch.add(Forgotten)
	case l.Status == pool.Pending:
		ch.pendingOutside()
	case e.Retired && l.Status != pool.Published:
	case !c.in.Options.Prune:
		ch.rule("12")
		ch.add(Orphaned)
		ch.note(Note{Kind: NoteOrphaned})
		c.external(ch, false, c.touched(ch))
	default:
		c.retire(ch)
		c.external(ch, false, c.touched(ch))
	}
}

// retire unpublishes an orphan. One that is unpublished already only gets its
// entry marked.
func (c *comparer) retire(ch *Change) {
	e, l := ch.Entry, ch.LivePool
	ch.rule("12")
	ch.add(Retire)
	if l.Status == pool.Unpublished {
		return
	}
	ch.Fields = append(ch.Fields, Field{Path: "status", Before: string(l.Status), After: string(pool.Unpublished)})
	ch.Dangerous = true
	u := update{entry: e, live: l, name: l.Name, target: pool.Unpublished, now: liveStatus(e, l)}
	c.carry(ch, u, pool.OpRetire, true)
}

// hintRenames tells of a pool that went while one with the same content came.
func (c *comparer) hintRenames() {
	var gone []*Change
	for i := range c.plan.Changes {
		if ch := &c.plan.Changes[i]; (ch.Has(Orphaned) || ch.Has(Retire)) && ch.Entry != nil && ch.Entry.Sent != nil {
			gone = append(gone, ch)
		}
	}
	if len(gone) == 0 {
		return
	}
	for i := range c.plan.Changes {
		ch := &c.plan.Changes[i]
		if !ch.Has(Create) || ch.Declared == nil {
			continue
		}
		for _, old := range gone {
			if old.Bank == ch.Bank && old.Entry.Sent.Content.Equal(ch.Declared.Content) {
				ch.note(Note{Kind: NoteRenamed, Old: old.Reference})
			}
		}
	}
}
