package diff

import (
	"slices"

	"github.com/poolsync/poolsync/internal/pool"
)

// badLabel refuses a snapshot label that the pool had before: rebuilding takes
// today's bank and cannot bring old content back.
func (c *comparer) badLabel(ch *Change) bool {
	d, s := ch.Declared, ch.Entry.Sent
	if d.Snapshot == "" || d.Snapshot == s.Snapshot || !slices.Contains(s.Labels, d.Snapshot) {
		return false
	}
	ch.rule("7")
	ch.add(Replace)
	ch.field("snapshot", s.Snapshot, d.Snapshot, d.At.Snapshot)
	ch.block(Refusal{Rule: RuleSnapshotUsed, Label: d.Snapshot, At: d.Position(d.At.Snapshot)})
	return true
}

// newLabel reports whether the manifest asks for a rebuild by a label that the
// pool never had.
func (ch *Change) newLabel() bool {
	d, s := ch.Declared, ch.Entry.Sent
	return d.Snapshot != "" && d.Snapshot != s.Snapshot && !slices.Contains(s.Labels, d.Snapshot)
}

// wantsReplace tells whether only a rebuild brings the pool to what is declared,
// and notes what asks for it.
func (ch *Change) wantsReplace(added pool.Content) bool {
	d, s := ch.Declared, ch.Entry.Sent
	removed := s.Content.Minus(d.Content)
	grows := added.Len() > 0 && removed.Len() == 0
	ignoreChanged := d.IgnoreEmpty != s.IgnoreEmpty
	publishChanged := d.UnpublishedPublished != s.UnpublishedPublished &&
		!(d.UnpublishedPublished && grows) // an append can carry the flag
	beyondUpdate := d.IgnoreEmpty && grows && added.HasAdditional()
	if removed.Len() == 0 && !ignoreChanged && !publishChanged && !beyondUpdate && !ch.newLabel() {
		return false
	}
	if ch.newLabel() {
		ch.field("snapshot", s.Snapshot, d.Snapshot, d.At.Snapshot)
	}
	if removed.Len() > 0 || added.Len() > 0 {
		at := d.At.Content
		if removed.Len() == 0 {
			at = firstPlace(d, added)
		}
		ch.content(added, removed, at)
	}
	if ignoreChanged {
		ch.field("ignore_empty_additional_tags", s.IgnoreEmpty, d.IgnoreEmpty, d.At.IgnoreEmpty)
	}
	if d.UnpublishedPublished != s.UnpublishedPublished {
		ch.field("set_unpublished_to_published", s.UnpublishedPublished, d.UnpublishedPublished, d.At.UnpublishedPublished)
	}
	return true
}

// replace is row 7. It absorbs every other difference. Fields that the
// lifecycle ignores, and the status of a held pool, stay as they are live.
func (c *comparer) replace(ch *Change, u update, touched bool) {
	d, e, l := ch.Declared, ch.Entry, ch.LivePool
	ch.rule("7")
	ch.add(Replace)
	ch.nameAndStatus(u)
	call := setCall(pool.OpReplace, d, e, true)
	call.Request.Name, call.After.Name = u.name, u.name
	call.Request.Status, call.After.Status = u.target, u.target
	if u.held {
		call.After.Status = e.Sent.Status
	}
	if d.Lifecycle.IgnoreDescription {
		description := l.Description
		call.Request.Description, call.After.Description = &description, description
	} else if c.descriptionDiffers(ch) {
		ch.field("description", l.Description, d.Description, d.At.Description)
	}
	ch.addCall(call)
	ch.Dangerous = l.Status != pool.Unpublished
	c.leaving(ch)
	c.consent(ch, touched)
}

// consent refuses a rebuild that nobody asked for.
func (c *comparer) consent(ch *Change, touched bool) {
	d := ch.Declared
	denied := d.Lifecycle.Replace == pool.ReplaceDeny
	if !denied && !touched && (d.Lifecycle.Replace == pool.ReplaceAllow || ch.newLabel()) {
		return
	}
	allowed := c.lift(ch, AllowReplace)
	leaves := ch.Content.Removed.Len() > 0
	switch {
	case denied:
		ch.block(Refusal{Rule: RuleReplaceDenied, Leaves: leaves, At: d.Position(d.At.Replace)})
	case allowed:
	case touched:
		ch.block(Refusal{Rule: RuleReplaceTouched, Leaves: leaves, Flag: AllowReplace})
	default:
		ch.block(Refusal{Rule: RuleReplace, Leaves: leaves, Flag: AllowReplace, At: d.Position(d.At.Snapshot)})
	}
}

// leaving looks up what the bank cannot copy as it is now: a rebuild loses it,
// whatever the manifest says (pools endpoint: one valid entry is enough for a job).
func (c *comparer) leaving(ch *Change) {
	named := explicit(ch.Declared.Content)
	facts, known := c.in.Facts[ch.Key]
	switch {
	case named.Len() == 0:
		return
	case !known:
		ch.ask(Need{Published: named})
		return
	}
	unfit, refs := facts.unfit(named, ch.Declared.UnpublishedPublished)
	if len(unfit) == 0 {
		return
	}
	ch.Leaving = unfit
	ch.note(Note{Kind: NoteLeaving, Unfit: unfit})
	if ch.Entry != nil && ch.Entry.Sent != nil {
		held := refs.Minus(refs.Minus(ch.Entry.Sent.Content))
		ch.Content.Removed = ch.Content.Removed.Union(held)
	}
}

// explicit is what a content names one by one, and can be looked up.
func explicit(c pool.Content) pool.Content {
	return pool.Content{Items: c.Items, Activities: c.Activities}
}
