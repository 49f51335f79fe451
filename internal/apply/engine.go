package apply

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"github.com/poolsync/poolsync/internal/diff"
	"github.com/poolsync/poolsync/internal/follow"
	"github.com/poolsync/poolsync/internal/pool"
	"github.com/poolsync/poolsync/internal/settle"
)

// Engine applies a plan to its end: what ends in doubt is settled, what did not
// happen is planned anew and tried again, and pools that a job was running on
// are taken up when it has ended.
type Engine struct {
	Runner
	// Plan settles what the state has in doubt, records what came of it, and
	// compares again, against the bank as it is now.
	Plan func(ctx context.Context) (diff.Plan, error)
}

// maxRounds bounds how often a run plans anew. Each round but the first is for
// pools whose call did not happen or that had to be waited for.
const maxRounds = 4

// PendingLimit is how long an apply waits for pools that a job is running on.
const PendingLimit = 10 * time.Minute

// Run applies the plan. The result is complete on every return. The error is
// for what no pool's outcome can say: the state could not be written, or the
// bank could not be read again.
func (e *Engine) Run(ctx context.Context, p diff.Plan) (Result, error) {
	var result Result
	err := e.rounds(ctx, p.Changes, &result)
	for i := range result.Outcomes {
		if o := &result.Outcomes[i]; o.State == doubt {
			o.State = StillRunning
			o.Problem.Remedy = "the next apply finds out what became of the call"
		}
	}
	failed := e.flush(ctx)
	if err != nil && errors.Is(err, e.Recorder.Err()) {
		return result, err // which tells of it already
	}
	return result, errors.Join(err, failed)
}

func (e *Engine) rounds(ctx context.Context, changes []diff.Change, result *Result) error {
	for round := 1; ; round++ {
		part, err := e.Apply(ctx, changes)
		result.merge(part)
		if err != nil || ctx.Err() != nil {
			return err
		}
		again, err := e.settle(ctx, result, changes)
		result.heldBack(again)
		result.retires(again)
		if err != nil || len(again) == 0 || round == maxRounds || ctx.Err() != nil {
			return err
		}
		p, err := e.Plan(ctx)
		if err != nil {
			return fmt.Errorf("plan again: %w", err)
		}
		changes = slices.DeleteFunc(p.Changes, func(ch diff.Change) bool { return !again[ch.Key] })
		result.settled(again, changes)
		e.Log.LogAttrs(ctx, slog.LevelInfo, "planned again", slog.Int("pools", len(again)), slog.Int("round", round+1))
	}
}

// settle settles what the round left in doubt and waits for pools that a job is
// running on. It gives the pools that have to be decided again.
func (e *Engine) settle(ctx context.Context, result *Result, changes []diff.Change) (map[pool.Key]bool, error) {
	again := map[pool.Key]bool{}
	deadline := time.Now().Add(PendingLimit)
	rhythm := follow.NewRhythm()
	waiting := map[pool.Key]bool{}
	for _, ch := range changes {
		if ch.Has(diff.Pending) {
			waiting[ch.Key] = true
		}
	}
	for {
		left, err := e.settleOnce(ctx, result, again)
		if err != nil {
			return again, err
		}
		if err := e.lookPending(ctx, waiting, again); err != nil {
			return again, err
		}
		if (left == 0 && len(waiting) == 0) || time.Now().After(deadline) {
			return again, e.flush(ctx)
		}
		if err := follow.Sleep(ctx, rhythm.NextBackOff()); err != nil {
			return again, e.flush(ctx)
		}
	}
}

// settleOnce settles every outcome in doubt, as far as that can be done now, and
// gives how many are left.
func (e *Engine) settleOnce(ctx context.Context, result *Result, again map[pool.Key]bool) (int, error) {
	var entries []pool.Entry
	var of []*Outcome
	for i := range result.Outcomes {
		o := &result.Outcomes[i]
		if o.State != doubt {
			continue
		}
		entry, ok := e.Recorder.Entry(o.Change.Key)
		if ok && entry.Pending != nil {
			entries, of = append(entries, entry), append(of, o)
			continue
		}
		// Planning anew, to look at pools that are waited for, has settled it.
		if o.State = Failed; entry.LastError != "" {
			o.Problem = &Problem{Message: entry.LastError}
		} else {
			again[o.Change.Key] = true
		}
	}
	if len(entries) == 0 {
		return 0, nil
	}
	s := settle.Settler{Reader: e.Remote, Log: e.Log, Wait: true, SkipVerify: !e.Verify, Now: e.Now}
	results, err := s.Settle(ctx, entries)
	if err != nil {
		for _, o := range of {
			o.State = StillRunning
		}
		return 0, fmt.Errorf("find out what became of %d calls: %w", len(entries), err)
	}
	left := 0
	for i, res := range results {
		if e.take(of[i], res, again) {
			left++
		}
	}
	return left, nil
}

// take files what a call in doubt came to, and reports whether it is still open.
func (e *Engine) take(o *Outcome, res settle.Result, again map[pool.Key]bool) (open bool) {
	t := &task{change: o.Change, outcome: o}
	switch res.Verdict {
	case settle.Running:
		o.Problem = &Problem{Message: res.Reason}
		return true
	case settle.Never:
		problem := o.Problem
		e.conclude(t, res)
		o.State, o.Problem = Failed, problem
		again[o.Change.Key] = true
	case settle.Unclear:
		o.State, o.Problem = Failed, &Problem{
			Message: "whether the call happened cannot be told: " + res.Reason,
			Remedy:  "look at the pool in the bank, then: poolsync adopt " + string(o.Change.Reference),
		}
	default:
		o.Accepted = true
		e.conclude(t, res)
		if res.Verdict == settle.Happened && len(o.Change.Calls) > 1 {
			again[o.Change.Key] = true
		}
	}
	return false
}

// lookPending takes out of waiting the pools that no job is running on any more.
func (e *Engine) lookPending(ctx context.Context, waiting, again map[pool.Key]bool) error {
	if len(waiting) == 0 {
		return nil
	}
	p, err := e.Plan(ctx)
	if err != nil {
		return err
	}
	still := map[pool.Key]bool{}
	for _, ch := range p.Changes {
		still[ch.Key] = ch.Has(diff.Pending)
	}
	for k := range waiting {
		if !still[k] {
			delete(waiting, k)
			again[k] = true
		}
	}
	return nil
}
