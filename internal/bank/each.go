package bank

import (
	"context"
	"fmt"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/poolsync/poolsync/internal/learnosity"
)

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
