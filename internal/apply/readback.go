package apply

import (
	"context"

	"github.com/poolsync/poolsync/internal/follow"
	"github.com/poolsync/poolsync/internal/pool"
	"github.com/poolsync/poolsync/internal/settle"
)

// readBack reads the pools whose jobs completed until they are as they were
// sent, looks their references up, and records what was seen. A completed job
// is not yet success.
func (r *Runner) readBack(ctx context.Context, tasks []*task) {
	if len(tasks) == 0 {
		return
	}
	f := follow.Follower{Reader: r.Remote, Log: r.Log}
	wants := make([]follow.Want, len(tasks))
	for i, t := range tasks {
		wants[i] = follow.WantOf(t.change.Key, t.call.Request)
	}
	seen, err := f.ReadBack(ctx, wants, true)
	if err != nil {
		r.notRead(tasks, err)
		return
	}
	var members map[pool.Key]follow.Membership
	if r.Verify {
		if members, err = f.Verify(ctx, explicit(tasks, seen)); err != nil {
			r.notRead(tasks, err)
			return
		}
	}
	at := r.Now().UTC()
	for _, t := range tasks {
		res := settle.Conclude(t.entry, t.outcome.Job, seen[t.change.Key], at)
		m, looked := members[t.change.Key]
		if res.Verdict == settle.Happened && looked {
			res.Verified(t.entry, m)
		}
		r.conclude(t, res)
	}
}

// explicit gives the references to look up of every pool that read as it was
// sent.
func explicit(tasks []*task, seen map[pool.Key]follow.Seen) map[pool.Key]pool.Content {
	out := map[pool.Key]pool.Content{}
	for _, t := range tasks {
		c := t.call.Request.Content
		if seen[t.change.Key].Problem == "" && len(c.Items)+len(c.Activities) > 0 {
			out[t.change.Key] = pool.Content{Items: c.Items, Activities: c.Activities}
		}
	}
	return out
}

// notRead leaves the pools pending: their jobs are known, so that the next run
// goes on from there.
func (r *Runner) notRead(tasks []*task, err error) {
	for _, t := range tasks {
		t.outcome.State, t.outcome.Problem = StillRunning, problemOf(err)
		t.outcome.Problem.Message = "its job completed, and the pool could not be read back: " + t.outcome.Problem.Message
	}
}
