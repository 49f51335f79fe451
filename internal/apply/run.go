package apply

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/poolsync/poolsync/internal/diff"
	"github.com/poolsync/poolsync/internal/learnosity"
	"github.com/poolsync/poolsync/internal/outcome"
	"github.com/poolsync/poolsync/internal/pool"
	"github.com/poolsync/poolsync/internal/state"
)

// Remote is what applying needs of the Data API.
type Remote interface {
	Reader
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
	// Dirty reports whether a manifest was not as in the commit; nil is that none
	// was.
	Dirty func(name string) bool
}

// Progress is how far a run has come: pools accepted and ended, of Total.
type Progress struct{ Total, Accepted, Ended int }

// Run carries out a plan to its end: calls are recorded, sent and waited for; what
// did not happen, and what had to be waited for, is planned anew.
type Run struct {
	Planner
	Remote   Remote
	Recorder *state.Recorder
	Name     string // names the run in the state
	Origin   Origin
	// Scope says whose pools the run is about.
	Scope func(context.Context, state.Snapshot) (diff.Scope, error)
	// Report is told of progress; it may be nil.
	Report func(Progress)
	// ShownOnly leaves out what a later round plans and the plan that was shown does
	// not have. Otherwise Unshown is told of it first; it may be nil.
	ShownOnly bool
	Unshown   func(diff.Change)

	waiter   outcome.Waiter
	outcomes map[pool.Key]*Outcome
	tasks    map[pool.Key]*task // calls under way
	then     map[pool.Key]*task // second calls
	again    map[pool.Key]bool  // to be planned anew
	last     []diff.Change      // of the latest plan
	shown    []diff.Change      // of the plan that was shown
	gaveUp   error              // why calls are waited for no more
	readAt   time.Time          // when the plan read the bank

	mu    sync.Mutex // of what the two streams of calls share
	calls map[pool.Verb]int
	done  Progress
	sent  []*task
	// limits is how many pools may be in a call with one, where a larger one failed.
	limits map[pool.Key]int
}

// maxRounds bounds how often a run plans anew. Each round but the first is for
// pools whose call did not happen or that had to be waited for.
const maxRounds = 5

// Plan settles what earlier calls came to as far as it can be told now, records
// that, and compares what is declared with the state and the bank.
func (r *Run) Plan(ctx context.Context) (Made, error) {
	snap := r.Recorder.Snapshot()
	scope, err := r.Scope(ctx, snap)
	if err != nil {
		return Made{}, err
	}
	r.readAt = time.Now()
	r.Written = r.written()
	m, err := r.make(ctx, snap, scope, false, &r.waiter)
	if err != nil {
		return m, err
	}
	for _, s := range m.Settled {
		r.record(s.Entry)
	}
	return m, nil
}

// Apply carries the plan out. The result is complete on every return. The error is
// for what no pool's outcome can say: the state could not be written, or the bank
// could not be read again.
func (r *Run) Apply(ctx context.Context, p diff.Plan) (Result, error) {
	r.outcomes, r.calls, r.limits = map[pool.Key]*Outcome{}, map[pool.Verb]int{}, map[pool.Key]int{}
	r.waiter.Observer = outcome.Observer{
		Reader: r.Remote, Now: r.Now, SkipVerify: r.SkipVerify, Known: outcome.Recorded(r.Recorder.Snapshot().Entries),
	}
	r.waiter.Log = r.Log
	r.last, r.shown = p.Changes, p.Changes
	err := r.rounds(ctx, p.Changes)
	for _, s := range r.waiter.Left() {
		r.leave(s, r.gaveUp)
	}
	failed := r.flush(ctx)
	if err != nil && errors.Is(err, r.Recorder.Err()) {
		return r.result(), err // which tells of it already
	}
	return r.result(), errors.Join(err, failed)
}

// rounds sends what the changes ask for and waits, until nothing is left that
// planning anew would bring further.
func (r *Run) rounds(ctx context.Context, changes []diff.Change) error {
	for round := 1; ; round++ {
		r.again = map[pool.Key]bool{}
		if err := r.begin(ctx, changes); err != nil {
			return err
		}
		err := r.follow(ctx, round < maxRounds)
		if err == nil && len(r.again) == 0 && r.gaveUp == nil {
			err = r.retire(ctx, round < maxRounds)
		}
		if err != nil || ctx.Err() != nil {
			return err
		}
		if len(r.again) == 0 || round == maxRounds || r.gaveUp != nil {
			return r.finish(ctx)
		}
		m, err := r.Plan(ctx)
		if err != nil {
			return fmt.Errorf("plan again: %w", err)
		}
		r.last = r.holdBackUnshown(m.Plan.Changes)
		changes = slices.DeleteFunc(slices.Clone(r.last), func(ch diff.Change) bool { return !r.again[ch.Key] })
		r.settled(changes)
		r.Log.LogAttrs(ctx, slog.LevelInfo, "planned again", slog.Int("pools", len(r.again)), slog.Int("round", round+1))
	}
}

// begin takes the changes of a round: first calls are sent, and pools on which a job
// runs are waited for.
func (r *Run) begin(ctx context.Context, changes []diff.Change) error {
	for _, ch := range changes {
		if len(ch.Calls) > 0 || len(ch.Blocked) > 0 || ch.Record != nil || ch.Has(diff.Retire) {
			r.note(ch)
		}
		if ch.Record != nil && len(ch.Blocked) == 0 {
			r.keep(ch)
		}
		if ch.Has(diff.Pending) {
			e := pool.Entry{Key: ch.Key}
			if ch.Entry != nil && ch.Entry.Pending != nil {
				e = *ch.Entry
			}
			r.waiter.Add(e)
		}
	}
	split := stages(runnable(changes))
	r.tasks, r.then = map[pool.Key]*task{}, map[pool.Key]*task{}
	for _, t := range split[1] {
		r.then[t.change.Key] = t
	}
	r.done = Progress{Total: len(split[0]) + len(split[1]) + len(split[2])}
	return r.stage(ctx, split[0])
}

// follow waits for the calls under way, and sends second calls as the first ones
// succeed. It ends when nothing is left, or when there is something to plan anew and
// nothing but our own jobs holds that up.
func (r *Run) follow(ctx context.Context, mayPlan bool) error {
	for r.waiter.Len() > 0 {
		if mayPlan && len(r.again) > 0 && r.waiter.OwnJobsOnly() {
			return nil
		}
		decided, err := r.waiter.Next(ctx)
		if err != nil {
			r.gaveUp = err
			return r.flush(ctx)
		}
		var ready []*task
		for _, s := range decided {
			if next := r.take(s); next != nil {
				ready = append(ready, next)
			}
		}
		if err := r.stage(ctx, ready); err != nil {
			return err
		}
		r.heldBack()
	}
	return r.flush(ctx)
}

// stage records calls as pending and sends them.
func (r *Run) stage(ctx context.Context, tasks []*task) error {
	if len(tasks) == 0 {
		return nil
	}
	entries := make([]pool.Entry, len(tasks))
	for i, t := range tasks {
		if t.outcome = r.outcomes[t.change.Key]; ctx.Err() != nil {
			t.outcome.State, t.outcome.Problem = NotAttempted, problemOf(context.Cause(ctx))
			continue
		}
		r.prepare(t)
		entries[i] = t.entry
	}
	if ctx.Err() != nil {
		return nil
	}
	r.Recorder.Put(entries...)
	if err := r.flush(ctx); err != nil {
		for _, t := range tasks {
			t.outcome.Problem = &Problem{Message: "its call could not be recorded, so it was not sent"}
		}
		return fmt.Errorf("record the calls before sending them: %w; nothing was sent", err)
	}
	before := r.made()
	r.send(ctx, tasks)
	for _, t := range r.sent {
		r.tasks[t.change.Key] = t
		r.waiter.Add(t.entry)
	}
	r.sent = nil
	err := r.flush(ctx)
	switch {
	case err != nil && r.made() == before:
		return fmt.Errorf("record the calls, none of which was sent: %w", err)
	case err != nil:
		return fmt.Errorf("record the jobs: %w", err)
	}
	return nil
}

// made is how many calls were made.
func (r *Run) made() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.calls[pool.Set] + r.calls[pool.Update]
}

// take files what became of a call or of a pool that was waited for, and returns the
// pool's second call if it can be made now.
func (r *Run) take(s outcome.Settled) *task {
	k := s.Entry.Key
	o, t := r.outcomes[k], r.tasks[k]
	delete(r.tasks, k)
	switch {
	case s.Status == StillRunning:
		r.leave(s, nil)
		return nil
	case s.Unclear:
		o.State, o.Problem = Failed, &Problem{
			Message: "whether the call happened cannot be told: " + s.Reason,
			Remedy:  "look at the pool in the bank, then: poolsync adopt " + string(k.Reference),
		}
		return nil
	case s.Status == NotAttempted:
		return r.takeUndone(s, o, t)
	}
	r.record(s.Entry)
	r.progress(0, 1)
	o.Accepted = true
	o.Warnings = append(o.Warnings, s.Warnings...)
	if s.Status == Failed {
		o.State, o.Problem = Failed, &Problem{Code: s.Code, Message: s.Reason, Remedy: remedyFor(s.Verdict)}
		if t != nil {
			o.Problem.RequestUUID = t.requestUUID
		}
		return nil
	}
	o.State, o.Problem = Applied, nil
	next := r.then[k]
	delete(r.then, k)
	if t == nil { // of an earlier run, which knew of no second call
		r.again[k] = true
		return nil
	}
	return next
}

// takeUndone is for a call that did not happen, or a pool that is free: it is planned
// anew, unless the server has refused just that.
func (r *Run) takeUndone(s outcome.Settled, o *Outcome, t *task) *task {
	if t == nil { // waited for; it may be ours of an earlier run
		if e, ok := r.Recorder.Entry(s.Entry.Key); ok && e.Pending != nil {
			r.record(s.Entry)
		}
		r.again[s.Entry.Key] = true
		return nil
	}
	r.record(s.Entry)
	if o.Problem == nil {
		o.Problem = &Problem{Message: "the call did not happen"}
	}
	if o.State = Failed; !t.final {
		r.again[s.Entry.Key] = true
	}
	return nil
}

// leave files a call that is not decided. A pool that somebody else's job holds is
// left as the plan says.
func (r *Run) leave(s outcome.Settled, err error) {
	o := r.outcomes[s.Entry.Key]
	if s.Entry.Pending == nil {
		return
	}
	o.State = StillRunning
	switch {
	case err != nil:
		o.Problem = problemOf(err)
		if outcome.IsReadBack(err) {
			o.Problem.Message = "its job completed, and the pool could not be read back: " + o.Problem.Message
		}
	case s.Reason != "" && (o.Problem == nil || !s.Own):
		o.Problem = &Problem{Message: s.Reason}
	}
	if o.Problem != nil && o.Job == "" {
		o.Problem.Remedy = "the next apply finds out what became of the call"
	}
}

// record puts a settled entry into the state, or takes it out if it has nothing
// left to remember.
func (r *Run) record(e pool.Entry) {
	if outcome.Empty(e) {
		r.Recorder.Delete(e.Key)
		return
	}
	if r.waiter.Known != nil {
		r.waiter.Known[e.Job] = true
	}
	r.Recorder.Put(e)
}

func (r *Run) progress(accepted, ended int) {
	r.mu.Lock()
	r.done.Accepted += accepted
	r.done.Ended += ended
	done := r.done
	r.mu.Unlock()
	if r.Report != nil {
		r.Report(done)
	}
}
