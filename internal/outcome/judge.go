package outcome

import (
	"fmt"
	"strings"
	"time"

	"github.com/poolsync/poolsync/internal/bank"
	"github.com/poolsync/poolsync/internal/pool"
)

// Seen is what was seen of a pool, and of the bank's jobs, after a call.
type Seen struct {
	Live *pool.Live // nil: absent
	// Job is the call's own job as it is listed; nil where none is known or listed.
	Job *pool.Job
	// Since is when the job was first seen to have ended, by the server's time; where
	// it is zero, the job's own time counts.
	Since time.Time
	// Jobs are the jobs of the bank that may be the call's: created about the time of
	// it, and known to be no other call's. Hidden says that there may be more.
	Jobs   []pool.Job
	Hidden bool
	// Members is the answer to a Look; nil: not looked.
	Members *bank.Membership
	// SkipVerify leaves out the looks that only confirm.
	SkipVerify bool
}

// Judge decides what became of an entry's pending call by what was seen, and
// returns the entry to record: for a call that is Running or Unclear, the one that
// came in. An entry without a pending call is a pool that is waited for.
func Judge(e pool.Entry, s Seen, now time.Time) (Verdict, pool.Entry) {
	var r Settled
	switch p := e.Pending; {
	case p == nil:
		r = free(e, s)
	case p.Job != "" && s.Job != nil:
		r = byJob(e, s, now)
	case p.Job != "" && now.Sub(*windowOfAcceptance(p)) <= slack:
		r = running(e, "job "+string(p.Job)+" is not listed yet")
	default:
		r = byEvidence(e, s, now)
	}
	if r.Job == "" && e.Pending != nil {
		r.Job = e.Pending.Job
	}
	return r.confirmed(e, s, now)
}

// confirmed asks for what only a look into the pool can confirm, or takes it in. What
// is missing may not show yet.
func (r Settled) confirmed(e pool.Entry, s Seen, now time.Time) (Verdict, pool.Entry) {
	if !r.Recorded || s.SkipVerify || explicit(e.Pending).Len() == 0 {
		return r.Verdict, r.Entry
	}
	if s.Members != nil && s.Members.Missing.Len() > 0 && mayLag(e.Pending, s, now) {
		r = running(e, "the pool does not show "+listed(s.Members.Missing)+" yet")
	} else if s.Members == nil {
		r.Look = bank.Look{Content: explicit(e.Pending), Dates: e.Pending.Operation == pool.OpCorrect}
	} else {
		r.confirm(e, *s.Members)
	}
	return r.Verdict, r.Entry
}

func windowOfAcceptance(p *pool.PendingCall) *time.Time {
	if p.Accepted != nil {
		return p.Accepted
	}
	return &p.At
}

// free is for a pool that a job of somebody else holds.
func free(e pool.Entry, s Seen) Settled {
	if s.Live != nil && s.Live.Status == pool.Pending {
		return running(e, "a job that is not ours is running on it")
	}
	return Settled{Entry: e, Verdict: Verdict{Status: NotAttempted}}
}

func running(e pool.Entry, reason string) Settled {
	return Settled{Entry: e, Verdict: Verdict{Status: Running, Reason: reason}}
}

func unclear(e pool.Entry, reason string) Settled {
	return Settled{Entry: e, Verdict: Verdict{Status: Failed, Unclear: true, Reason: reason}}
}

// never is a call that did not happen.
func never(e pool.Entry) Settled {
	e.Pending = nil
	return Settled{Entry: e, Verdict: Verdict{Status: NotAttempted}}
}

// byJob judges a call whose own job is listed.
func byJob(e pool.Entry, s Seen, now time.Time) Settled {
	j := *s.Job
	switch {
	case !j.Ended():
		r := running(e, "job "+string(j.Reference)+" has not ended")
		r.Own = true
		return r
	case j.Status == pool.JobHalted:
		return halted(e, s, now)
	}
	with := e
	with.Pending = ended(*e.Pending, j)
	r := completed(with, s, now)
	if r.Status == Running || r.Unclear {
		r.Entry = e
	}
	return r
}

// shown reports whether a replica has had the time to show what the job did.
func shown(s Seen, now time.Time) bool {
	since := s.Since
	if since.IsZero() {
		at, ok := parseTime(s.Job.Completed)
		if !ok {
			return true
		}
		since = at
	}
	return now.Sub(since) > lag
}

// mayLag reports whether replicas need not show yet what a call did.
func mayLag(p *pool.PendingCall, s Seen, now time.Time) bool {
	if s.Job != nil {
		return !shown(s, now)
	}
	return now.Sub(windowOf(p).to) <= slack
}

// halted is for a job that failed. What a creation of ours left behind is noted by
// its dt_created, since it may be created again without asking: a pool that was
// there before is not ours, whatever its status becomes later.
func halted(e pool.Entry, s Seen, now time.Time) Settled {
	j, p := *s.Job, e.Pending
	creates := p.Operation == pool.OpCreate && !p.Request.Overwrite && e.Sent == nil
	if creates && (s.Live == nil || s.Live.Status == pool.Pending) && !shown(s, now) {
		return running(e, "job "+string(j.Reference)+" halted, and the pool does not show it yet")
	}
	reason := "job " + string(j.Reference) + " halted"
	if j.Detail != "" {
		reason += ": " + j.Detail
	}
	left := ""
	if creates && s.Live != nil && s.Live.Status == pool.Halted && !saysExists(j) && createdBy(p, j, *s.Live) == yes {
		left = s.Live.Created
	}
	e.Pending = ended(*p, j)
	e = failed(e, reason)
	if creates {
		e.Created = left
	}
	return Settled{Entry: e, Verdict: Verdict{Status: Failed, Reason: reason, Job: j.Reference, Code: j.Code}}
}

// saysExists reports whether a job halted because the pool was there already.
func saysExists(j pool.Job) bool {
	return j.Code == 30000 || j.Code == 20011 || strings.Contains(strings.ToLower(j.Detail), "already exist")
}

// answer is yes, no, or that it cannot be told. Barely is a yes that only what the
// pool holds can confirm.
type answer int

const (
	unknown answer = iota
	no
	yes
	barely
)

// createdBy tells whether a pool is the creation of a call with a job. The job's
// times are of the same clock as the pool's; where it has none, the call's count,
// with their slack.
func createdBy(p *pool.PendingCall, j pool.Job, l pool.Live) answer {
	created, ok := parseTime(l.Created)
	if !ok {
		return yes
	}
	begun, ok1 := parseTime(j.Created)
	done, ok2 := parseTime(j.Completed)
	switch {
	case ok1 && created.Before(begun.Add(-resolution)), ok2 && created.After(done.Add(ownSlack)):
		return no
	case ok1 && created.Before(begun):
		return barely
	case ok1:
		return yes
	}
	switch w := windowOf(p); {
	case !w.possible(created):
		return no
	case w.inside(created):
		return yes
	}
	return unknown
}

// completed is for a job that completed, by how the pool then reads. A pool that
// reads otherwise than it was sent has failed, but what it was sent is recorded
// with what was read: the next plan goes on from there.
func completed(e pool.Entry, s Seen, now time.Time) Settled {
	p, l, job := e.Pending, s.Live, s.Job.Reference
	problem := readsAs(p, l)
	if problem != "" && !shown(s, now) {
		return running(e, problem)
	}
	if l != nil && l.Status != pool.Pending && p.Operation == pool.OpCreate && !p.Request.Overwrite {
		switch created := createdBy(p, *s.Job, *l); {
		case created == no, created == barely && s.Members != nil && s.Members.Missing.Len() > 0:
			r := never(e)
			r.Status, r.Job = Failed, job
			r.Reason = "a pool of that reference was created at " + l.Created + ", and not by our job: it is someone else's"
			return r
		case created == unknown, created == barely && s.Members != nil && s.Members.Unreadable != "":
			return unclear(e, "the pool was created at "+l.Created+", which may be before our call")
		case created == barely && s.Members == nil:
			r := unclear(e, "the pool was created at "+l.Created+", which may be before our call")
			r.Look = bank.Look{Content: explicit(p)}
			if r.Look.Content.Len() > 0 {
				return r
			}
		}
	}
	r := Settled{Entry: e, Verdict: Verdict{Status: Failed, Reason: problem, Job: job}}
	switch {
	case l != nil && l.Status == pool.Pending:
		return running(e, problem)
	case l == nil || l.Status == pool.Halted:
		r.Entry = failed(e, problem)
	case l.Status != p.Request.Status || nameKept(p, *l):
		r.Entry, r.Recorded = record(e, job, *l, now.UTC()), true
		r.Entry.LastError = problem
	default:
		r.Status, r.Reason, r.Recorded = Applied, "", true
		r.Entry = record(e, job, *l, now.UTC())
		if problem != "" {
			r.Warnings = append(r.Warnings, problem)
		}
	}
	return r
}

// readsAs says in what a pool reads otherwise than it was sent.
func readsAs(p *pool.PendingCall, l *pool.Live) string {
	switch {
	case l == nil:
		return "the job completed, but the pool is absent from the bank"
	case l.Status == pool.Pending:
		return "the job completed, but the pool is still pending"
	case l.Status != p.Request.Status:
		return fmt.Sprintf("the job completed, but the pool is %q and %q was sent", l.Status, p.Request.Status)
	case nameKept(p, *l):
		return fmt.Sprintf("the job completed, but the pool still is named %q and %q was sent", l.Name, p.Request.Name)
	case l.Name != p.Request.Name:
		return fmt.Sprintf("the server keeps the name as %q; %q was sent", l.Name, p.Request.Name)
	}
	return ""
}
