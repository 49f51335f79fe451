package diff

import (
	"slices"
	"time"

	"github.com/poolsync/poolsync/internal/pool"
)

// corrections gives what the new corrections ask to be copied again, and the new
// corrections themselves. It asks for membership: update with overwrite is
// documented for objects that exist in the pool. What the same run appends is
// copied fresh where the pool lacks it, and need not be sent again; what the pool
// holds already, by a tag for one, an append may pass over.
func (c *comparer) corrections(ch *Change, added pool.Content) (pool.Content, []pool.Correction) {
	var fresh []pool.Correction
	var content pool.Content
	for _, corr := range ch.Declared.Corrections {
		if _, known := ch.knownCorrection(corr.ID); !known {
			fresh = append(fresh, corr)
			content = content.Union(corr.Content())
		}
	}
	if content.Len() == 0 {
		return pool.Content{}, fresh
	}
	facts, known := c.in.Facts[ch.Key]
	switch {
	case !known:
		ch.ask(Need{Members: content, Published: content})
	case !facts.Readable:
		ch.unread(facts, Refusal{Rule: RuleNotInPool})
	default:
		lacking := content.Minus(facts.Members)
		missing := lacking.Minus(added)
		if missing.Len() > 0 {
			ch.Source = ch.Declared.Position(correctionPlace(ch.Declared, missing).At)
			ch.block(Refusal{Rule: RuleNotInPool, References: slices.Concat(missing.Items, missing.Activities)})
		}
		content = content.Minus(lacking).Union(missing)
		c.unpublished(ch, facts, content.Minus(missing))
	}
	return content, fresh
}

// unpublished refuses corrections of what the bank cannot copy now: their job would
// skip it and complete all the same, and the id would be spent.
func (c *comparer) unpublished(ch *Change, facts Facts, content pool.Content) {
	unfit, refs := facts.unfit(content, ch.Declared.UnpublishedPublished)
	if len(unfit) == 0 {
		return
	}
	ch.Source = ch.Declared.Position(correctionPlace(ch.Declared, refs).At)
	ch.block(Refusal{Rule: RuleNotPublished, Unfit: unfit, At: ch.Source})
}

// changedCorrections refuses corrections that were carried out with other
// references, whatever else is due: recorded anew or left as they are, they would
// say something that did not happen.
func (ch *Change) changedCorrections() {
	for _, corr := range ch.Declared.Corrections {
		if known, ok := ch.knownCorrection(corr.ID); ok && !known.Content().Equal(corr.Content()) {
			ch.rule("10")
			ch.Source = ch.Declared.Position(corr.At)
			ch.block(Refusal{Rule: RuleCorrectionChanged, Correction: corr.ID})
		}
	}
}

// knownCorrection finds a correction that was carried out.
func (ch *Change) knownCorrection(id string) (pool.Correction, bool) {
	done := ch.Entry.Sent.Corrections
	i := slices.IndexFunc(done, func(o pool.Correction) bool { return o.ID == id })
	if i < 0 {
		return pool.Correction{}, false
	}
	return done[i], true
}

// correctionPlace finds the correction that names any of the references.
func correctionPlace(d *pool.Declared, missing pool.Content) pool.Correction {
	for _, corr := range d.Corrections {
		if corr.Content().Minus(missing).Len() < corr.Content().Len() {
			return corr
		}
	}
	return pool.Correction{}
}

// addCorrection is row 10: one call for all new corrections.
func (ch *Change) addCorrection(u update, content pool.Content, fresh []pool.Correction) {
	if len(ch.Calls) == 0 {
		ch.rule("10")
	}
	ch.add(Correct)
	call := u.call(pool.OpCorrect, content, true, true)
	if n := len(ch.Calls); n > 0 {
		before := ch.Calls[n-1].After
		call.After.Content, call.After.UnpublishedPublished = before.Content, before.UnpublishedPublished
	}
	call.After.Corrections = mergeCorrections(call.After.Corrections, fresh)
	for _, corr := range fresh {
		ch.field("corrections."+corr.ID, nil, slices.Concat(corr.Items, corr.Activities), corr.At)
	}
	ch.addCall(call)
	ch.Dangerous = ch.Dangerous || ch.LivePool.Status == pool.Published
}

// carry adds a call that changes only name and status. The API wants content in
// it, and whether it copies again what is already in the pool is not documented.
// So it carries one item whose copy in the pool is as the bank has it now: then
// copying and skipping give the same pool.
func (c *comparer) carry(ch *Change, u update, op pool.Operation, last bool) {
	facts, known := c.in.Facts[ch.Key]
	vouched := c.vouched(ch)
	if !known {
		c.askCarrier(ch)
		ch.addCall(u.call(op, pool.Content{}, false, last))
		return
	}
	carrier, found := ch.chooseCarrier(facts)
	var content pool.Content
	if found {
		content.Items = []string{carrier.Reference}
	}
	ch.addCall(u.call(op, content, false, last))
	guessed := carrier.Unseen && !vouched
	if (carrier.Unchanged(ch.copied()) && !guessed) || (found && c.lift(ch, AllowRefresh)) {
		return
	}
	r := Refusal{Rule: RuleEditWouldRefresh, Carrier: carrier.Reference, Guessed: guessed}
	if found {
		r.Flag = AllowRefresh
	}
	ch.unread(facts, r)
}

// vouched reports whether the state can tell what the pool holds: a halted job may
// have lost content, and so may someone else.
func (c *comparer) vouched(ch *Change) bool {
	return !c.touched(ch) && ch.LivePool.Status != pool.Halted
}

// askCarrier asks for an item that an edit can carry.
func (c *comparer) askCarrier(ch *Change) {
	if _, known := c.in.Facts[ch.Key]; !known {
		ch.ask(Need{Carrier: true, Trusted: ch.Entry.Verified && c.vouched(ch), Items: ch.Entry.Sent.Content.Items, Copied: ch.copied()})
	}
}

// unread refuses a change for what could not be seen in the pool. A server that
// did not answer is no fault of the manifests, and holds back this pool alone.
func (ch *Change) unread(f Facts, r Refusal) {
	r.Reason, r.Unanswered, r.Own = f.Reason, f.Unanswered, f.Unanswered
	ch.block(r)
}

// chooseCarrier takes a published item that has not changed in the bank since the
// pool's last set was accepted. Failing that, it takes any published one.
func (ch *Change) chooseCarrier(f Facts) (carrier Carrier, found bool) {
	for _, c := range f.Carriers {
		switch {
		case c.Unchanged(ch.copied()):
			return c, true
		case c.Published && !found:
			carrier, found = c, true
		}
	}
	return carrier, found
}

// copied is when the pool's last set was accepted; zero if it was not ours.
func (ch *Change) copied() time.Time {
	if at := ch.Entry.CalledAt; at != nil {
		return *at
	}
	return time.Time{}
}

// ask merges a need into the change's.
func (ch *Change) ask(n Need) {
	if ch.need == nil {
		ch.need = &Need{Key: ch.Key}
	}
	ch.need.Members, ch.need.Published = ch.need.Members.Union(n.Members), ch.need.Published.Union(n.Published)
	if n.Carrier {
		ch.need.Carrier, ch.need.Trusted, ch.need.Items, ch.need.Copied = true, n.Trusted, n.Items, n.Copied
	}
}
