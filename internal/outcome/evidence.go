package outcome

import (
	"fmt"
	"time"

	"github.com/poolsync/poolsync/internal/bank"
	"github.com/poolsync/poolsync/internal/pool"
)

// byEvidence judges a call of which no job is known, or no more. Job records name
// no pool, so there is a barrier first: a job that may be ours and has not ended, or
// whose work replicas may not show yet.
func byEvidence(e pool.Entry, s Seen, now time.Time) Settled {
	w := windowOf(e.Pending)
	var open, recent pool.JobReference
	for _, j := range s.Jobs {
		switch created, ok := parseTime(j.Created); {
		case ok && !w.possible(created):
		case !j.Ended():
			if !ok || now.Sub(created) <= barrierAge {
				open = j.Reference
			}
		default:
			if at, ok := parseTime(j.Completed); ok && now.Sub(at) <= slack+lag {
				recent = j.Reference
			}
		}
	}
	switch {
	case open != "":
		return running(e, "job "+string(open)+" of the bank has not ended, and may be the one in doubt")
	case s.Live != nil && s.Live.Status == pool.Pending:
		return running(e, "a job is running on the pool")
	}
	r, decided := conclude(e, s, w, now)
	unmoved := s.Live != nil && e.Pending.Before != nil && s.Live.Updated == e.Pending.Before.Updated
	switch {
	case decided && !unmoved:
		return r
	case recent != "":
		return running(e, "job "+string(recent)+" of the bank has just ended, and may not show in the pool yet")
	case r.Status != Applied && now.Sub(w.to) <= slack:
		return running(e, "the call was sent a moment ago, and neither pool nor job need show yet")
	}
	return r
}

// conclude turns the evidence into a verdict. Decided says that waiting longer
// changes nothing.
func conclude(e pool.Entry, s Seen, w window, now time.Time) (r Settled, decided bool) {
	p, l := e.Pending, s.Live
	found, why := happened(p, s, w)
	switch {
	case p.Operation == pool.OpAppend && why == looks:
		r = unclear(e, "what the pool holds was not looked up")
		r.Look = bank.Look{Content: p.Lacked}
		return r, true
	case found == no:
		return never(e), false
	case found == unknown:
		return unclear(e, why), false
	case l.Status == pool.Halted:
		const reason = "the call arrived, and its job halted"
		next := failed(e, reason)
		if p.Operation == pool.OpCreate && e.Sent == nil {
			next.Created = l.Created
		}
		return Settled{Entry: next, Verdict: Verdict{Status: Failed, Reason: reason}}, true
	}
	if j := written(s, *l, w); j != nil {
		p = ended(*p, *j)
		e.Pending = p
	}
	next := record(e, p.Job, *l, now.UTC())
	next.Touched = next.Touched || writtenLater(p, *l, s, w)
	return Settled{Entry: next, Verdict: Verdict{Status: Applied, Recorded: true}}, true
}

// looks stands for evidence that is still to be looked for in the pool.
const looks = "?"

// happened tells whether the call happened, by its operation, and why that cannot
// be told.
func happened(p *pool.PendingCall, s Seen, w window) (answer, string) {
	l := s.Live
	switch creates := p.Operation == pool.OpCreate && p.Before == nil; {
	case l == nil:
		return no, ""
	case creates:
		return created(p, *l, w)
	case l.Status == pool.Halted && (p.Before == nil || p.Before.Status != pool.Halted):
		return haltedBy(s, w), ""
	case p.Operation == pool.OpEdit || p.Operation == pool.OpRetire:
		return edited(p, s, w)
	case p.Operation == pool.OpAppend:
		return appended(p, s, w)
	}
	return byJobs(p, s, w)
}

// created is for a pool that was absent before the call.
func created(p *pool.PendingCall, l pool.Live, w window) (answer, string) {
	at, ok := parseTime(l.Created)
	switch {
	case ok && !w.possible(at):
		return no, "" // someone else's, which the next plan finds
	case !sameText(l.Name, p.Request.Name) || (p.Request.Description != nil && !sameText(l.Description, *p.Request.Description)):
		return unknown, fmt.Sprintf("a pool of that reference exists, but its name is %q and %q was sent", l.Name, p.Request.Name)
	case !ok || !w.inside(at):
		return unknown, "the pool was created at " + l.Created + ", within a minute of our call, but not certainly by it"
	}
	return yes, ""
}

// haltedBy tells whether a pool that is halted now is so by our call: some job that
// may be ours halted.
func haltedBy(s Seen, w window) answer {
	for _, j := range s.Jobs {
		if at, ok := parseTime(j.Created); j.Status == pool.JobHalted && (!ok || w.possible(at)) {
			return yes
		}
	}
	return no
}

// edited is for name and status. White space alone, which the server need not keep,
// and what was so before, show by the jobs only.
func edited(p *pool.PendingCall, s Seen, w window) (answer, string) {
	l, b, q := *s.Live, p.Before, p.Request
	switch {
	case !sameText(l.Name, q.Name) || l.Status != q.Status:
		return no, ""
	case b != nil && sameText(b.Name, q.Name) && b.Status == q.Status && (l.Name != q.Name || b.Name == q.Name):
		return byJobs(p, s, w)
	}
	return yes, ""
}

// appended looks for the references that the pool lacked before the call. Where it
// lacked none, or only tags were sent, the jobs have to tell.
func appended(p *pool.PendingCall, s Seen, w window) (answer, string) {
	lacked := p.Lacked
	switch {
	case contradicts(p, *s.Live):
		return no, ""
	case lacked.Len() == 0:
		return byJobs(p, s, w)
	case s.Members == nil:
		return unknown, looks
	case s.Members.Unreadable != "":
		return unknown, "what the pool holds cannot be read: " + s.Members.Unreadable
	}
	switch held := lacked.Minus(s.Members.Missing).Len(); held {
	case lacked.Len():
		return yes, ""
	case 0:
		return no, ""
	}
	if found, _ := byJobs(p, s, w); found == yes {
		return yes, ""
	}
	return unknown, "the pool holds only a part of what was sent"
}

// contradicts reports whether a name or status that the call would have changed
// still is what it was: then whatever else moved the pool was not the call.
func contradicts(p *pool.PendingCall, l pool.Live) bool {
	b := p.Before
	if b == nil || l.Status == pool.Halted {
		return false
	}
	return (sameText(l.Name, b.Name) && !sameText(b.Name, p.Request.Name)) || (l.Status == b.Status && b.Status != p.Request.Status)
}

// byJobs is for calls that leave no trace in the pool but its dt_updated: a job
// created during the call at whose end the pool was written is the call's. One that
// was created within the slack may be another's.
func byJobs(p *pool.PendingCall, s Seen, w window) (answer, string) {
	l, any, maybe := *s.Live, s.Hidden, false
	moved := p.Before == nil || l.Updated != p.Before.Updated
	for _, j := range s.Jobs {
		at, ok := parseTime(j.Created)
		if ok && !w.possible(at) {
			continue
		}
		if any = true; j.Status == pool.JobCompleted && moved && near(l, j) && !contradicts(p, l) {
			if ok && w.inside(at) {
				return yes, ""
			}
			maybe = true
		}
	}
	switch {
	case maybe:
		return unknown, "a job wrote to the pool that began within a minute of our call, but not certainly by it"
	case !any && p.Job != "":
		return byAcceptance(p, l, w)
	case !any:
		return no, ""
	}
	return unknown, "other jobs ran in the bank at the time of the call, and the pool does not tell whether one was the call's"
}

// byAcceptance is for a call that was accepted and whose job is not listed: it began,
// so the pool's next change that is not much later is its doing.
func byAcceptance(p *pool.PendingCall, l pool.Live, w window) (answer, string) {
	at, ok := parseTime(l.Updated)
	moved := p.Before == nil || l.Updated != p.Before.Updated
	if ok && moved && !contradicts(p, l) && !at.Before(w.from.Add(-slack)) && !at.After(w.last.Add(barrierAge)) {
		return yes, ""
	}
	return unknown, "job " + string(p.Job) + " was accepted and is not listed, and the pool does not show what it did"
}

// written returns the job at whose end the pool was written.
func written(s Seen, l pool.Live, w window) *pool.Job {
	for i, j := range s.Jobs {
		if at, ok := parseTime(j.Created); j.Status == pool.JobCompleted && near(l, j) && (!ok || w.possible(at)) {
			return &s.Jobs[i]
		}
	}
	return nil
}

// writtenLater reports whether the pool was written long after the call, by no job
// that may be the call's.
func writtenLater(p *pool.PendingCall, l pool.Live, s Seen, w window) bool {
	if s.Hidden || (p.Before != nil && l.Updated == p.Before.Updated) || written(s, l, w) != nil {
		return false
	}
	at, ok := parseTime(l.Updated)
	return ok && at.After(w.last.Add(barrierAge))
}
