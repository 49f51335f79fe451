// Package settle turns doubt into fact: it finds out what became of calls that
// the state has as pending. Entries come in, settled entries go out; it only
// reads, and it never sends a discarded call again: what did not happen is left
// to the next plan, which today's manifests and guards decide.
package settle

import (
	"cmp"
	"context"
	"log/slog"
	"slices"
	"strings"
	"time"

	"github.com/poolsync/poolsync/internal/bank"
	"github.com/poolsync/poolsync/internal/follow"
	"github.com/poolsync/poolsync/internal/learnosity"
	"github.com/poolsync/poolsync/internal/pool"
)

// Verdict is what became of a pending call.
type Verdict string

// The verdicts.
const (
	Happened Verdict = "happened" // it was carried out
	Failed   Verdict = "failed"   // it was accepted and its job halted
	Never    Verdict = "never"    // it was not carried out
	Running  Verdict = "running"  // its job runs on
	Unclear  Verdict = "unclear"  // what is known does not tell
)

// Result is a settled entry: what to record in place of the one in doubt. For
// Running and Unclear the entry is still pending.
type Result struct {
	Entry   pool.Entry
	Verdict Verdict
	Reason  string
	Job     pool.JobReference
	Code    int // the API's, if the job named one
	// Recorded says that what was sent is in the entry as applied.
	Recorded bool
	// Warnings are what there is to say of a call that happened.
	Warnings []string
}

// Settler settles entries.
type Settler struct {
	Reader follow.Reader
	Log    *slog.Logger
	// Wait lets it wait for replicas that lag behind a completed job. A plan
	// does not wait: while they may lag, the job counts as running.
	Wait bool
	// SkipVerify leaves out looking the explicit references that were sent up in
	// their pools.
	SkipVerify bool
	// Now is the server's time as far as it is known.
	Now func() time.Time
}

// barrierAge is how old a job that has not ended must be before it no longer
// stands in the way of a verdict (state: settling, rule 2).
const barrierAge = 10 * time.Minute

// slack is how far before a pending entry jobs are looked for, and how long a
// job may be missing from the list: clocks differ and lists lag.
const slack = 60 * time.Second

// Settle finds out what became of each pending call, in the order given.
func (s Settler) Settle(ctx context.Context, entries []pool.Entry) ([]Result, error) {
	jobs, err := s.jobs(ctx, entries)
	if err != nil {
		return nil, err
	}
	results := make([]Result, len(entries))
	var doubtful []int
	for i, e := range entries {
		job, listed := jobs[e.Pending.Job]
		switch {
		case e.Pending.Job == "" || (!listed && s.gone(e)):
			doubtful = append(doubtful, i)
		case !listed || !job.Ended():
			results[i] = Result{Entry: e, Verdict: Running, Reason: "job " + string(e.Pending.Job) + " has not ended", Job: e.Pending.Job}
		case job.Status == pool.JobHalted:
			results[i] = Halt(e, job)
		default:
			e.Pending = Ended(*e.Pending, job)
			results[i] = Result{Entry: e, Verdict: Happened, Job: job.Reference}
		}
	}
	if err := s.readBack(ctx, results, jobs); err != nil {
		return nil, err
	}
	if err := s.withoutJob(ctx, entries, doubtful, results); err != nil {
		return nil, err
	}
	return results, s.verify(ctx, entries, results)
}

// jobs reads the jobs of all pending calls that have one.
func (s Settler) jobs(ctx context.Context, entries []pool.Entry) (map[pool.JobReference]pool.Job, error) {
	byBank := map[pool.Bank][]pool.JobReference{}
	for _, e := range entries {
		if e.Pending.Job != "" {
			byBank[e.Bank] = append(byBank[e.Bank], e.Pending.Job)
		}
	}
	jobs := map[pool.JobReference]pool.Job{}
	for bank, refs := range byBank {
		records, err := s.Reader.Jobs(ctx, learnosity.JobsQuery{Bank: bank, References: refs})
		if err != nil {
			return nil, err
		}
		for _, j := range records {
			jobs[j.Reference] = j
		}
	}
	return jobs, nil
}

// gone reports whether a job that is not listed has had time to be.
func (s Settler) gone(e pool.Entry) bool { return s.Now().Sub(e.Pending.At) > slack }

// Halt gives the result of a call whose job halted.
func Halt(e pool.Entry, job pool.Job) Result {
	reason := "job " + string(job.Reference) + " halted"
	if job.Detail != "" {
		reason += ": " + job.Detail
	}
	e.Pending = Ended(*e.Pending, job)
	return Result{Entry: failed(e, reason), Verdict: Failed, Reason: reason, Job: job.Reference, Code: job.Code}
}

// failed gives the entry of a pool whose call failed: what was applied before
// stays, and the reason is kept. The status that the pool had before is kept too,
// since a halted job hides it. Where nothing was applied before, only a failed
// creation is remembered: a rebuild of someone else's pool is asked for each time.
func failed(e pool.Entry, reason string) pool.Entry {
	call := e.Pending
	e.Pending, e.LastError = nil, reason
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

// Record gives the entry of a pool whose call happened and was read back. Only a
// set moves CalledAt: an update leaves copies in the pool that are older.
func Record(e pool.Entry, job pool.JobReference, seen pool.Live, at time.Time) pool.Entry {
	after := *e.Pending.After
	after.ReadBack, after.Job = &seen, job
	after.CalledAt, after.AppliedAt = e.CalledAt, &at
	if b := e.Pending.Before; b != nil && b.Updated == seen.Updated {
		after.OwnUntil = ownUntil(e.Pending.Ended)
	}
	if e.Pending.Verb == pool.Set {
		after.CalledAt = cmp.Or(e.Pending.Accepted, &e.Pending.At)
	}
	return after
}

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

// Ended notes in a pending call when its job ended. Job times carry no zone and
// are taken as UTC.
func Ended(p pool.PendingCall, j pool.Job) *pool.PendingCall {
	if at, err := time.ParseInLocation(time.DateTime, j.Completed, time.UTC); err == nil {
		p.Ended = &at
	}
	return &p
}

// Conclude gives the result of a call whose job completed, by how the pool then
// reads. A pool that reads otherwise than it was sent has failed, but what it
// was sent is recorded with what was read: the next plan goes on from there.
func Conclude(e pool.Entry, job pool.JobReference, seen follow.Seen, at time.Time) Result {
	r := Result{Entry: e, Job: job, Reason: seen.Problem, Recorded: true}
	switch {
	case seen.Live != nil && existed(e.Pending, *seen.Live):
		r.Verdict, r.Recorded = Failed, false
		r.Reason = "a pool of that reference was created at " + seen.Live.Created + ", before our call: it is someone else's"
		r.Entry.Pending = nil
	case seen.Live == nil || seen.Live.Status == pool.Halted:
		r.Verdict, r.Entry, r.Recorded = Failed, failed(e, seen.Problem), false
	case seen.Live.Status == pool.Pending:
		r.Verdict, r.Recorded = Running, false
	case seen.Problem != "":
		r.Verdict = Failed
		r.Entry = Record(e, job, *seen.Live, at)
		r.Entry.LastError = seen.Problem
	default:
		r.Verdict, r.Reason = Happened, seen.Warning
		r.Entry = Record(e, job, *seen.Live, at)
	}
	return r
}

// existed reports whether a pool that was to be created is older than the call.
// What a set without overwrite does to a pool that exists is not documented: its
// job may complete and have done nothing.
func existed(p *pool.PendingCall, l pool.Live) bool {
	if p.Operation != pool.OpCreate || p.Request.Overwrite {
		return false
	}
	created, err := time.Parse(time.RFC3339, l.Created)
	return err == nil && created.Before(p.At.Truncate(time.Second))
}

// readBack reads the pools whose job completed, once, and concludes.
func (s Settler) readBack(ctx context.Context, results []Result, jobs map[pool.JobReference]pool.Job) error {
	var wants []follow.Want
	for _, r := range results {
		if r.Verdict == Happened {
			w := follow.WantOf(r.Entry.Key, r.Entry.Pending.Request)
			if b := r.Entry.Pending.Before; b != nil && !s.Wait {
				w.Before = b.Updated
			}
			wants = append(wants, w)
		}
	}
	if len(wants) == 0 {
		return nil
	}
	f := follow.Follower{Reader: s.Reader, Log: s.Log}
	seen, err := f.ReadBack(ctx, wants, s.Wait)
	if err != nil {
		return err
	}
	for i, r := range results {
		if r.Verdict != Happened {
			continue
		}
		look := seen[r.Entry.Key]
		if asSent := look.Problem+look.Warning == "" && !look.Unmoved; !asSent && !s.Wait && s.mayLag(r.Entry, jobs[r.Job]) {
			reason := cmp.Or(look.Problem, look.Warning, "job "+string(r.Job)+" has just ended, and the pool does not show it yet")
			results[i] = Result{Entry: r.Entry, Verdict: Running, Reason: reason, Job: r.Job}
			continue
		}
		results[i] = Conclude(r.Entry, r.Job, seen[r.Entry.Key], s.Now())
	}
	return nil
}

// mayLag reports whether a job ended so short a time ago that its pool need not
// read as it was sent yet.
func (s Settler) mayLag(e pool.Entry, j pool.Job) bool {
	ended, err := time.ParseInLocation(time.DateTime, j.Completed, time.UTC)
	if err != nil {
		ended = e.Pending.At
	}
	return s.Now().Sub(ended) <= follow.ReadBackLimit
}

// verify looks the explicit references of the calls that are recorded up in
// their pools: a completed job is not yet success.
func (s Settler) verify(ctx context.Context, entries []pool.Entry, results []Result) error {
	contents := map[pool.Key]pool.Content{}
	for i, r := range results {
		c := entries[i].Pending.Request.Content
		if r.Recorded && !s.SkipVerify && len(c.Items)+len(c.Activities) > 0 {
			contents[r.Entry.Key] = c
		}
	}
	members, err := bank.Verify(ctx, s.Reader, contents)
	if err != nil {
		return err
	}
	for i := range results {
		if m, looked := members[results[i].Entry.Key]; looked {
			results[i].Verified(entries[i], m)
		}
	}
	return nil
}

// Verified adds what a look into the pool brought to the result of a call that is
// recorded; e has the call as pending. References that are not there fail the
// pool, and are not recorded as applied: the next plan asks for them again.
func (r *Result) Verified(e pool.Entry, m bank.Membership) {
	switch {
	case m.Unreadable != "":
		r.Warnings = append(r.Warnings, "its references could not be looked up: "+m.Unreadable)
	case m.Missing.Len() == 0:
		r.Entry.Verified = e.Pending.Verb == pool.Set || e.Verified
	default:
		missing := "the job completed, but the pool does not hold " + strings.Join(slices.Concat(m.Missing.Items, m.Missing.Activities), ", ")
		if r.Verdict == Failed {
			missing = r.Reason + "; " + missing
		}
		r.Verdict, r.Reason = Failed, missing
		sent := *r.Entry.Sent
		sent.Content = sent.Content.Minus(m.Missing)
		r.Entry.Sent, r.Entry.LastError = &sent, r.Reason
	}
}

// Empty reports whether an entry has nothing left to remember.
func Empty(e pool.Entry) bool { return e.Pending == nil && e.Sent == nil && e.LastError == "" }
