package apply

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/poolsync/poolsync/internal/follow"
	"github.com/poolsync/poolsync/internal/pool"
	"github.com/poolsync/poolsync/internal/settle"
)

// chase is a stage after its calls were sent: jobs are followed, and what has
// completed is read back and goes on to its second call meanwhile, so that one
// slow job holds up its own pool alone.
type chase struct {
	*Runner
	then map[pool.Key]*task // second calls

	work  sync.WaitGroup
	mu    sync.Mutex
	ready []*task // second calls that can be made
	open  int     // pools with a second call whose first one has not ended
	errs  []error
}

// secondCalls gives second calls by their pools.
func secondCalls(tasks []*task) map[pool.Key]*task {
	out := make(map[pool.Key]*task, len(tasks))
	for _, t := range tasks {
		out[t.change.Key] = t
	}
	return out
}

// follow follows the accepted jobs to their ends.
func (c *chase) follow(ctx context.Context, tasks []*task) {
	byJob := map[pool.JobReference][]*task{}
	var jobs []follow.Job
	for _, t := range tasks {
		if t.outcome.State != StillRunning {
			continue
		}
		if len(byJob[t.outcome.Job]) == 0 {
			jobs = append(jobs, follow.Job{Bank: t.change.Bank, Reference: t.outcome.Job, Accepted: time.Now()})
		}
		byJob[t.outcome.Job] = append(byJob[t.outcome.Job], t)
		if c.then[t.change.Key] != nil {
			c.open++
		}
	}
	var completed []*task
	f := follow.Follower{Reader: c.Remote, Log: c.Log, Polled: func() {
		c.finished(ctx, completed)
		completed = nil
	}}
	err := f.Jobs(ctx, jobs, func(j follow.Job, record pool.Job) {
		for _, t := range byJob[j.Reference] {
			c.progress(0, 1)
			if record.Status == pool.JobCompleted {
				t.entry.Pending = settle.Ended(*t.entry.Pending, record)
				completed = append(completed, t)
				continue
			}
			c.conclude(t, settle.Halt(t.entry, record))
			c.ended(t)
		}
		delete(byJob, j.Reference)
	}, func(j follow.Job) {
		for _, t := range byJob[j.Reference] {
			t.outcome.State = doubt
			t.outcome.Problem = &Problem{Message: "job " + string(j.Reference) + " was accepted and is not listed"}
			c.ended(t)
		}
		delete(byJob, j.Reference)
	})
	if err != nil {
		for _, left := range byJob {
			for _, t := range left {
				t.outcome.Problem = problemOf(err)
			}
		}
	}
	c.finished(ctx, completed) // what a poll brought that then failed
}

// finished reads the pools of a poll back, beside the polls that follow, and makes
// the second calls that can be made: as many as there are once a poll brings no
// further ones.
func (c *chase) finished(ctx context.Context, completed []*task) {
	if len(completed) > 0 {
		c.work.Go(func() {
			c.readBack(ctx, completed)
			for _, t := range completed {
				c.ended(t)
			}
			c.goOn(ctx, false)
		})
		return
	}
	c.goOn(ctx, true)
}

// ended counts a pool whose first call has come to its end.
func (c *chase) ended(t *task) {
	next := c.then[t.change.Key]
	if next == nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.open--
	if t.outcome.State == Applied {
		c.ready = append(c.ready, next)
	}
}

// goOn makes the second calls that are ready, if there are no further ones to
// wait for, or if nothing has come of waiting.
func (c *chase) goOn(ctx context.Context, waited bool) {
	c.mu.Lock()
	if c.open > 0 && !waited {
		c.mu.Unlock()
		return
	}
	next := c.ready
	c.ready = nil
	c.mu.Unlock()
	if len(next) == 0 {
		return
	}
	slices.SortFunc(next, func(a, b *task) int { return a.change.Key.Compare(b.change.Key) })
	c.work.Go(func() {
		err := c.stage(ctx, next, nil)
		c.mu.Lock()
		defer c.mu.Unlock()
		c.errs = append(c.errs, err)
	})
}

// wait waits for all that was begun.
func (c *chase) wait() error {
	c.work.Wait()
	c.mu.Lock()
	defer c.mu.Unlock()
	return errors.Join(c.errs...)
}
