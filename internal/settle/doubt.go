package settle

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/poolsync/poolsync/internal/bank"
	"github.com/poolsync/poolsync/internal/follow"
	"github.com/poolsync/poolsync/internal/learnosity"
	"github.com/poolsync/poolsync/internal/pool"
)

// withoutJob settles calls of which no job is known: first a barrier, since job
// records name no pool, then by what the pool looks like now.
func (s Settler) withoutJob(ctx context.Context, entries []pool.Entry, doubtful []int, results []Result) error {
	byBank := map[pool.Bank][]int{}
	for _, i := range doubtful {
		byBank[entries[i].Bank] = append(byBank[entries[i].Bank], i)
	}
	for in, of := range byBank {
		doubts := make([]pool.Entry, len(of))
		for n, i := range of {
			doubts[n] = entries[i]
		}
		settled, err := s.settleBank(ctx, in, doubts)
		if err != nil {
			return err
		}
		for n, i := range of {
			results[i] = settled[n]
		}
	}
	return nil
}

// settleBank settles calls to one bank of which no job is known.
func (s Settler) settleBank(ctx context.Context, in pool.Bank, doubts []pool.Entry) ([]Result, error) {
	oldest := doubts[0].Pending.At
	keys := make([]pool.Key, len(doubts))
	for i, e := range doubts {
		keys[i] = e.Key
		if e.Pending.At.Before(oldest) {
			oldest = e.Pending.At
		}
	}
	before, err := s.barrier(ctx, in, oldest)
	if err != nil {
		return nil, err
	}
	records, err := bank.Live(ctx, s.Reader, keys)
	if err != nil {
		return nil, err
	}
	held, err := s.looks(ctx, doubts, records.Live, before)
	if err != nil {
		return nil, err
	}
	results := make([]Result, len(doubts))
	for i, e := range doubts {
		l, exists := records.Live[e.Key]
		results[i] = s.judge(e, l, exists, before, held[e.Key])
	}
	return results, nil
}

// barrier is the jobs that stand in the way of a verdict: one that has not ended
// and is young enough to be ours, and one that ended so short a time ago that its
// pool need not show it yet. Empty means none.
type barrier struct{ open, recent pool.JobReference }

// barrier looks at the jobs of the bank that have not ended, and at the latest of
// those that have. It asks for no window of time: the endpoint has no pages, and
// one batch alone creates as many jobs in a second as it lists.
func (s Settler) barrier(ctx context.Context, in pool.Bank, since time.Time) (b barrier, err error) {
	since = since.Add(-slack)
	open, err := s.Reader.Jobs(ctx, learnosity.JobsQuery{Bank: in, Status: []pool.JobStatus{pool.JobQueued, pool.JobRunning}})
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
		if open, err = s.Reader.Jobs(ctx, learnosity.JobsQuery{Bank: in, Since: since, Status: []pool.JobStatus{pool.JobQueued, pool.JobRunning}}); err != nil && !errors.Is(err, learnosity.ErrHiddenJobs) {
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
	ended, err := s.Reader.Jobs(ctx, learnosity.JobsQuery{Bank: in, Status: []pool.JobStatus{pool.JobCompleted, pool.JobHalted}})
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

// looks reads what pools hold of what the appends in doubt sent to them, where
// nothing else decides already.
func (s Settler) looks(ctx context.Context, doubts []pool.Entry, live map[pool.Key]pool.Live, before barrier) (map[pool.Key]bank.Membership, error) {
	contents := map[pool.Key]pool.Content{}
	for _, e := range doubts {
		l, sent := live[e.Key], explicit(e.Pending)
		if e.Pending.Operation == pool.OpAppend && sent.Len() > 0 && before.open == "" && l.Status != pool.Pending && !contradicts(e.Pending, l) {
			contents[e.Key] = sent
		}
	}
	return bank.Verify(ctx, s.Reader, contents)
}

// judge decides by what the pool looks like, and what it holds of an append.
func (s Settler) judge(e pool.Entry, l pool.Live, exists bool, before barrier, held bank.Membership) Result {
	switch {
	case before.open != "":
		return Result{Entry: e, Verdict: Running, Reason: "job " + string(before.open) + " of the bank has not ended, and may be the one in doubt"}
	case exists && l.Status == pool.Pending:
		return Result{Entry: e, Verdict: Running, Reason: "a job is running on the pool"}
	}
	happened, unclear := happened(e.Pending, l, exists, held)
	switch {
	case before.recent != "" && (!happened || (e.Pending.Before != nil && l.Updated == e.Pending.Before.Updated)):
		return Result{Entry: e, Verdict: Running, Reason: "job " + string(before.recent) + " of the bank has just ended, and may not show in the pool yet"}
	case unclear != "":
		return Result{Entry: e, Verdict: Unclear, Reason: unclear}
	case happened && l.Status == pool.Halted:
		r := Halt(e, pool.Job{Reference: e.Pending.Job, Status: pool.JobHalted})
		r.Reason, r.Entry.LastError = "the call arrived, and its job halted", "the call arrived, and its job halted"
		return r
	case happened:
		return Result{Entry: Record(e, e.Pending.Job, l, s.Now()), Verdict: Happened, Recorded: true}
	case s.Now().Sub(e.Pending.At) <= follow.ReadBackLimit:
		return Result{Entry: e, Verdict: Running, Reason: "the call was sent a moment ago, and neither pool nor job need show yet"}
	default:
		e.Pending = nil
		return Result{Entry: e, Verdict: Never}
	}
}

// happened compares the live pool with the call in doubt, by its operation. Where
// that cannot tell, it says why.
func happened(p *pool.PendingCall, l pool.Live, exists bool, held bank.Membership) (happened bool, unclear string) {
	moved := exists && p.Before != nil && l.Updated != p.Before.Updated
	switch {
	case p.Operation == pool.OpCreate:
		return created(p, l, exists)
	case p.Operation == pool.OpEdit || p.Operation == pool.OpRetire:
		return exists && edited(p, l, moved), ""
	case contradicts(p, l):
		return false, ""
	case p.Operation == pool.OpAppend:
		return appended(explicit(p), held, moved)
	default: // correct and replace leave no other trace that get would show
		return moved, ""
	}
}

// edited reports whether name and status are as an edit sent them. One of white
// space alone, which the server need not keep, shows by the time of the last change.
func edited(p *pool.PendingCall, l pool.Live, moved bool) bool {
	b := p.Before
	switch {
	case !sameText(l.Name, p.Request.Name) || l.Status != p.Request.Status:
		return false
	case l.Name != p.Request.Name && b != nil && sameText(b.Name, p.Request.Name) && b.Status == p.Request.Status:
		return moved
	default:
		return true
	}
}

// sameText compares names and descriptions but for surrounding and repeated white
// space, which a server may trim.
func sameText(a, b string) bool { return slices.Equal(strings.Fields(a), strings.Fields(b)) }

// contradicts reports whether a name or status that the call would have changed
// still is what it was: then whatever else moved the pool was not the call.
func contradicts(p *pool.PendingCall, l pool.Live) bool {
	b := p.Before
	if b == nil || l.Status == pool.Halted {
		return false
	}
	return (sameText(l.Name, b.Name) && !sameText(b.Name, p.Request.Name)) || (l.Status == b.Status && b.Status != p.Request.Status)
}

func created(p *pool.PendingCall, l pool.Live, exists bool) (happened bool, unclear string) {
	switch {
	case !exists:
		return false, ""
	case l.Status == pool.Halted:
		return true, ""
	case p.Before != nil: // a create over our own halted one
		return l.Updated != p.Before.Updated || l.Status != p.Before.Status, ""
	case !sameText(l.Name, p.Request.Name) || (p.Request.Description != nil && !sameText(l.Description, *p.Request.Description)):
		return false, fmt.Sprintf("a pool of that reference exists, but its name is %q and %q was sent", l.Name, p.Request.Name)
	default:
		return true, ""
	}
}

// appended looks for the explicit references that were sent. An append of tags
// alone shows only by the time of the last change.
func appended(sent pool.Content, held bank.Membership, moved bool) (happened bool, unclear string) {
	switch missing := held.Missing.Len(); {
	case sent.Len() == 0:
		return moved, ""
	case held.Unreadable != "":
		return false, "what the pool holds cannot be read: " + held.Unreadable
	case missing == 0:
		return true, ""
	case missing == sent.Len():
		return false, ""
	default:
		return false, "the pool holds only a part of what was sent"
	}
}

// explicit gives the references that a call sent, without its tags.
func explicit(p *pool.PendingCall) pool.Content {
	return pool.Content{Items: p.Request.Content.Items, Activities: p.Request.Content.Activities}
}
