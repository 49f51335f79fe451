package diff

import "github.com/poolsync/poolsync/internal/pool"

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
		l, back := ch.LivePool, ch.Entry.ReadBack
		ch.note(Note{Kind: NoteTouched, Earlier: back != nil && back.Updated == l.Updated})
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
		!d.Lifecycle.IgnoreStatus && !c.lift(ch, Republish)
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
