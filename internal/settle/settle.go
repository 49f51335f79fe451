// Package settle turns doubt into fact: it finds out what became of calls that
// the state has as pending. Entries come in, settled entries go out; it only
// reads, and it never sends a discarded call again: what did not happen is left
// to the next plan, which today's manifests and guards decide.
package settle

import (
	"context"
	"log/slog"
	"time"

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
}

// Settler settles entries.
type Settler struct {
	Reader follow.Reader
	Log    *slog.Logger
	// Wait lets it wait for replicas that lag behind a completed job. A plan
	// does not wait.
	Wait bool
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
			results[i] = Result{Entry: e, Verdict: Happened, Job: job.Reference}
		}
	}
	if err := s.readBack(ctx, results); err != nil {
		return nil, err
	}
	return results, s.withoutJob(ctx, entries, doubtful, results)
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

// Halt gives the entry of a pool whose job halted: what was applied before
// stays, and the reason is kept.
func Halt(e pool.Entry, job pool.Job) Result {
	reason := "job " + string(job.Reference) + " halted"
	if job.Detail != "" {
		reason += ": " + job.Detail
	}
	e.Pending = nil
	e.LastError = reason
	return Result{Entry: e, Verdict: Failed, Reason: reason, Job: job.Reference}
}

// Record gives the entry of a pool whose call happened and was read back.
func Record(e pool.Entry, job pool.JobReference, seen pool.Live, at time.Time) pool.Entry {
	after := *e.Pending.After
	after.ReadBack, after.Job = &seen, job
	called := e.Pending.At
	after.CalledAt, after.AppliedAt = &called, &at
	return after
}

// Conclude gives the result of a call whose job completed, by how the pool then
// reads. A pool that reads otherwise than it was sent has failed, but what it
// was sent is recorded with what was read: the next plan goes on from there.
func Conclude(e pool.Entry, job pool.JobReference, seen follow.Seen, at time.Time) Result {
	r := Result{Entry: e, Job: job, Reason: seen.Problem}
	switch {
	case seen.Live == nil:
		r.Verdict = Failed
		r.Entry.Pending, r.Entry.LastError = nil, seen.Problem
	case seen.Live.Status == pool.Pending:
		r.Verdict = Running
	case seen.Live.Status == pool.Halted:
		r.Verdict = Failed
		r.Entry.Pending, r.Entry.LastError = nil, seen.Problem
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

// readBack reads the pools whose job completed, once, and concludes.
func (s Settler) readBack(ctx context.Context, results []Result) error {
	var wants []follow.Want
	for _, r := range results {
		if r.Verdict == Happened {
			wants = append(wants, follow.WantOf(r.Entry.Key, r.Entry.Pending.Request))
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
		if r.Verdict == Happened {
			results[i] = Conclude(r.Entry, r.Job, seen[r.Entry.Key], s.Now())
		}
	}
	return nil
}

// Empty reports whether an entry has nothing left to remember.
func Empty(e pool.Entry) bool { return e.Pending == nil && e.Sent == nil && e.LastError == "" }
