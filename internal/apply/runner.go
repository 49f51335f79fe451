package apply

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/poolsync/poolsync/internal/diff"
	"github.com/poolsync/poolsync/internal/follow"
	"github.com/poolsync/poolsync/internal/learnosity"
	"github.com/poolsync/poolsync/internal/pool"
	"github.com/poolsync/poolsync/internal/settle"
	"github.com/poolsync/poolsync/internal/state"
)

// Remote is what applying needs of the Data API.
type Remote interface {
	follow.Reader
	Write(ctx context.Context, v pool.Verb, b pool.Bank, pools []pool.Request) (learnosity.Accepted, error)
}

// Origin says where the manifests of a run come from; it is recorded with every
// pool that the run writes.
type Origin struct {
	Set        string
	Commit     string
	CommitTime *time.Time
	// File gives the manifest's name as the state records it.
	File func(name string) string
}

// Progress is how far a run has come: pools accepted and ended, of Total.
type Progress struct{ Total, Accepted, Ended int }

// Runner carries out the changes of one plan.
type Runner struct {
	Remote   Remote
	Recorder *state.Recorder
	Log      *slog.Logger
	Run      string // names the run in the state
	Origin   Origin
	// Verify looks every explicit reference that was sent up in its pool.
	Verify bool
	// Now is the server's time as far as it is known.
	Now func() time.Time
	// Report is told of progress; it may be nil.
	Report func(Progress)

	mu    sync.Mutex
	calls map[pool.Verb]int
	done  Progress
}

// Apply carries out what is not blocked, stage by stage: first calls, second
// calls of the pools whose first one succeeded, then retires if all else did.
// The error is the state's: then nothing more was sent.
func (r *Runner) Apply(ctx context.Context, changes []diff.Change) (Result, error) {
	tasks := runnable(changes)
	outcomes := make([]Outcome, 0, len(changes))
	index := map[pool.Key]int{}
	for _, ch := range changes {
		if len(ch.Calls) == 0 && len(ch.Blocked) == 0 && !ch.Has(diff.Retire) {
			continue
		}
		index[ch.Key] = len(outcomes)
		outcomes = append(outcomes, before(ch))
	}
	for _, t := range tasks {
		t.outcome = &outcomes[index[t.change.Key]]
	}
	r.calls = map[pool.Verb]int{}
	r.done = Progress{Total: len(tasks)}
	err := r.stages(ctx, tasks, outcomes)
	if err == nil {
		r.recordOnly(changes, outcomes, index)
		err = r.flush(ctx)
	}
	slices.SortFunc(outcomes, func(a, b Outcome) int { return a.Change.Key.Compare(b.Change.Key) })
	return Result{Outcomes: outcomes, Calls: r.calls}, err
}

// before is the outcome of a change that nothing was done for yet. A job of ours
// that an earlier run left behind runs on.
func before(ch diff.Change) Outcome {
	o := Outcome{Change: ch, State: NotAttempted}
	if ch.Has(diff.Pending) && ch.Entry != nil && ch.Entry.Pending != nil {
		o.State, o.Job, o.Accepted = StillRunning, ch.Entry.Pending.Job, true
	}
	return o
}

func (r *Runner) stages(ctx context.Context, tasks []*task, outcomes []Outcome) error {
	split := stages(tasks)
	if err := r.stage(ctx, split[0], secondCalls(split[1])); err != nil {
		return err
	}
	retires := split[2]
	if !allApplied(outcomes) {
		for _, t := range retires {
			t.outcome.Problem = retiresLast()
		}
		return nil
	}
	return r.stage(ctx, retires, nil)
}

func retiresLast() *Problem {
	return &Problem{Message: "pools are retired only when everything else was applied"}
}

// allApplied reports whether everything but retires was applied.
func allApplied(outcomes []Outcome) bool {
	return !slices.ContainsFunc(outcomes, func(o Outcome) bool { return o.State != Applied && !o.Change.Has(diff.Retire) })
}

// stage records the calls as pending, sends them, follows their jobs and reads
// the pools back. Pools whose call has succeeded go on to their second one, if
// then has one for them; none waits for a job of another pool longer than it
// takes to put calls together.
func (r *Runner) stage(ctx context.Context, tasks []*task, then map[pool.Key]*task) error {
	if len(tasks) == 0 {
		return nil
	}
	if err := context.Cause(ctx); err != nil {
		for _, t := range tasks {
			t.outcome.State, t.outcome.Problem = NotAttempted, problemOf(err)
		}
		return nil
	}
	entries := make([]pool.Entry, len(tasks))
	for i, t := range tasks {
		r.prepare(t)
		entries[i] = t.entry
	}
	r.Recorder.Put(entries...)
	if err := r.flush(ctx); err != nil {
		for _, t := range tasks {
			t.outcome.Problem = &Problem{Message: "its call could not be recorded, so it was not sent"}
		}
		return fmt.Errorf("record the calls before sending them: %w; nothing was sent", err)
	}
	before := r.sent()
	r.send(ctx, tasks)
	err := r.flush(ctx)
	switch {
	case err != nil && r.sent() == before:
		return fmt.Errorf("record the calls, none of which was sent: %w", err)
	case err != nil:
		return fmt.Errorf("record the jobs: %w", err)
	}
	c := chase{Runner: r, then: then}
	c.follow(ctx, tasks)
	return errors.Join(c.wait(), r.flush(ctx))
}

// sent is how many calls were made.
func (r *Runner) sent() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.calls[pool.Set] + r.calls[pool.Update]
}

// prepare builds the entry that has the task's call as pending.
func (r *Runner) prepare(t *task) {
	ch := t.change
	entry := pool.Entry{Format: pool.EntryFormat, Key: ch.Key, Set: r.Origin.Set, File: ch.Source.File}
	before := ch.LivePool
	if prior, ok := r.Recorder.Entry(ch.Key); ok {
		entry, t.prior = prior, &prior
		if t.call.Operation != pool.OpCreate && ch.Entry != nil && prior.Job != ch.Entry.Job {
			before = prior.ReadBack // the pool's first call of this run has changed it
		}
	}
	after := r.after(t, entry)
	entry.Set, entry.File = after.Set, after.File
	entry.Pending = &pool.PendingCall{
		Run: r.Run, Operation: t.call.Operation, Verb: t.call.Verb, Request: t.call.Request,
		Before: before, After: &after, At: r.Now().UTC().Truncate(time.Second),
	}
	t.entry = entry
}

// after is the entry to record once the call has succeeded. Rebuilding a pool
// ends what someone else's hand did to it; any other call leaves it in doubt.
func (r *Runner) after(t *task, prior pool.Entry) pool.Entry {
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
	}
	return e
}

// conclude records a settled call and what came of it.
func (r *Runner) conclude(t *task, res settle.Result) {
	r.Record(res.Entry)
	t.outcome.Warnings = append(t.outcome.Warnings, res.Warnings...)
	switch res.Verdict {
	case settle.Happened:
		t.outcome.State, t.outcome.Problem = Applied, nil
		if res.Reason != "" {
			t.outcome.Warnings = append(t.outcome.Warnings, res.Reason)
		}
	case settle.Failed:
		t.outcome.State, t.outcome.Problem = Failed, &Problem{
			Code: res.Code, Message: res.Reason, RequestUUID: t.requestUUID, Remedy: remedyFor(res),
		}
	default:
		t.outcome.State, t.outcome.Problem = StillRunning, &Problem{Message: res.Reason}
	}
}

// Record puts a settled entry into the state, or takes it out if it has nothing
// left to remember.
func (r *Runner) Record(e pool.Entry) {
	if settle.Empty(e) {
		r.Recorder.Delete(e.Key)
		return
	}
	r.Recorder.Put(e)
}

func remedyFor(res settle.Result) string {
	hint := learnosity.HintFor(res.Code)
	if res.Job == "" {
		return hint
	}
	return cmp.Or(hint, "correct the manifest and apply again") + "; the job's record: poolsync jobs " + string(res.Job)
}

// recordOnly carries out what needs no call: entries of pools that are gone, and
// orphans that are unpublished already.
func (r *Runner) recordOnly(changes []diff.Change, outcomes []Outcome, index map[pool.Key]int) {
	for _, ch := range changes {
		switch {
		case len(ch.Blocked) > 0:
		case ch.Has(diff.Forgotten):
			r.Recorder.Delete(ch.Key)
		case ch.Has(diff.Retire) && len(ch.Calls) == 0:
			if !allApplied(outcomes) {
				outcomes[index[ch.Key]].Problem = retiresLast()
				continue
			}
			e := *ch.Entry
			e.Retired = true
			r.Recorder.Put(e)
			outcomes[index[ch.Key]].State = Applied
		}
	}
}

func (r *Runner) progress(accepted, ended int) {
	r.mu.Lock()
	r.done.Accepted += accepted
	r.done.Ended += ended
	done := r.done
	r.mu.Unlock()
	if r.Report != nil {
		r.Report(done)
	}
}
