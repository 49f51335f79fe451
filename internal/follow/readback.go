package follow

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/poolsync/poolsync/internal/learnosity"
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
		live, err := f.live(ctx, left)
		if err != nil {
			return seen, err
		}
		left = slices.DeleteFunc(left, func(w Want) bool {
			s := w.compare(live)
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

// live reads the records of the wanted pools.
func (f Follower) live(ctx context.Context, wants []Want) (map[pool.Key]pool.Live, error) {
	banks := map[pool.Bank][]pool.Reference{}
	for _, w := range wants {
		banks[w.Bank] = append(banks[w.Bank], w.Reference)
	}
	out := make(map[pool.Key]pool.Live, len(wants))
	for _, bank := range slices.Sorted(maps.Keys(banks)) {
		records, err := f.Reader.Pools(ctx, learnosity.PoolsQuery{Bank: bank, References: banks[bank]})
		if err != nil {
			return nil, err
		}
		for _, l := range records {
			out[pool.Key{Bank: bank, Reference: l.Reference}] = l
		}
	}
	return out, nil
}

// Membership is what of some references a pool was seen to hold. Unreadable
// says why the pool could not be looked into; then Missing means nothing.
type Membership struct {
	Missing    pool.Content
	Unreadable string
}

// maxLooks is how many pools are looked into at the same time.
const maxLooks = 8

// maxSilent is how many looks in a row may get no answer, each already retried by
// the client, before the rest are given up: an endpoint that is down is not asked
// for every pool of a bank.
const maxSilent = 2 * maxLooks

// Each looks into n pools, a few at a time, and gives what came of each: whatever
// is wrong with one is no reason to leave out the others. It returns an error,
// the context's cause, only if that has ended.
func Each(ctx context.Context, n int, look func(ctx context.Context, i int) error) ([]error, error) {
	errs := make([]error, n)
	var s silence
	var g errgroup.Group
	g.SetLimit(maxLooks)
	for i := range n {
		g.Go(func() error {
			if errs[i] = s.fallen(); errs[i] == nil {
				errs[i] = look(ctx, i)
				s.heard(errs[i])
			}
			return nil
		})
	}
	if err := g.Wait(); err != nil {
		return nil, err
	}
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	return errs, nil
}

// silence counts the looks in a row that got no answer.
type silence struct {
	mu   sync.Mutex
	row  int
	last error
}

// heard takes the outcome of a look. A refusal is an answer.
func (s *silence) heard(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.row >= maxSilent:
	case err == nil || learnosity.WasRefused(err):
		s.row = 0
	default:
		s.row, s.last = s.row+1, err
	}
}

// fallen gives the reason to ask no further, if there is one.
func (s *silence) fallen() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.row < maxSilent {
		return nil
	}
	return fmt.Errorf("not asked, since %d others in a row got no answer: %w", s.row, s.last)
}

// Verify looks the explicit references of each content up in its pool.
func (f Follower) Verify(ctx context.Context, contents map[pool.Key]pool.Content) (map[pool.Key]Membership, error) {
	keys := slices.SortedFunc(maps.Keys(contents), pool.Key.Compare)
	found := make([]Membership, len(keys))
	errs, err := Each(ctx, len(keys), func(ctx context.Context, i int) error {
		c := contents[keys[i]]
		held, err := Members(ctx, f.Reader, keys[i], c)
		found[i].Missing = pool.Content{Items: c.Items, Activities: c.Activities}.Minus(held)
		return err
	})
	if err != nil {
		return nil, err
	}
	out := make(map[pool.Key]Membership, len(keys))
	for i, k := range keys {
		if out[k] = found[i]; errs[i] != nil {
			out[k] = Membership{Unreadable: errs[i].Error()}
		}
	}
	return out, nil
}

// MemberReader reads what a pool holds.
type MemberReader interface {
	Items(ctx context.Context, q learnosity.ItemsQuery) ([]learnosity.Item, error)
	Activities(ctx context.Context, q learnosity.ActivitiesQuery) ([]learnosity.Activity, error)
}

// Members gives those of the content's items and activities that the pool
// holds (itembank/items and itembank/activities, get, item_pool_id).
func Members(ctx context.Context, r MemberReader, k pool.Key, c pool.Content) (pool.Content, error) {
	var held pool.Content
	if len(c.Items) > 0 {
		items, err := r.Items(ctx, learnosity.ItemsQuery{Bank: k.Bank, Pool: k.Reference, References: c.Items})
		if err != nil {
			return held, err
		}
		for _, it := range items {
			held.Items = append(held.Items, it.Reference)
		}
	}
	if len(c.Activities) > 0 {
		activities, err := r.Activities(ctx, learnosity.ActivitiesQuery{Bank: k.Bank, Pool: k.Reference, References: c.Activities})
		if err != nil {
			return held, err
		}
		for _, a := range activities {
			held.Activities = append(held.Activities, a.Reference)
		}
	}
	return held.Normal(), nil
}
