package diff

import "github.com/poolsync/poolsync/internal/pool"

// updates is rows 8 to 11.
func (c *comparer) updates(ch *Change, u update, added pool.Content) {
	d := ch.Declared
	lacked := c.lacked(ch, added)
	u.known = added.Minus(lacked)
	corrections, fresh := c.corrections(ch, lacked)
	last := corrections.Len() == 0
	if added.Len() > 0 {
		ch.rule("8")
		ch.content(added, pool.Content{}, firstPlace(d, added))
		if d.UnpublishedPublished != ch.Entry.Sent.UnpublishedPublished {
			ch.field("set_unpublished_to_published", false, true, d.At.UnpublishedPublished)
		}
	}
	differs := ch.nameAndStatus(u)
	switch {
	case lacked.Len() > 0:
		ch.add(Append)
		c.append(ch, u, lacked, fresh, last)
		if differs && lacked.Equal(explicit(added)) {
			c.askCarrier(ch) // should the pool turn out to hold all of it
		}
	case differs:
		if added.Len() == 0 {
			ch.rule("9")
		}
		ch.add(Edit)
		c.carry(ch, u, pool.OpEdit, last)
	case added.Len() > 0 && last:
		ch.add(Append)
		ch.Record = u.recorded()
		ch.Record.Corrections = mergeCorrections(ch.Record.Corrections, fresh)
	}
	if !last {
		ch.addCorrection(u, corrections, fresh)
	}
	c.describe(ch)
	ch.Dangerous = ch.Dangerous || (len(ch.Calls) > 0 && u.now != u.target)
}

// append adds the call that brings what the pool lacks.
func (c *comparer) append(ch *Change, u update, lacked pool.Content, fresh []pool.Correction, last bool) {
	call := u.call(pool.OpAppend, lacked, false, last)
	if facts, known := c.in.Facts[ch.Key]; known && facts.Readable {
		call.Lacked = explicit(lacked)
	}
	if last {
		call.After.Corrections = mergeCorrections(call.After.Corrections, fresh)
	}
	ch.addCall(call)
}

// lacked returns what of the added content has to be sent. A reference that the pool
// holds already, by a tag for one, is left out: whether sending it again would copy
// it again is not documented. What a tag brings cannot be looked up.
func (c *comparer) lacked(ch *Change, added pool.Content) pool.Content {
	named := explicit(added)
	facts, known := c.in.Facts[ch.Key]
	switch {
	case named.Len() == 0:
		return added
	case !known:
		ch.ask(Need{Members: named})
		return added
	case !facts.Readable:
		ch.note(Note{Kind: NoteUnread, Reason: facts.Reason})
		return added
	}
	lacked := named.Minus(facts.Members)
	if held := named.Minus(lacked); held.Len() > 0 {
		ch.note(Note{Kind: NoteHeldAlready, References: held})
	}
	return added.Minus(named.Minus(lacked))
}
