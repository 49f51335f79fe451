package outcome

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/poolsync/poolsync/internal/bank"
	"github.com/poolsync/poolsync/internal/learnosity"
	"github.com/poolsync/poolsync/internal/pool"
)

// Reader is what observing needs of the Data API.
type Reader interface {
	bank.PoolReader
	bank.MemberReader
	Jobs(ctx context.Context, q learnosity.JobsQuery) ([]pool.Job, error)
}

// Observer reads what became of calls, and has it judged.
type Observer struct {
	Reader Reader
	// Now is the server's time as far as it is known.
	Now func() time.Time
	// SkipVerify leaves out looking the explicit references that were sent up in
	// their pools.
	SkipVerify bool
	// Known are jobs that are known to be those of some other call.
	Known map[pool.JobReference]bool
	// waits is set by a Waiter: whether replicas had time is counted from when a job
	// was first seen to have ended, since the clock that dates its end may be off.
	waits bool
}

// Settle looks once at what became of each entry's pending call, in the order given.
func (o Observer) Settle(ctx context.Context, entries []pool.Entry) ([]Settled, error) {
	cases := make([]*open, len(entries))
	for i, e := range entries {
		cases[i] = &open{entry: e}
	}
	if err := o.look(ctx, cases); err != nil {
		return nil, err
	}
	out := make([]Settled, len(cases))
	for i, c := range cases {
		out[i] = c.settled
	}
	return out, nil
}

// open is a call that is not settled, and what was seen of it.
type open struct {
	entry   pool.Entry
	seen    Seen
	settled Settled
	since   time.Time // when it began to be waited for without a job of its own that runs
}

// judge takes what was seen for its verdict.
func (c *open) judge(now time.Time) {
	v, next := Judge(c.entry, c.seen, now)
	c.settled = Settled{Entry: next, Verdict: v}
}

// needsPool reports whether the pool has to be read for a verdict.
func (c *open) needsPool() bool {
	p, j := c.entry.Pending, c.seen.Job
	switch {
	case p == nil || c.inDoubt():
		return true
	case j == nil || !j.Ended():
		return false
	}
	return j.Status == pool.JobCompleted || p.Operation == pool.OpCreate
}

// inDoubt reports whether no job tells what became of the call.
func (c *open) inDoubt() bool { return c.entry.Pending != nil && c.seen.Job == nil }

// look reads, in a few calls for all, and judges each.
func (o Observer) look(ctx context.Context, cases []*open) error {
	if err := o.ownJobs(ctx, cases); err != nil {
		return err
	}
	now := o.Now()
	var doubts, read []*open
	for _, c := range cases {
		c.judge(now)
		if c.inDoubt() && !(c.entry.Pending.Job != "" && c.settled.Status == Running) {
			doubts = append(doubts, c)
		}
	}
	if err := o.bankJobs(ctx, doubts); err != nil {
		return err
	}
	var keys []pool.Key
	for _, c := range cases {
		if c.needsPool() {
			read, keys = append(read, c), append(keys, c.entry.Key)
		}
	}
	records, err := bank.Live(ctx, o.Reader, keys)
	if err != nil {
		return &readBackError{err}
	}
	now = o.Now()
	for _, c := range read {
		c.seen.Live, c.seen.Members, c.seen.SkipVerify = nil, nil, o.SkipVerify
		if l, ok := records.Live[c.entry.Key]; ok {
			c.seen.Live = &l
		}
		c.judge(now)
	}
	if err := o.members(ctx, read); err != nil {
		return err
	}
	return o.shareJobs(ctx, doubts)
}

// readBackError says that pools could not be read.
type readBackError struct{ error }

func (e *readBackError) Unwrap() error { return e.error }

// IsReadBack reports whether an error is that pools could not be read.
func IsReadBack(err error) bool {
	_, ok := errors.AsType[*readBackError](err)
	return ok
}

// ownJobs reads the jobs that are known and had not ended when they were read last.
func (o Observer) ownJobs(ctx context.Context, cases []*open) error {
	byBank := map[pool.Bank][]pool.JobReference{}
	for _, c := range cases {
		if p := c.entry.Pending; p != nil && p.Job != "" && (c.seen.Job == nil || !c.seen.Job.Ended()) {
			byBank[c.entry.Bank] = append(byBank[c.entry.Bank], p.Job)
		}
	}
	listed := map[pool.JobReference]pool.Job{}
	for _, b := range slices.Sorted(maps.Keys(byBank)) {
		jobs, err := o.Reader.Jobs(ctx, learnosity.JobsQuery{Bank: b, References: byBank[b]})
		if err != nil {
			return err
		}
		for _, j := range jobs {
			listed[j.Reference] = j
		}
	}
	for _, c := range cases {
		p := c.entry.Pending
		if p == nil || p.Job == "" || (c.seen.Job != nil && c.seen.Job.Ended()) {
			continue
		}
		c.seen.Job = nil
		if j, ok := listed[p.Job]; ok {
			if c.seen.Job = &j; o.waits && j.Ended() {
				c.seen.Since = o.Now()
			}
		}
	}
	return nil
}

// bankJobs reads the jobs that may be those of calls in doubt: of the bank, created
// about the time of the call, and not known to be another's.
func (o Observer) bankJobs(ctx context.Context, doubts []*open) error {
	byBank := map[pool.Bank][]*open{}
	for _, c := range doubts {
		byBank[c.entry.Bank] = append(byBank[c.entry.Bank], c)
	}
	for _, b := range slices.Sorted(maps.Keys(byBank)) {
		of := byBank[b]
		slices.SortStableFunc(of, func(x, y *open) int { return x.entry.Pending.At.Compare(y.entry.Pending.At) })
		for len(of) > 0 {
			n, until := together(of)
			if err := o.jobsAround(ctx, b, of[:n], until); err != nil {
				return err
			}
			of = of[n:]
		}
	}
	return nil
}

// together returns how many of the calls, in the order of their times, have windows
// that overlap, and the end of those.
func together(of []*open) (n int, until time.Time) {
	for n < len(of) {
		w := windowOf(of[n].entry.Pending)
		if n > 0 && w.from.Add(-slack).After(until) {
			break
		}
		if end := w.last.Add(slack); end.After(until) {
			until = end
		}
		n++
	}
	return n, until
}

// jobsAround reads the jobs of one stretch of time. Where more were created at once
// than the endpoint lists, those that have not ended are asked for by themselves.
func (o Observer) jobsAround(ctx context.Context, b pool.Bank, of []*open, until time.Time) error {
	q := learnosity.JobsQuery{Bank: b, Since: windowOf(of[0].entry.Pending).from.Add(-slack)}
	if now := o.Now(); until.Before(now) {
		q.Until = until
	}
	jobs, err := o.Reader.Jobs(ctx, q)
	hidden := errors.Is(err, learnosity.ErrHiddenJobs)
	if err != nil && !hidden {
		return err
	}
	if hidden {
		running, err := o.Reader.Jobs(ctx, learnosity.JobsQuery{Bank: b, Status: []pool.JobStatus{pool.JobQueued, pool.JobRunning}})
		if err != nil {
			return err
		}
		jobs = append(jobs, running...)
	}
	jobs = slices.DeleteFunc(jobs, func(j pool.Job) bool { return o.Known[j.Reference] })
	for _, c := range of {
		c.seen.Jobs, c.seen.Hidden = jobs, hidden
	}
	return nil
}

// members takes the looks into pools that the verdicts ask for.
func (o Observer) members(ctx context.Context, cases []*open) error {
	looks := map[pool.Key]bank.Look{}
	for _, c := range cases {
		if q := c.settled.Look; q.Content.Len() > 0 {
			looks[c.entry.Key] = q
		}
	}
	held, err := bank.Verify(ctx, o.Reader, looks)
	if err != nil {
		return fmt.Errorf("look references up in their pools: %w", err)
	}
	now := o.Now()
	for _, c := range cases {
		if m, ok := held[c.entry.Key]; ok {
			c.seen.Members = &m
			c.judge(now)
		}
	}
	return nil
}

// shareJobs judges once more the calls that other jobs left unclear: each call that
// is known to have happened takes the one job for itself at whose end its pool was
// written. What is left over may be the others'.
func (o Observer) shareJobs(ctx context.Context, doubts []*open) error {
	var unclear []*open
	taken := map[pool.JobReference]bool{}
	for _, c := range doubts {
		switch s := c.settled; {
		case s.Unclear:
			unclear = append(unclear, c)
		case c.seen.Live != nil && (s.Recorded || (s.Status == Failed && !s.Unclear)):
			best := slices.IndexFunc(c.seen.Jobs, func(j pool.Job) bool { return !taken[j.Reference] && j.Ended() && near(*c.seen.Live, j) })
			if best < 0 {
				continue
			}
			j := c.seen.Jobs[best].Reference
			if taken[j] = true; s.Recorded {
				c.settled.Entry.Job, c.settled.Job = j, j
			}
		}
	}
	if len(unclear) == 0 || len(taken) == 0 {
		return nil
	}
	now := o.Now()
	for _, c := range unclear {
		c.seen.Jobs = slices.DeleteFunc(slices.Clone(c.seen.Jobs), func(j pool.Job) bool { return taken[j.Reference] })
		c.judge(now)
	}
	return o.members(ctx, unclear)
}

// Recorded returns what tells the jobs that entries name from those of calls in doubt.
func Recorded(entries map[pool.Key]pool.Entry) map[pool.JobReference]bool {
	known := map[pool.JobReference]bool{}
	for _, e := range entries {
		known[e.Job], known[e.EarlierJob] = true, true
		if e.Pending != nil {
			known[e.Pending.Job] = true
		}
	}
	return known
}
