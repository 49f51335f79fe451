package settle

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/poolsync/poolsync/internal/follow"
	"github.com/poolsync/poolsync/internal/learnosity"
	"github.com/poolsync/poolsync/internal/pool"
)

// withoutJob settles calls of which no job is known: first a barrier, since job
// records name no pool, then by what the pool looks like now.
func (s Settler) withoutJob(ctx context.Context, entries []pool.Entry, doubtful []int, results []Result) error {
	oldest := map[pool.Bank]time.Time{}
	byBank := map[pool.Bank][]pool.Reference{}
	for _, i := range doubtful {
		e := entries[i]
		byBank[e.Bank] = append(byBank[e.Bank], e.Reference)
		if at, ok := oldest[e.Bank]; !ok || e.Pending.At.Before(at) {
			oldest[e.Bank] = e.Pending.At
		}
	}
	for bank, refs := range byBank {
		before, err := s.barrier(ctx, bank, oldest[bank])
		if err != nil {
			return err
		}
		live, err := s.Reader.Pools(ctx, learnosity.PoolsQuery{Bank: bank, References: refs})
		if err != nil {
			return err
		}
		byRef := make(map[pool.Reference]pool.Live, len(live))
		for _, l := range live {
			byRef[l.Reference] = l
		}
		for _, i := range doubtful {
			if e := entries[i]; e.Bank == bank {
				l, exists := byRef[e.Reference]
				if results[i], err = s.judge(ctx, e, l, exists, before); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// barrier is the jobs that stand in the way of a verdict: one that has not ended
// and is young enough to be ours, and one that ended so short a time ago that its
// pool need not show it yet. Empty means none.
type barrier struct{ open, recent pool.JobReference }

// barrier looks at the jobs of the bank that have not ended, and at the latest of
// those that have. It asks for no window of time: the endpoint has no pages, and
// one batch alone creates as many jobs in a second as it lists.
func (s Settler) barrier(ctx context.Context, bank pool.Bank, since time.Time) (b barrier, err error) {
	since = since.Add(-slack)
	open, err := s.Reader.Jobs(ctx, learnosity.JobsQuery{Bank: bank, Status: []pool.JobStatus{pool.JobQueued, pool.JobRunning}})
	if err != nil {
		return b, err
	}
	for _, j := range open {
		if !s.old(j) && !createdBefore(j, since) {
			b.open = j.Reference
		}
	}
	if len(open) >= pool.MaxBatch && b.open == "" {
		// All that are shown are out of the question; there may be more.
		if open, err = s.Reader.Jobs(ctx, learnosity.JobsQuery{Bank: bank, Since: since, Status: []pool.JobStatus{pool.JobQueued, pool.JobRunning}}); err != nil && !errors.Is(err, learnosity.ErrHiddenJobs) {
			return b, err
		}
		for _, j := range open {
			if !s.old(j) {
				b.open = j.Reference
			}
		}
	}
	if b.open != "" {
		return b, nil
	}
	ended, err := s.Reader.Jobs(ctx, learnosity.JobsQuery{Bank: bank, Status: []pool.JobStatus{pool.JobCompleted, pool.JobHalted}})
	if err != nil {
		return b, err
	}
	for _, j := range ended {
		if s.justEnded(j) && !createdBefore(j, since) {
			b.recent = j.Reference
		}
	}
	return b, nil
}

// createdBefore reports whether a job was certainly created before a moment.
func createdBefore(j pool.Job, t time.Time) bool {
	created, err := time.ParseInLocation(time.DateTime, j.Created, time.UTC)
	return err == nil && created.Before(t)
}

// justEnded reports whether replicas that lag may not show what a job did.
func (s Settler) justEnded(j pool.Job) bool {
	ended, err := time.ParseInLocation(time.DateTime, cmp.Or(j.Completed, j.Created), time.UTC)
	return err == nil && s.Now().Sub(ended) <= follow.ReadBackLimit
}

// old reports whether a job was created so long ago that it no longer stands in
// the way. Job times carry no zone and are taken as UTC.
func (s Settler) old(j pool.Job) bool {
	created, err := time.ParseInLocation(time.DateTime, j.Created, time.UTC)
	return err == nil && s.Now().Sub(created) > barrierAge
}

// judge decides by what the pool looks like.
func (s Settler) judge(ctx context.Context, e pool.Entry, l pool.Live, exists bool, before barrier) (Result, error) {
	switch {
	case before.open != "":
		return Result{Entry: e, Verdict: Running, Reason: "job " + string(before.open) + " of the bank has not ended, and may be the one in doubt"}, nil
	case exists && l.Status == pool.Pending:
		return Result{Entry: e, Verdict: Running, Reason: "a job is running on the pool"}, nil
	}
	happened, err := s.happened(ctx, e, l, exists)
	unclear, isUnclear := errors.AsType[unclearError](err)
	switch {
	case err != nil && !isUnclear:
		return Result{}, err
	case before.recent != "" && (!happened || (e.Pending.Before != nil && l.Updated == e.Pending.Before.Updated)):
		return Result{Entry: e, Verdict: Running, Reason: "job " + string(before.recent) + " of the bank has just ended, and may not show in the pool yet"}, nil
	case isUnclear:
		return Result{Entry: e, Verdict: Unclear, Reason: unclear.Error()}, nil
	case happened && l.Status == pool.Halted:
		r := Halt(e, pool.Job{Reference: e.Pending.Job, Status: pool.JobHalted})
		r.Reason, r.Entry.LastError = "the call arrived, and its job halted", "the call arrived, and its job halted"
		return r, nil
	case happened:
		return Result{Entry: Record(e, e.Pending.Job, l, s.Now()), Verdict: Happened, Recorded: true}, nil
	case s.Now().Sub(e.Pending.At) <= follow.ReadBackLimit:
		return Result{Entry: e, Verdict: Running, Reason: "the call was sent a moment ago, and neither pool nor job need show yet"}, nil
	default:
		e.Pending = nil
		return Result{Entry: e, Verdict: Never}, nil
	}
}

// unclearError says why a doubt cannot be cleared.
type unclearError string

// Error gives the reason.
func (e unclearError) Error() string { return string(e) }

// happened compares the live pool with the call in doubt, by its operation.
func (s Settler) happened(ctx context.Context, e pool.Entry, l pool.Live, exists bool) (bool, error) {
	p := e.Pending
	moved := exists && p.Before != nil && l.Updated != p.Before.Updated
	switch {
	case p.Operation == pool.OpCreate:
		return s.created(p, l, exists)
	case p.Operation == pool.OpEdit || p.Operation == pool.OpRetire:
		if !exists {
			return false, nil
		}
		return l.Name == p.Request.Name && l.Status == p.Request.Status, nil
	case contradicts(p, l):
		return false, nil
	case p.Operation == pool.OpAppend:
		return s.appended(ctx, e, moved)
	default: // correct and replace leave no other trace that get would show
		return moved, nil
	}
}

// contradicts reports whether a name or status that the call would have changed
// still is what it was: then whatever else moved the pool was not the call.
func contradicts(p *pool.PendingCall, l pool.Live) bool {
	b := p.Before
	if b == nil || l.Status == pool.Halted {
		return false
	}
	return (l.Name == b.Name && b.Name != p.Request.Name) || (l.Status == b.Status && b.Status != p.Request.Status)
}

func (s Settler) created(p *pool.PendingCall, l pool.Live, exists bool) (bool, error) {
	switch {
	case !exists:
		return false, nil
	case l.Status == pool.Halted:
		return true, nil
	case p.Before != nil: // a create over our own halted one
		return l.Updated != p.Before.Updated || l.Status != p.Before.Status, nil
	case l.Name != p.Request.Name || (p.Request.Description != nil && l.Description != *p.Request.Description):
		return false, unclearError(fmt.Sprintf("a pool of that reference exists, but its name is %q and %q was sent", l.Name, p.Request.Name))
	default:
		return true, nil
	}
}

// appended looks for the explicit references that were sent; an append of tags
// alone shows only by the time of the last change.
func (s Settler) appended(ctx context.Context, e pool.Entry, moved bool) (bool, error) {
	sent := pool.Content{Items: e.Pending.Request.Content.Items, Activities: e.Pending.Request.Content.Activities}
	if sent.Len() == 0 {
		return moved, nil
	}
	held, err := follow.Members(ctx, s.Reader, e.Key, sent)
	switch {
	case learnosity.WasRefused(err):
		return false, unclearError("what the pool holds cannot be read: " + err.Error())
	case err != nil:
		return false, err
	}
	missing := sent.Minus(held)
	switch {
	case missing.Len() == 0:
		return true, nil
	case missing.Len() == sent.Len():
		return false, nil
	default:
		return false, unclearError("the pool holds only a part of what was sent")
	}
}
