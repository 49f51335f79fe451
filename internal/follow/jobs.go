// Package follow follows what was accepted until it can be called applied: jobs
// to their end, then pools until they read back as they were sent. It only
// reads. What comes out is what was seen; what that means for the state is for
// others to say.
package follow

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

// Reader is what following needs of the Data API.
type Reader interface {
	Pools(ctx context.Context, q learnosity.PoolsQuery) ([]pool.Live, error)
	Jobs(ctx context.Context, q learnosity.JobsQuery) ([]pool.Job, error)
	Items(ctx context.Context, q learnosity.ItemsQuery) ([]learnosity.Item, error)
	Activities(ctx context.Context, q learnosity.ActivitiesQuery) ([]learnosity.Activity, error)
}

// Follower follows jobs and pools.
type Follower struct {
	Reader Reader
	Log    *slog.Logger
	// Polled is told of every poll of jobs that was answered, after all that it
	// brought; it may be nil.
	Polled func()
}

// The rhythm of polling: first after firstPoll, then growing to slowestPoll.
const (
	firstPoll   = time.Second
	slowestPoll = 15 * time.Second
	pollFactor  = 1.5
)

// JobGrace is how long a job that was just accepted may be missing from the
// jobs endpoint before it counts as gone.
const JobGrace = 60 * time.Second

// maxFailedPolls is how many polls in a row may fail, each already retried by
// the client, before following is given up.
const maxFailedPolls = 3

// Job is a job to follow. Accepted is the local time at which it was accepted.
type Job struct {
	Bank      pool.Bank
	Reference pool.JobReference
	Accepted  time.Time
}

// Jobs polls until every job has ended, calling ended once for each job as it
// does. A job that is not listed for JobGrace after its acceptance is given to
// gone. It returns early with the context's cause, or with the error of the
// endpoint if polling keeps failing.
func (f Follower) Jobs(ctx context.Context, jobs []Job, ended func(Job, pool.Job), gone func(Job)) error {
	left := make(map[pool.JobReference]Job, len(jobs))
	for _, j := range jobs {
		left[j.Reference] = j
	}
	rhythm := NewRhythm()
	for failed := 0; len(left) > 0; {
		if err := Sleep(ctx, rhythm.NextBackOff()); err != nil {
			return err
		}
		err := f.poll(ctx, left, ended, gone)
		switch {
		case err == nil:
			failed = 0
			if f.Polled != nil {
				f.Polled()
			}
		case ctx.Err() != nil:
			return context.Cause(ctx)
		default:
			if failed++; failed == maxFailedPolls || learnosity.WasRefused(err) {
				return err
			}
			f.Log.LogAttrs(ctx, slog.LevelWarn, "poll of jobs failed", slog.String("error", err.Error()))
		}
	}
	return nil
}

// poll asks once for all jobs that are left and takes the ended ones out.
func (f Follower) poll(ctx context.Context, left map[pool.JobReference]Job, ended func(Job, pool.Job), gone func(Job)) error {
	banks := map[pool.Bank][]pool.JobReference{}
	for _, ref := range slices.Sorted(maps.Keys(left)) {
		banks[left[ref].Bank] = append(banks[left[ref].Bank], ref)
	}
	for _, bank := range slices.Sorted(maps.Keys(banks)) {
		records, err := f.Reader.Jobs(ctx, learnosity.JobsQuery{Bank: bank, References: banks[bank]})
		if err != nil {
			return err
		}
		listed := make(map[pool.JobReference]bool, len(records))
		for _, r := range records {
			listed[r.Reference] = true
			if j, ok := left[r.Reference]; ok && r.Ended() {
				delete(left, r.Reference)
				ended(j, r)
			}
		}
		for _, ref := range banks[bank] {
			if j, ok := left[ref]; ok && !listed[ref] && time.Since(j.Accepted) > JobGrace {
				delete(left, ref)
				gone(j)
			}
		}
	}
	return nil
}

// NewRhythm gives the pauses between looks at something that takes a while.
func NewRhythm() *backoff.ExponentialBackOff { return newRhythm(firstPoll, slowestPoll) }

func newRhythm(first, slowest time.Duration) *backoff.ExponentialBackOff {
	b := backoff.NewExponentialBackOff()
	b.InitialInterval, b.MaxInterval, b.Multiplier = first, slowest, pollFactor
	b.RandomizationFactor = 0.1
	b.Reset()
	return b
}

// Sleep waits for a duration, or returns the context's cause.
func Sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-t.C:
		return nil
	}
}
