package outcome

import (
	"context"
	"log/slog"
	"maps"
	"slices"
	"time"

	"github.com/cenkalti/backoff/v5"

	"github.com/poolsync/poolsync/internal/learnosity"
	"github.com/poolsync/poolsync/internal/pool"
)

// The rhythm of polling: first after firstPoll, then growing to slowestPoll; to
// slowestLook where a job has ended and only its pool has to show it.
const (
	firstPoll   = time.Second
	slowestPoll = 15 * time.Second
	slowestLook = 5 * time.Second
	pollFactor  = 1.5
)

// maxFailedPolls is how many polls in a row may fail, each already retried by
// the client, before waiting is given up.
const maxFailedPolls = 3

// Limit is how long a pool is waited for on which no job of ours is known to run.
const Limit = 10 * time.Minute

// Waiter waits until it is known what became of calls, and until pools are free
// that a job of somebody else holds. It is the only loop that waits for the bank.
type Waiter struct {
	Observer
	Log   *slog.Logger
	cases map[pool.Key]*open
	poll  poller
}

// Add adds entries to be waited for: by their pending call or, without one, until
// no job runs on the pool.
func (w *Waiter) Add(entries ...pool.Entry) {
	if w.cases == nil {
		w.cases = map[pool.Key]*open{}
	}
	for _, e := range entries {
		w.cases[e.Key] = &open{entry: e}
	}
	w.poll = poller{}
}

// Left returns what is still waited for, in the order of the keys.
func (w *Waiter) Left() []Settled {
	var out []Settled
	for _, k := range w.keys() {
		c := w.cases[k]
		if c.settled.Status == "" {
			c.settled = running(c.entry, "")
		}
		out = append(out, c.settled)
	}
	return out
}

// Len is how many entries are waited for.
func (w *Waiter) Len() int { return len(w.cases) }

// Awaits reports whether a pool is waited for.
func (w *Waiter) Awaits(k pool.Key) bool { return w.cases[k] != nil }

// OwnJobsOnly reports whether nothing is left to wait for but jobs of our own that
// run.
func (w *Waiter) OwnJobsOnly() bool {
	for _, c := range w.cases {
		if !c.settled.Own {
			return false
		}
	}
	return true
}

func (w *Waiter) keys() []pool.Key {
	return slices.SortedFunc(maps.Keys(w.cases), pool.Key.Compare)
}

// Next waits until something is decided, and returns that, in the order of the keys:
// calls that are settled, pools that are free, and as Running what was waited for to
// the limit. The error is the context's cause, or the endpoint's if polling keeps
// failing; what is left then is not decided.
func (w *Waiter) Next(ctx context.Context) (decided []Settled, err error) {
	w.waits = true
	for len(w.cases) > 0 && len(decided) == 0 {
		err := w.poll.next(ctx, w.Log, w.slowest(), func(ctx context.Context) error {
			keys := w.keys()
			cases := make([]*open, len(keys))
			for i, k := range keys {
				cases[i] = w.cases[k]
			}
			return w.look(ctx, cases)
		})
		if err != nil {
			return nil, err
		}
		for _, k := range w.keys() {
			if c := w.cases[k]; w.over(c) {
				decided = append(decided, c.settled)
				delete(w.cases, k)
			}
		}
	}
	return decided, nil
}

// over reports whether a case is decided, or was waited for to the limit.
func (w *Waiter) over(c *open) bool {
	switch {
	case c.settled.Status == "": // not looked at yet: the poll failed
		return false
	case c.settled.Status != Running:
		return true
	case c.settled.Own:
		c.since = time.Time{}
		return false
	case c.since.IsZero():
		c.since = time.Now()
		return false
	}
	return time.Since(c.since) > Limit
}

// slowest is the longest pause: shorter while a pool has only to show what was done.
func (w *Waiter) slowest() time.Duration {
	for _, c := range w.cases {
		if j := c.seen.Job; j != nil && j.Ended() && time.Since(c.since) <= lag {
			return slowestLook
		}
	}
	return slowestPoll
}

// Poll looks again and again, in the rhythm of jobs, until it is done. It returns
// the context's cause, or the error of the look if that keeps failing.
func Poll(ctx context.Context, log *slog.Logger, look func(context.Context) (done bool, err error)) error {
	var p poller
	for done := false; !done; {
		err := p.next(ctx, log, slowestPoll, func(ctx context.Context) (err error) {
			done, err = look(ctx)
			return err
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// poller keeps the rhythm of looks, and counts those that failed in a row.
type poller struct {
	rhythm *backoff.ExponentialBackOff
	failed int
}

// next pauses and looks. A look that fails is passed over unless it was refused, or
// the ones before it failed too.
func (p *poller) next(ctx context.Context, log *slog.Logger, slowest time.Duration, look func(context.Context) error) error {
	if p.rhythm == nil {
		p.rhythm = backoff.NewExponentialBackOff()
		p.rhythm.InitialInterval, p.rhythm.MaxInterval, p.rhythm.Multiplier = firstPoll, slowestPoll, pollFactor
		p.rhythm.RandomizationFactor = 0.1
		p.rhythm.Reset()
	}
	if err := sleep(ctx, min(p.rhythm.NextBackOff(), slowest)); err != nil {
		return err
	}
	err := look(ctx)
	switch {
	case err == nil:
		p.failed = 0
		return nil
	case ctx.Err() != nil:
		return context.Cause(ctx)
	}
	if p.failed++; p.failed == maxFailedPolls || learnosity.WasRefused(err) {
		return err
	}
	log.LogAttrs(ctx, slog.LevelWarn, "poll failed", slog.String("error", err.Error()))
	return nil
}

// sleep waits for a duration, or returns the context's cause.
func sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-t.C:
		return nil
	}
}
