package apply

import (
	"context"
	"slices"

	"github.com/poolsync/poolsync/internal/bank"
	"github.com/poolsync/poolsync/internal/follow"
	"github.com/poolsync/poolsync/internal/pool"
	"github.com/poolsync/poolsync/internal/settle"
)

// readBack reads the pools whose jobs completed until they are as they were
// sent, looks their references up, and records what was seen. A completed job
// is not yet success. Pools that are as they were sent at once do not wait for
// the others.
func (r *Runner) readBack(ctx context.Context, tasks []*task) {
	tasks = r.readOnce(ctx, tasks, false)
	r.readOnce(ctx, tasks, true)
}

// readOnce concludes the pools that read as they were sent and gives the others.
// If it is to wait for them, it gives none.
func (r *Runner) readOnce(ctx context.Context, tasks []*task, wait bool) (left []*task) {
	if len(tasks) == 0 {
		return nil
	}
	f := follow.Follower{Reader: r.Remote, Log: r.Log}
	wants := make([]follow.Want, len(tasks))
	for i, t := range tasks {
		wants[i] = follow.WantOf(t.change.Key, t.call.Request)
		if b := t.entry.Pending.Before; b != nil && t.isFollowed() {
			wants[i].Before = b.Updated
		}
	}
	seen, err := f.ReadBack(ctx, wants, wait)
	if err != nil {
		r.notRead(tasks, err)
		return nil
	}
	if !wait {
		tasks = slices.DeleteFunc(slices.Clone(tasks), func(t *task) bool {
			good := seen[t.change.Key].Good()
			if !good {
				left = append(left, t)
			}
			return !good
		})
	}
	r.verify(ctx, tasks, seen)
	return left
}

// verify looks the references of pools up that were read back, and records what
// was seen.
func (r *Runner) verify(ctx context.Context, tasks []*task, seen map[pool.Key]follow.Seen) {
	at := r.Now().UTC()
	results := make([]settle.Result, len(tasks))
	contents := map[pool.Key]pool.Content{}
	for i, t := range tasks {
		results[i] = settle.Conclude(t.entry, t.outcome.Job, seen[t.change.Key], at)
		c := t.call.Request.Content
		if r.Verify && results[i].Recorded && len(c.Items)+len(c.Activities) > 0 {
			contents[t.change.Key] = c
		}
	}
	members, err := bank.Verify(ctx, r.Remote, contents)
	if err != nil {
		r.notRead(tasks, err)
		return
	}
	for i, t := range tasks {
		if m, looked := members[t.change.Key]; looked {
			results[i].Verified(t.entry, m)
		}
		r.conclude(t, results[i])
	}
}

// notRead leaves the pools pending: their jobs are known, so that the next run
// goes on from there.
func (r *Runner) notRead(tasks []*task, err error) {
	for _, t := range tasks {
		t.outcome.State, t.outcome.Problem = StillRunning, problemOf(err)
		t.outcome.Problem.Message = "its job completed, and the pool could not be read back: " + t.outcome.Problem.Message
	}
}
