package follow

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/poolsync/poolsync/internal/bank"
	"github.com/poolsync/poolsync/internal/pool"
)

// ReadBackLimit is how long a pool may take to read as it was sent after its
// job has completed: replicas lag.
const ReadBackLimit = 30 * time.Second

const slowestReadBack = 5 * time.Second

// Want is how a pool should read after its call.
type Want struct {
	pool.Key
	Name   string
	Status pool.Status
	// Before is the dt_updated that the call should have moved; empty if that
	// does not matter. A record that still has it may be a lagging replica's.
	Before string
}

// WantOf says how a pool should read after a request.
func WantOf(k pool.Key, q pool.Request) Want {
	return Want{Key: k, Name: q.Name, Status: q.Status}
}

// Seen is how a pool did read. Live is nil if it was absent to the end.
type Seen struct {
	Live *pool.Live
	// Problem says what is wrong; empty if the pool reads as it was sent.
	Problem string
	// Warning says what differs and does no harm.
	Warning string
	// Unmoved says that the record has the dt_updated of before the call.
	Unmoved bool
}

// Good reports whether there is nothing to wait for or to tell of.
func (s Seen) Good() bool { return s.Problem == "" && s.Warning == "" && !s.Unmoved }

// ReadBack reads pools until each has the name and status that were sent and is
// no longer pending, for at most ReadBackLimit, or once if wait is false. A name
// that still differs then was changed by the server, which is a warning; a
// dt_updated that still is the old one is taken as it is; anything else is a
// problem.
func (f Follower) ReadBack(ctx context.Context, wants []Want, wait bool) (map[pool.Key]Seen, error) {
	seen := make(map[pool.Key]Seen, len(wants))
	left := slices.Clone(wants)
	deadline := time.Now().Add(ReadBackLimit)
	rhythm := newRhythm(firstPoll, slowestReadBack)
	for {
		records, err := bank.Live(ctx, f.Reader, keysOf(left))
		if err != nil {
			return seen, err
		}
		left = slices.DeleteFunc(left, func(w Want) bool {
			s := w.compare(records.Live)
			seen[w.Key] = s
			return s.Good()
		})
		if len(left) == 0 || !wait || time.Now().After(deadline) {
			return seen, nil
		}
		if err := Sleep(ctx, rhythm.NextBackOff()); err != nil {
			return seen, err
		}
	}
}

func (w Want) compare(live map[pool.Key]pool.Live) Seen {
	l, ok := live[w.Key]
	switch {
	case !ok:
		return Seen{Problem: "the job completed, but the pool is absent from the bank"}
	case l.Status == pool.Pending:
		return Seen{Live: &l, Problem: "the job completed, but the pool is still pending"}
	case l.Status != w.Status:
		return Seen{Live: &l, Problem: fmt.Sprintf("the job completed, but the pool is %q and %q was sent", l.Status, w.Status)}
	case l.Name != w.Name:
		return Seen{Live: &l, Warning: fmt.Sprintf("the server keeps the name as %q; %q was sent", l.Name, w.Name)}
	default:
		return Seen{Live: &l, Unmoved: w.Before != "" && l.Updated == w.Before}
	}
}

func keysOf(wants []Want) []pool.Key {
	keys := make([]pool.Key, len(wants))
	for i, w := range wants {
		keys[i] = w.Key
	}
	return keys
}
