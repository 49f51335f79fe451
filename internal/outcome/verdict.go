// Package outcome finds out what became of calls. Entries with a pending call come
// in; for each, a verdict and the entry to record go out. What was seen is judged by
// one pure function, Judge, whether the call was sent a second ago or by a run that
// died last week, and there is one loop that waits for the bank, Waiter. It only
// reads, and never sends a call again: what did not happen is left to the next plan.
package outcome

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"github.com/poolsync/poolsync/internal/bank"
	"github.com/poolsync/poolsync/internal/pool"
)

// Status is how a call, a change or a whole run stands. These are the words of the
// result's JSON.
type Status string

// The statuses. A run is InPart when something was written and not all was applied.
const (
	Applied      Status = "applied"       // it happened and was read back
	Failed       Status = "failed"        // it was made and did not succeed, or cannot be told
	Running      Status = "still_running" // it is not decided yet
	NotAttempted Status = "not_attempted" // it did not happen
	InPart       Status = "in_part"
)

// Verdict is what became of a call.
type Verdict struct {
	Status Status
	Reason string
	// Own says of a Running call that its own job is listed and has not ended: it is
	// waited for as long as the run goes on.
	Own bool
	// Unclear says of a Failed call that what is known does not tell whether it
	// happened. Its entry is still pending.
	Unclear bool
	// Recorded says that what was sent is in the entry as applied.
	Recorded bool
	// Refused says that the server refused the call, which therefore is not made again.
	Refused  bool
	Job      pool.JobReference
	Code     int // the API's, if the job named one
	Warnings []string
	// Look is what of the pool's membership would still tell something. The verdict
	// stands without it where the pool cannot be looked into.
	Look bank.Look
}

// Settled is an entry after a verdict: what to record in place of the one in doubt.
type Settled struct {
	Entry pool.Entry
	Verdict
}

// Empty reports whether an entry has nothing left to remember.
func Empty(e pool.Entry) bool { return e.Pending == nil && e.Sent == nil && e.LastError == "" }

// failed returns the entry of a pool whose call failed: what was applied before
// stays, and the reason is kept. The status that the pool had before is kept too,
// since a halted job hides it. Where nothing was applied before, only a failed
// creation is remembered: a rebuild of someone else's pool is asked for each time.
func failed(e pool.Entry, reason string) pool.Entry {
	call := e.Pending
	e.Pending, e.LastError = nil, reason
	if call.Job != "" {
		e.EarlierJob = call.Job
	}
	if until := ownUntil(call.Ended); until != nil {
		e.OwnUntil = until
	}
	if e.Sent == nil && call.Operation != pool.OpCreate {
		e.LastError = ""
	}
	b := call.Before
	if b != nil && e.ReadBack != nil && (b.Status == pool.Published || b.Status == pool.Unpublished) {
		back := *e.ReadBack
		back.Status = b.Status
		e.ReadBack = &back
	}
	return e
}

// record returns the entry of a pool whose call happened and was read back. Only a
// set moves CalledAt: an update leaves copies in the pool that are older. A name or
// status that still is the one of before was not applied, and stays due.
func record(e pool.Entry, job pool.JobReference, seen pool.Live, at time.Time) pool.Entry {
	p := e.Pending
	after := *p.After
	after.ReadBack, after.Job, after.EarlierJob = &seen, job, e.Job
	after.CalledAt, after.AppliedAt = e.CalledAt, &at
	if b := p.Before; b != nil && b.Updated == seen.Updated {
		after.OwnUntil = ownUntil(p.Ended)
	}
	if p.Verb == pool.Set {
		after.CalledAt = cmp.Or(p.Accepted, &p.At)
	}
	name, status := nameKept(p, seen), seen.Status != p.Request.Status
	if name || status {
		sent := *after.Sent
		if name && e.Sent != nil {
			sent.Name = e.Sent.Name
		}
		if status {
			if sent.Status = seen.Status; e.Sent != nil {
				sent.Status = e.Sent.Status
			}
		}
		after.Sent = &sent
	}
	return after
}

// nameKept reports whether a pool still has the name that a call was to change. A
// change of white space alone may be one that the server takes back.
func nameKept(p *pool.PendingCall, l pool.Live) bool {
	b := p.Before
	return b != nil && l.Name == b.Name && !sameText(b.Name, p.Request.Name)
}

// sameText compares names and descriptions but for surrounding and repeated white
// space, which a server may trim.
func sameText(a, b string) bool { return slices.Equal(strings.Fields(a), strings.Fields(b)) }

// ownSlack is how long after the end of our job the pool's dt_updated may lie and
// still be the job's doing.
const ownSlack = 5 * time.Second

func ownUntil(ended *time.Time) *time.Time {
	if ended == nil {
		return nil
	}
	until := ended.Add(ownSlack)
	return &until
}

// confirm adds to a call that is recorded what a look into its pool brought; e has
// the call as pending. References that are not there fail the pool, and are not
// recorded as applied: the next plan asks for them again. So does a correction whose
// copy is still older than what the bank has.
func (r *Settled) confirm(e pool.Entry, m bank.Membership) {
	stale, undated := compareCopies(e.Pending, m.Copies)
	switch {
	case m.Unreadable != "":
		r.Warnings = append(r.Warnings, "its references could not be looked up: "+m.Unreadable)
	case m.Missing.Len() > 0:
		r.lacks("the job completed, but the pool does not hold "+listed(m.Missing), func(sent *pool.Sent) {
			sent.Content = sent.Content.Minus(m.Missing)
		})
	case len(stale) > 0:
		r.lacks("the job completed, but the pool still holds what the bank had before of "+strings.Join(stale, ", "), func(sent *pool.Sent) {
			sent.Corrections = nil
			if e.Sent != nil {
				sent.Corrections = e.Sent.Corrections
			}
		})
	default:
		r.Entry.Verified = e.Pending.Verb == pool.Set || e.Verified
	}
	if len(undated) > 0 {
		r.Warnings = append(r.Warnings, "not verified, since the bank does not tell how old the copies are: "+strings.Join(undated, ", "))
	}
}

// compareCopies returns the references whose copies are older than what the bank had
// when a correction was sent, and those of which that cannot be told.
func compareCopies(p *pool.PendingCall, copies []bank.Copy) (stale, undated []string) {
	for _, c := range copies {
		switch {
		case !c.Pool.IsZero() && !c.Source.IsZero() && !c.Pool.Before(c.Source):
		case c.Pool.IsZero() || c.Source.IsZero() || c.Source.After(p.At.Add(-slack)):
			undated = append(undated, c.Reference)
		default:
			stale = append(stale, c.Reference)
		}
	}
	return stale, undated
}

// lacks fails a recorded call for something that it did not bring.
func (r *Settled) lacks(why string, undo func(*pool.Sent)) {
	if r.Status == Failed {
		why = r.Reason + "; " + why
	}
	r.Status, r.Reason = Failed, why
	sent := *r.Entry.Sent
	undo(&sent)
	r.Entry.Sent, r.Entry.LastError = &sent, why
}

func listed(c pool.Content) string { return strings.Join(slices.Concat(c.Items, c.Activities), ", ") }

// explicit returns the references that a call sent, without its tags.
func explicit(p *pool.PendingCall) pool.Content {
	return pool.Content{Items: p.Request.Content.Items, Activities: p.Request.Content.Activities}
}
