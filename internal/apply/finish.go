package apply

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/poolsync/poolsync/internal/diff"
	"github.com/poolsync/poolsync/internal/learnosity"
	"github.com/poolsync/poolsync/internal/outcome"
	"github.com/poolsync/poolsync/internal/pool"
)

// note begins the outcome of a change, or goes on with the one that it has from an
// earlier round. A job of ours that an earlier run left behind runs on.
func (r *Run) note(ch diff.Change) {
	o := Outcome{Change: ch, State: NotAttempted}
	if ch.Has(diff.Pending) && ch.Entry != nil && ch.Entry.Pending != nil {
		o.State, o.Job, o.Accepted = StillRunning, ch.Entry.Pending.Job, true
	}
	if old := r.outcomes[ch.Key]; old != nil {
		o.Accepted, o.Warnings = o.Accepted || old.Accepted, old.Warnings
		if len(old.Change.Calls) > len(ch.Calls) {
			o.Change = old.Change // show what was planned, not what was left of it
		}
	}
	r.outcomes[ch.Key] = &o
}

// settled marks the pools that were to be planned anew and of which the new plan
// wants nothing any more: what was asked for has been applied.
func (r *Run) settled(changes []diff.Change) {
	for k := range r.again {
		wanted := slices.ContainsFunc(changes, func(ch diff.Change) bool {
			return ch.Key == k && (len(ch.Calls) > 0 || len(ch.Blocked) > 0)
		})
		if o := r.outcomes[k]; o != nil && !wanted {
			o.State, o.Problem = Applied, nil
		}
	}
}

// holdBackUnshown takes the calls out of the changes of a later plan that the one that
// was shown does not have, or only tells of them.
func (r *Run) holdBackUnshown(changes []diff.Change) []diff.Change {
	out := slices.Clone(changes)
	for i := range out {
		ch := &out[i]
		known := slices.IndexFunc(r.shown, func(s diff.Change) bool { return s.Key == ch.Key })
		unshown := slices.ContainsFunc(ch.Calls, func(c diff.Call) bool {
			return known < 0 || !slices.ContainsFunc(r.shown[known].Calls, func(s diff.Call) bool { return within(c, s) })
		})
		switch {
		case !unshown || len(ch.Blocked) > 0 || !(r.again[ch.Key] || ch.Has(diff.Retire)):
		case r.ShownOnly:
			ch.Calls = nil
			r.note(*ch)
			o := r.outcomes[ch.Key]
			o.State, o.Problem = NotAttempted, &Problem{
				Message: "what it needs now is not in the plan that was shown", Remedy: "make the plan anew and have it reviewed",
			}
			delete(r.again, ch.Key)
		case r.Unshown != nil:
			r.Unshown(*ch)
		}
	}
	return out
}

// within reports whether a call does nothing that another one does not do. What an
// edit carries changes nothing.
func within(c, shown diff.Call) bool {
	a, b := c.Request, shown.Request
	carries := c.Operation == pool.OpEdit || c.Operation == pool.OpRetire
	return c.Operation == shown.Operation && c.Verb == shown.Verb && a.Name == b.Name && a.Status == b.Status && a.Overwrite == b.Overwrite &&
		a.UnpublishedPublished == b.UnpublishedPublished && (carries || a.Content.Minus(b.Content).Len() == 0) &&
		(c.Verb != pool.Set || a.Content.Equal(b.Content))
}

// heldBack adds the pools that were held back since the server answered nothing to
// those that are planned anew, once no call is in doubt any more.
func (r *Run) heldBack() {
	for _, s := range r.waiter.Left() {
		if o := r.outcomes[s.Entry.Key]; o != nil && o.State == doubt {
			return
		}
	}
	for k, o := range r.outcomes {
		if o.heldBack && o.State == NotAttempted {
			o.heldBack, r.again[k] = false, true
		}
	}
}

// retire sends the retires, if all else was applied.
func (r *Run) retire(ctx context.Context, mayPlan bool) error {
	retires := slices.DeleteFunc(stages(runnable(r.last))[2], func(t *task) bool { return r.outcomes[t.change.Key].State == Applied })
	if len(retires) == 0 || !r.allApplied() {
		return nil
	}
	if err := r.stage(ctx, retires); err != nil {
		return err
	}
	return r.follow(ctx, mayPlan)
}

// keep records what is declared anew of a pool that is so already.
func (r *Run) keep(ch diff.Change) {
	e := *ch.Entry
	e.Sent, e.Commit, e.CommitTime = ch.Record, r.Origin.Commit, r.Origin.CommitTime
	r.Recorder.Put(e)
	r.outcomes[ch.Key].State = Applied
}

// written returns the pools that this run has changed so far, but for those that it
// created: the guard on volume looks at the whole run.
func (r *Run) written() map[pool.Key]bool {
	out := map[pool.Key]bool{}
	for k, o := range r.outcomes {
		created := o.Change.Has(diff.Create) && (o.Change.Entry == nil || o.Change.Entry.Sent == nil)
		if (o.Accepted || o.State == doubt) && !created {
			out[k] = true
		}
	}
	return out
}

// finish does what comes last and needs no call.
func (r *Run) finish(ctx context.Context) error {
	for _, ch := range r.last {
		switch o := r.outcomes[ch.Key]; {
		case len(ch.Blocked) > 0:
		case ch.Has(diff.Forgotten):
			r.Recorder.Delete(ch.Key)
		case ch.Has(diff.Retire) && o.State == NotAttempted && !r.allApplied():
			o.Problem = retiresLast()
		case ch.Has(diff.Retire) && len(ch.Calls) == 0:
			e := *ch.Entry
			e.Retired = true
			r.Recorder.Put(e)
			o.State = Applied
		}
	}
	return r.flush(ctx)
}

func retiresLast() *Problem {
	return &Problem{Message: "pools are retired only when everything else was applied"}
}

// allApplied reports whether everything but retires was applied.
func (r *Run) allApplied() bool {
	for _, o := range r.outcomes {
		if o.State != Applied && !o.Change.Has(diff.Retire) {
			return false
		}
	}
	return true
}

// prepare builds the entry that has the task's call as pending.
func (r *Run) prepare(t *task) {
	ch := t.change
	entry := pool.Entry{Format: pool.EntryFormat, Key: ch.Key, Set: r.Origin.Set, File: ch.Source.File}
	before := ch.LivePool
	t.readAt = r.readAt
	if prior, ok := r.Recorder.Entry(ch.Key); ok {
		entry, t.prior = prior, &prior
		if t.call.Operation != pool.OpCreate && ch.Entry != nil && prior.Job != ch.Entry.Job {
			before = prior.ReadBack // the pool's first call of this run has changed it
			t.readAt = time.Now()
		}
	}
	after := r.after(t, entry)
	entry.Set, entry.File = after.Set, after.File
	entry.Pending = &pool.PendingCall{
		Run: r.Name, Operation: t.call.Operation, Verb: t.call.Verb, Request: t.call.Request, Lacked: t.call.Lacked,
		Before: before, After: &after, At: r.Now().UTC().Truncate(time.Second),
	}
	t.entry = entry
}

// after is the entry to record once the call has succeeded. Rebuilding a pool
// ends what someone else's hand did to it; any other call leaves it in doubt.
func (r *Run) after(t *task, prior pool.Entry) pool.Entry {
	sent := t.call.After
	rebuilt := t.call.Verb == pool.Set
	e := pool.Entry{
		Format: pool.EntryFormat, Key: t.change.Key, Set: r.Origin.Set, File: prior.File,
		Commit: r.Origin.Commit, CommitTime: r.Origin.CommitTime, Sent: &sent, Operation: t.call.Operation,
		Touched: !rebuilt && (prior.Touched || t.change.Has(diff.Touched)),
		Retired: t.call.Operation == pool.OpRetire,
	}
	if d := t.change.Declared; d != nil {
		e.File = d.File
		if r.Origin.File != nil {
			e.File = r.Origin.File(d.File)
		}
		e.Dirty = r.Origin.Dirty != nil && r.Origin.Dirty(d.File)
	}
	return e
}

func remedyFor(v outcome.Verdict) string {
	hint := learnosity.HintFor(v.Code)
	if v.Job == "" {
		return hint
	}
	return cmp.Or(hint, "correct the manifest and apply again") + "; the job's record: poolsync jobs " + string(v.Job)
}

// result is how all changes ended, in the order of their keys.
func (r *Run) result() Result {
	out := Result{Calls: r.calls}
	for _, o := range r.outcomes {
		if o.State == doubt {
			o.State = StillRunning
			if o.Problem != nil {
				o.Problem.Remedy = "the next apply finds out what became of the call"
			}
		}
		if o.Problem == nil && o.State == NotAttempted && o.Change.Has(diff.Retire) {
			o.Problem = retiresLast()
		}
		out.Outcomes = append(out.Outcomes, *o)
	}
	slices.SortFunc(out.Outcomes, func(a, b Outcome) int { return a.Change.Key.Compare(b.Change.Key) })
	return out
}
