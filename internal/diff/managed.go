package diff

import (
	"slices"
	"strings"

	"github.com/poolsync/poolsync/internal/pool"
	"github.com/poolsync/poolsync/internal/source"
)

// managed is rows 6 to 11: declared, live and recorded.
func (c *comparer) managed(ch *Change) {
	d, e, l := ch.Declared, ch.Entry, ch.LivePool
	touched := c.touched(ch)
	held := c.held(ch)
	u := update{declared: d, entry: e, live: l, name: d.Name, target: d.Status, now: liveStatus(e, l), held: held}
	if d.Lifecycle.IgnoreName {
		u.name = l.Name
	}
	if held || d.Lifecycle.IgnoreStatus {
		u.target = u.now
	}
	added := d.Content.Minus(e.Sent.Content)
	if c.badLabel(ch) {
		return
	}
	ch.changedCorrections()
	if ch.wantsReplace(added) {
		c.replace(ch, u, touched)
	} else {
		c.updates(ch, u, added)
	}
	if l.Status == pool.Halted && len(ch.Calls) == 0 && len(ch.Blocked) == 0 {
		ch.rule("6")
		ch.add(Halted)
		ch.own(Refusal{Rule: RuleHalted, Reason: e.LastError})
	}
	if held {
		if len(ch.Actions) == 0 {
			ch.rule("2.6")
		}
		ch.add(Held)
		ch.note(Note{Kind: NoteHeld})
	}
	c.external(ch, held, touched)
}

// external tells of a pool that someone else wrote to, in addition to any verdict.
func (c *comparer) external(ch *Change, held, touched bool) {
	if touched {
		if len(ch.Actions) == 0 {
			ch.rule("touched")
		}
		ch.add(Touched)
		ch.note(Note{Kind: NoteTouched})
	}
	if c.in.Options.FailOnExternal && (held || touched) {
		ch.block(Refusal{Rule: RuleExternalChange})
	}
}

// touched reports whether someone else wrote since our last job was read back.
func (c *comparer) touched(ch *Change) bool {
	return ch.Entry.TouchedBy(*ch.LivePool)
}

// held reports whether someone unpublished a pool that the manifest and the
// last call both publish.
func (c *comparer) held(ch *Change) bool {
	d, e := ch.Declared, ch.Entry
	return liveStatus(e, ch.LivePool) == pool.Unpublished && d.Status == pool.Published && e.Sent.Status == pool.Published &&
		!d.Lifecycle.IgnoreStatus && !ch.lift(Republish, c.in.Options.Republish)
}

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
	c.consent(ch, touched)
}

// consent refuses a rebuild that nobody asked for.
func (c *comparer) consent(ch *Change, touched bool) {
	d := ch.Declared
	denied := d.Lifecycle.Replace == pool.ReplaceDeny
	if !denied && !touched && (d.Lifecycle.Replace == pool.ReplaceAllow || ch.newLabel()) {
		return
	}
	allowed := ch.lift(AllowReplace, c.in.Options.AllowReplace)
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

// updates is rows 8 to 11.
func (c *comparer) updates(ch *Change, u update, added pool.Content) {
	d := ch.Declared
	corrections, fresh := c.corrections(ch, added)
	last := corrections.Len() == 0
	switch {
	case added.Len() > 0:
		ch.rule("8")
		ch.add(Append)
		ch.content(added, pool.Content{}, firstPlace(d, added))
		if d.UnpublishedPublished != ch.Entry.Sent.UnpublishedPublished {
			ch.field("set_unpublished_to_published", false, true, d.At.UnpublishedPublished)
		}
		ch.nameAndStatus(u)
		call := u.call(pool.OpAppend, added, false, last)
		call.Lacked = c.lacked(ch, added)
		if last {
			call.After.Corrections = mergeCorrections(call.After.Corrections, fresh)
		}
		ch.addCall(call)
	case ch.nameAndStatus(u):
		ch.rule("9")
		ch.add(Edit)
		c.carry(ch, u, pool.OpEdit, last)
	}
	if !last {
		ch.addCorrection(u, corrections, fresh)
	}
	c.describe(ch)
	ch.Dangerous = ch.Dangerous || (len(ch.Calls) > 0 && u.now != u.target)
}

// lacked returns those of the added references that the pool was seen to lack: they
// tell later whether an append happened whose answer was lost.
func (c *comparer) lacked(ch *Change, added pool.Content) pool.Content {
	named := pool.Content{Items: added.Items, Activities: added.Activities}
	switch facts, known := c.in.Facts[ch.Key]; {
	case named.Len() == 0:
	case !known:
		ch.ask(Need{Members: named})
	case facts.Readable:
		return named.Minus(facts.Members)
	}
	return pool.Content{}
}

// nameAndStatus notes differences of name and status and reports whether there
// are any. A name that the server changed on its way in is as declared if it
// was sent as declared and is live as it was read back.
func (ch *Change) nameAndStatus(u update) bool {
	d, e, l := ch.Declared, ch.Entry, ch.LivePool
	n := len(ch.Fields)
	if !d.Lifecycle.IgnoreName && !sameText(d.Name, e.Sent.Name, l.Name, e.ReadBack, func(l pool.Live) string { return l.Name }) {
		ch.field("name", l.Name, d.Name, d.At.Name)
	}
	if !d.Lifecycle.IgnoreStatus && !u.held {
		if e.Sent.Status != d.Status || u.now != d.Status {
			ch.field("status", string(l.Status), string(d.Status), d.At.Status)
		}
	}
	return len(ch.Fields) > n
}

// sameText compares a declared text with what was sent and what is live.
func sameText(declared, sent, live string, back *pool.Live, get func(pool.Live) string) bool {
	if declared != sent {
		return false
	}
	return live == declared || (back != nil && live == get(*back))
}

func (c *comparer) descriptionDiffers(ch *Change) bool {
	d, e, l := ch.Declared, ch.Entry, ch.LivePool
	return !d.Lifecycle.IgnoreDescription && d.Description != l.Description &&
		!sameText(d.Description, e.Sent.Description, l.Description, e.ReadBack, func(l pool.Live) string { return l.Description })
}

// describe is row 11: update documents no description.
func (c *comparer) describe(ch *Change) {
	if !c.descriptionDiffers(ch) {
		return
	}
	d := ch.Declared
	if len(ch.Actions) == 0 {
		ch.rule("11")
	}
	ch.add(Deferred)
	ch.field("description", ch.LivePool.Description, d.Description, d.At.Description)
	ch.note(Note{Kind: NoteDeferred})
}

// content notes a difference of content and, if it is the first difference,
// where the manifest asks for it.
func (ch *Change) content(added, removed pool.Content, at source.Place) {
	if len(ch.Fields)+len(ch.Blocked) == 0 {
		ch.Source = ch.Declared.Position(at)
	}
	ch.Content = Delta{Added: added, Removed: removed}
}

// firstPlace finds where the first of the added entries is written.
func firstPlace(d *pool.Declared, added pool.Content) source.Place {
	first := source.Place{}
	take := func(p source.Place) {
		if p.Known() && (!first.Known() || p.Line < first.Line) {
			first = p
		}
	}
	places(d.Content.Items, added.Items, strings.Compare, d.At.Items, take)
	places(d.Content.Activities, added.Activities, strings.Compare, d.At.Activities, take)
	places(d.Content.Tags, added.Tags, pool.Selector.Compare, d.At.Tags, take)
	places(d.Content.ItemTags, added.ItemTags, pool.Selector.Compare, d.At.ItemTags, take)
	places(d.Content.ActivityTags, added.ActivityTags, pool.Selector.Compare, d.At.ActivityTags, take)
	return first
}

func places[T any](all, some []T, compare func(a, b T) int, at []source.Place, take func(source.Place)) {
	for _, x := range some {
		if i, ok := slices.BinarySearchFunc(all, x, compare); ok && i < len(at) {
			take(at[i])
		}
	}
}
