package apply

import (
	"context"
	"strings"

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
			verified(&res, m, t)
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

// verified adds what the look into the pool brought. References that are not
// there fail the pool, and are not recorded as applied: the next plan asks for
// them again.
func verified(res *settle.Result, m follow.Membership, t *task) {
	switch {
	case m.Unreadable != "":
		t.outcome.Warnings = append(t.outcome.Warnings, "what the pool holds could not be read back: "+m.Unreadable)
	case m.Missing.Len() == 0:
		res.Entry.Verified = t.call.Verb == pool.Set || t.call.Operation == pool.OpEdit || t.prior == nil || t.prior.Verified
	default:
		missing := strings.Join(append(m.Missing.Items, m.Missing.Activities...), ", ")
		res.Verdict = settle.Failed
		res.Reason = "the job completed, but the pool does not hold " + missing
		sent := *res.Entry.Sent
		sent.Content = sent.Content.Minus(m.Missing)
		res.Entry.Sent, res.Entry.LastError = &sent, res.Reason
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
