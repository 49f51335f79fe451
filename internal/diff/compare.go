package diff

import (
	"maps"
	"slices"
	"time"

	"github.com/poolsync/poolsync/internal/pool"
	"github.com/poolsync/poolsync/internal/source"
)

// Compare decides what is to be done with every pool of the input. If the plan
// has Needs, it is not complete: read the facts and compare again with them.
func Compare(in Input) Plan {
	c := comparer{in: in, declared: make(map[pool.Key]bool, len(in.Declared))}
	for i := range in.Declared {
		c.declared[in.Declared[i].Key] = true
	}
	c.consents()
	for i := range in.Declared {
		if ch := c.pool(&in.Declared[i]); len(ch.Actions) > 0 || len(ch.Blocked) > 0 {
			c.plan.Changes = append(c.plan.Changes, ch)
		} else {
			c.plan.Unchanged++
		}
	}
	if !in.Scope.NoOrphans {
		c.orphans()
	}
	if in.Listed {
		c.unmanaged()
	}
	c.plan.Declared = len(in.Declared)
	slices.SortStableFunc(c.plan.Changes, func(a, b Change) int { return a.Key.Compare(b.Key) })
	c.hintRenames()
	c.guards()
	c.lifts()
	c.finish()
	return c.plan
}

// comparer holds a comparison under way.
type comparer struct {
	in       Input
	declared map[pool.Key]bool
	allowed  map[Flag]map[pool.Key]bool // the consents
	names    map[pool.Reference][]pool.Key
	plan     Plan
}

// pool evaluates the rows for a declared pool, in the order of the change model.
// A change without actions and blocks says that nothing differs.
func (c *comparer) pool(d *pool.Declared) Change {
	ch := Change{Key: d.Key, Declared: d, Source: d.Position(d.At.Pool)}
	c.attach(&ch)
	e, l := ch.Entry, ch.LivePool
	twin, hasTwin := c.in.Twins[d.Key]
	switch {
	case e != nil && e.Set != c.in.Scope.Set:
		ch.rule("3")
		ch.block(Refusal{Rule: RuleOtherSet, Set: e.Set, File: e.File})
	case e != nil && e.Pending != nil:
		c.inDoubt(&ch)
	case hasTwin && l == nil:
		ch.rule("3")
		ch.block(Refusal{Rule: RuleReferenceCase, Twin: twin.Reference})
	case l != nil && l.Status == pool.Pending:
		ch.pendingOutside()
		c.dueAfter(&ch)
	case l == nil:
		ch.create(e != nil && e.Sent != nil)
	case e == nil || e.Sent == nil:
		c.unknown(&ch)
	default:
		c.managed(&ch)
	}
	return ch
}

// attach fills in what is recorded and live of the change's pool.
func (c *comparer) attach(ch *Change) {
	ch.Evidence.StateVersion = c.in.StateVersion
	if !c.in.Now.IsZero() {
		ch.Evidence.ReadAt = c.in.Now.UTC().Format(time.RFC3339)
	}
	if e, ok := c.in.State[ch.Key]; ok {
		ch.Entry = &e
		ch.Evidence.Recorded = recorded(e)
		if e.AppliedAt != nil {
			ch.Evidence.RecordedAt = e.AppliedAt.UTC().Format(time.RFC3339)
		}
	}
	if l, ok := c.in.Live[ch.Key]; ok {
		ch.LivePool = &l
		ch.Evidence.Live = &LiveSeen{Name: l.Name, Status: l.Status, Updated: l.Updated}
	}
}

func recorded(e pool.Entry) *Recorded {
	r := &Recorded{Job: e.Job, LastError: e.LastError}
	if e.Sent != nil {
		r.Name, r.Status = e.Sent.Name, e.Sent.Status
	}
	if e.ReadBack != nil {
		r.Updated = e.ReadBack.Updated
	}
	return r
}

// inDoubt is for a call whose outcome could not be settled before the plan.
func (c *comparer) inDoubt(ch *Change) {
	ch.rule("1")
	p := ch.Entry.Pending
	doubt, known := c.in.Unsettled[ch.Key]
	switch {
	case p.Job != "" && (doubt.Running || !known):
		ch.add(Pending)
		ch.own(Refusal{Rule: RuleJobRunning, Call: p, Running: true})
	case doubt.Running:
		ch.add(Pending)
		ch.own(Refusal{Rule: RuleJobRunning, Call: p, Reason: doubt.Reason})
	default:
		ch.add(Unknown)
		ch.own(Refusal{Rule: RuleInDoubt, Call: p, Reason: doubt.Reason})
	}
	if ch.Has(Pending) {
		c.afterwards(ch)
	}
}

// afterwards notes what the plan would be if the call under way ends well.
func (c *comparer) afterwards(ch *Change) {
	p := ch.Entry.Pending
	if ch.Declared == nil {
		ch.note(Note{Kind: NoteUndeclared})
		return
	}
	if p.After == nil || p.After.Sent == nil {
		return
	}
	seen := pool.Live{Reference: ch.Reference, Name: p.Request.Name, Description: p.After.Sent.Description, Status: p.Request.Status}
	settled := *p.After
	settled.ReadBack = &seen
	then := comparer{allowed: c.allowed, in: Input{
		State: map[pool.Key]pool.Entry{ch.Key: settled}, Live: map[pool.Key]pool.Live{ch.Key: seen}, Scope: c.in.Scope, Options: c.in.Options,
	}}
	next := then.pool(ch.Declared)
	if len(next.Actions) > 0 {
		ch.Fields, ch.Content = next.Fields, next.Content
	}
	ch.due = len(next.Calls) > 0
	ch.note(Note{Kind: NoteAfterCall, Operation: p.Operation, Next: next.Actions})
}

func (ch *Change) pendingOutside() {
	ch.rule("2")
	ch.add(Pending)
	ch.own(Refusal{Rule: RuleJobRunning})
}

// dueAfter tells whether anything will be due once someone else's job has ended.
func (c *comparer) dueAfter(ch *Change) {
	e := ch.Entry
	if e == nil || e.Sent == nil {
		return
	}
	free := *ch.LivePool
	free.Status = liveStatus(e, ch.LivePool)
	then := comparer{in: Input{
		State: map[pool.Key]pool.Entry{ch.Key: *e}, Live: map[pool.Key]pool.Live{ch.Key: free}, Scope: c.in.Scope, Options: c.in.Options,
	}}
	ch.due = len(then.pool(ch.Declared).Calls) > 0
}

// create is row 3: declared and not live.
func (ch *Change) create(vanished bool) {
	ch.rule("3")
	ch.add(Create)
	ch.addCall(setCall(pool.OpCreate, ch.Declared, ch.Entry, false))
	ch.wholeFields()
	if vanished {
		ch.changedCorrections()
		ch.note(Note{Kind: NoteVanished})
		ch.Evidence.Rule = "3 vanished"
	}
}

// unknown is rows 4 and 5: live, and the state does not know what it holds.
func (c *comparer) unknown(ch *Change) {
	switch {
	case ch.Entry != nil && ch.LivePool.Status == pool.Halted && ch.Entry.Created != "" && ch.Entry.Created == ch.LivePool.Created:
		ch.rule("5")
		ch.add(Create)
		ch.addCall(setCall(pool.OpCreate, ch.Declared, nil, true))
		ch.wholeFields()
		ch.note(Note{Kind: NoteCreationHalted, Reason: ch.Entry.LastError})
	case c.lift(ch, Overwrite):
		ch.rule("4")
		ch.add(Replace)
		ch.addCall(setCall(pool.OpReplace, ch.Declared, nil, true))
		ch.wholeFields()
		ch.Dangerous = ch.LivePool.Status == pool.Published
		ch.note(Note{Kind: NoteOverwritten})
		c.leaving(ch)
		if d := ch.Declared; d.Lifecycle.Replace == pool.ReplaceDeny {
			ch.block(Refusal{Rule: RuleReplaceDenied, At: d.Position(d.At.Replace)})
		}
	default:
		ch.rule("4")
		ch.add(Unknown)
		ch.own(Refusal{Rule: RuleUnknown, Flag: Overwrite})
	}
}

// unmanaged is row 13: live records that nobody declared or applied.
func (c *comparer) unmanaged() {
	for _, k := range slices.SortedFunc(maps.Keys(c.in.Live), pool.Key.Compare) {
		if _, known := c.in.State[k]; known || c.declared[k] || c.in.Scope.Elsewhere[k] {
			continue
		}
		ch := Change{Key: k}
		c.attach(&ch)
		ch.rule("13")
		ch.add(Unmanaged)
		c.plan.Changes = append(c.plan.Changes, ch)
	}
}

func (ch *Change) rule(r string) { ch.Evidence.Rule = r }

func (ch *Change) add(a Action) { ch.Actions = append(ch.Actions, a) }

func (ch *Change) addCall(c Call) { ch.Calls = append(ch.Calls, c) }

func (ch *Change) note(n Note) { ch.Notes = append(ch.Notes, n) }

// block refuses the change by a guard; own holds it back by a state of its own.
func (ch *Change) block(r Refusal) { ch.Blocked = append(ch.Blocked, r) }

func (ch *Change) own(r Refusal) {
	r.Own = true
	ch.block(r)
}

// field notes a difference and moves the change's place to the words that ask
// for it, if it is the first one and nothing is blocked, which has its place.
func (ch *Change) field(path string, before, after any, at source.Place) {
	if len(ch.Fields)+len(ch.Blocked) == 0 && ch.Content.Added.Len()+ch.Content.Removed.Len() == 0 {
		ch.Source = ch.Declared.Position(at)
	}
	ch.Fields = append(ch.Fields, Field{Path: path, Before: before, After: after})
}

// wholeFields notes every field of a pool that is set as a whole. The place
// stays that of the pool.
func (ch *Change) wholeFields() {
	d := ch.Declared
	for _, f := range []Field{
		{Path: "name", After: d.Name},
		{Path: "description", After: d.Description},
		{Path: "status", After: string(d.Status)},
		{Path: "ignore_empty_additional_tags", After: d.IgnoreEmpty},
		{Path: "set_unpublished_to_published", After: d.UnpublishedPublished},
		{Path: "snapshot", After: d.Snapshot},
	} {
		if f.After != "" && f.After != false {
			ch.Fields = append(ch.Fields, f)
		}
	}
	ch.Content.Added = d.Content
}
