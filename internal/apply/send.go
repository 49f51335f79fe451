package apply

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/poolsync/poolsync/internal/bank"
	"github.com/poolsync/poolsync/internal/learnosity"
	"github.com/poolsync/poolsync/internal/pool"
)

// finishTime is how long a call that is on its way may go on after the run was
// told to stop: cutting it off would leave its outcome in doubt.
const finishTime = 3 * time.Second

// maxDoubts is how many calls in a row may end in doubt before a stream stops:
// a server that answers nothing is not fed more work.
const maxDoubts = 2

// send sends the tasks, set and update side by side, and leaves every task
// either accepted (its entry has a job), in doubt, failed or not attempted.
func (r *Run) send(ctx context.Context, tasks []*task) {
	var streams sync.WaitGroup
	for _, list := range batches(tasks, r.limits) {
		streams.Go(func() { r.stream(ctx, list) })
	}
	streams.Wait()
}

// stream sends batches one after the other. A refusal that is about the caller
// and a server out of reach end it; what is left is not attempted.
func (r *Run) stream(ctx context.Context, list []batch) {
	doubts := 0
	for len(list) > 0 {
		b := list[0]
		list = list[1:]
		if err := r.mayCall(ctx); err != nil {
			r.release(b, err)
			continue
		}
		if b.half {
			if b = r.unmoved(ctx, b); len(b.tasks) == 0 {
				continue
			}
		}
		accepted, err := r.write(ctx, b)
		held, isHeld := errors.AsType[*heldError](err)
		switch {
		case isHeld:
			if rest := r.setAside(b, held); len(rest.tasks) > 0 {
				list = append([]batch{rest}, list...)
			}
		case err == nil:
			doubts = 0
			r.accept(b, accepted)
		case learnosity.MayBeDone(err):
			r.refusedAfter(b, err)
		case learnosity.IsAboutRequest(err) && len(b.tasks) > 1:
			h := b.halves()
			list = append(h, list...)
		case learnosity.IsAboutRequest(err):
			r.fail(b, err)
		case learnosity.IsInDoubt(err):
			r.doubt(b, err)
			if doubts++; doubts == maxDoubts {
				r.releaseAll(list, err)
				holdBack(list)
				return
			}
		case ctx.Err() != nil: // told to stop before the call left
			r.release(b, err)
		default:
			r.fail(b, err)
			r.releaseAll(list, err)
			return
		}
	}
}

// minHold is how long the state has to be held still for a call to be made.
const minHold = time.Minute

// errShortHold says that the state could not be held long enough for a call.
var errShortHold = errors.New("the state is not held long enough for another call")

// mayCall reports why no further call may be made: the run was told to stop, the
// state could not be written, or it is about to be someone else's.
func (r *Run) mayCall(ctx context.Context) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if err := r.Recorder.Err(); err != nil {
		return err
	}
	if r.Recorder.Remaining() >= minHold {
		return nil
	}
	if err := r.Recorder.Renew(ctx); err != nil {
		return err
	}
	if r.Recorder.Remaining() < minHold {
		return errShortHold
	}
	return nil
}

// holdBack marks pools whose call waits until it is known what became of others.
func holdBack(list []batch) {
	for _, b := range list {
		for _, t := range b.tasks {
			t.outcome.heldBack = true
		}
	}
}

// write sends one batch. When the run is told to stop, the call may still finish. The
// time at which it leaves, and at which its last attempt has ended, is recorded with
// the next write of the state.
func (r *Run) write(ctx context.Context, b batch) (learnosity.Accepted, error) {
	r.mu.Lock()
	r.calls[b.verb]++
	r.mu.Unlock()
	now := r.Now().UTC().Truncate(time.Second)
	for _, t := range b.tasks {
		if p := *t.entry.Pending; now.Sub(p.At) > staleStart {
			p.At = now
			t.entry.Pending = &p
			r.Recorder.Put(t.entry)
		}
	}
	checked := learnosity.WithCheck(ctx, func(ctx context.Context) error { return r.mayLeave(ctx, b) })
	a, err := r.Remote.Write(checked, b.verb, b.bank, b.requests())
	if _, held := errors.AsType[*heldError](err); held {
		r.mu.Lock()
		r.calls[b.verb]--
		r.mu.Unlock()
	}
	until := r.Now().UTC()
	for _, t := range b.tasks {
		p := *t.entry.Pending
		p.Until = &until
		t.entry.Pending = &p
	}
	return a, err
}

// staleStart is how much later than recorded a call may leave without a new record.
const staleStart = 5 * time.Second

// grace gives a context that ends a while after another one.
func grace(ctx context.Context, after time.Duration) (context.Context, context.CancelFunc) {
	longer, cancel := context.WithCancelCause(context.WithoutCancel(ctx))
	stop := context.AfterFunc(ctx, func() {
		t := time.AfterFunc(after, func() { cancel(context.Cause(ctx)) })
		context.AfterFunc(longer, func() { t.Stop() })
	})
	return longer, func() {
		stop()
		cancel(nil)
	}
}

// flush waits until everything is written; when the run is told to stop, not for
// much longer.
func (r *Run) flush(ctx context.Context) error {
	ctx, cancel := grace(ctx, finishTime)
	defer cancel()
	return r.Recorder.FlushContext(ctx)
}

// accept records the job of every pool. A pool that the answer lacks is in doubt.
func (r *Run) accept(b batch, a learnosity.Accepted) {
	accepted := 0
	for _, t := range b.tasks {
		job, ok := a.Jobs[t.change.Reference]
		if !ok || job == "" {
			t.outcome.State = doubt
			t.outcome.Problem = &Problem{Message: "the answer names no job for this pool", RequestUUID: a.RequestUUID}
			continue
		}
		pending := *t.entry.Pending
		pending.Job = job
		if !a.At.IsZero() {
			pending.Accepted = &a.At
		}
		t.entry.Pending = &pending
		t.outcome.State, t.outcome.Job, t.outcome.Accepted = StillRunning, job, true
		t.requestUUID = a.RequestUUID
		accepted++
	}
	r.left(b)
	r.progress(accepted, 0)
}

// left records calls that have left, to be waited for.
func (r *Run) left(b batch) {
	entries := make([]pool.Entry, len(b.tasks))
	r.mu.Lock()
	for i, t := range b.tasks {
		entries[i] = t.entry
		r.sent = append(r.sent, t)
		if j := t.entry.Pending.Job; j != "" {
			r.waiter.Known[j] = true
		}
	}
	r.mu.Unlock()
	r.Recorder.Put(entries...)
}

// doubt marks the pools of a call whose outcome is not known. Their entries
// stay pending.
func (r *Run) doubt(b batch, err error) {
	r.Log.LogAttrs(context.Background(), slog.LevelWarn, "outcome of a call is not known",
		slog.String("action", string(b.verb)), slog.String("bank", b.bank.String()), slog.Int("pools", len(b.tasks)), slog.String("error", err.Error()))
	for _, t := range b.tasks {
		t.outcome.State, t.outcome.Problem = doubt, problemOf(err)
	}
	r.left(b)
}

// splitInto is into how many batches one is cut that was refused for what it may have
// done: each round of them has to be waited for.
const splitInto = 7

// refusedAfter is for a refusal that may have come after the work was done: where a
// gateway delivers a call twice, the answer is that of the second. What did not happen
// is sent again in smaller batches, but for a pool that was refused alone.
func (r *Run) refusedAfter(b batch, err error) {
	for _, t := range b.tasks {
		t.final = len(b.tasks) == 1
		r.mu.Lock()
		r.limits[t.change.Key] = (len(b.tasks) + splitInto - 1) / splitInto
		r.mu.Unlock()
	}
	r.doubt(b, err)
}

// fail marks the pools of a call that was refused: nothing happened.
func (r *Run) fail(b batch, err error) {
	for _, t := range b.tasks {
		r.drop(t)
		t.outcome.State, t.outcome.Problem = Failed, problemOf(err)
	}
}

// release marks pools whose call was never sent.
func (r *Run) release(b batch, why error) {
	for _, t := range b.tasks {
		r.drop(t)
		t.outcome.State, t.outcome.Problem = NotAttempted, problemOf(why)
	}
}

func (r *Run) releaseAll(list []batch, why error) {
	for _, b := range list {
		r.release(b, why)
	}
}

// drop takes a task's pending call out of the state again.
func (r *Run) drop(t *task) { r.put(t.change.Key, t.prior) }

// put records an entry, or that there is none.
func (r *Run) put(k pool.Key, e *pool.Entry) {
	if e == nil {
		r.Recorder.Delete(k)
		return
	}
	r.Recorder.Put(*e)
}

// unmoved reads the pools of a half before it is sent. A pool that is pending or
// differs from the record that the plan saw was reached by the refused call
// after all, or by someone else: it is in doubt and taken out.
func (r *Run) unmoved(ctx context.Context, b batch) batch {
	keys := make([]pool.Key, len(b.tasks))
	for i, t := range b.tasks {
		keys[i] = t.change.Key
	}
	records, err := bank.Live(ctx, r.Remote, keys)
	if err != nil {
		r.release(b, err)
		return batch{}
	}
	out := batch{verb: b.verb, bank: b.bank, half: true}
	for _, t := range b.tasks {
		l, exists := records.Live[t.change.Key]
		before := t.entry.Pending.Before
		if exists == (before != nil) && (!exists || l == *before) {
			out.tasks = append(out.tasks, t)
			continue
		}
		t.outcome.State = doubt
		t.outcome.Problem = &Problem{Message: "the batch was refused, and yet the pool has changed"}
		r.left(batch{tasks: []*task{t}})
	}
	return out
}
