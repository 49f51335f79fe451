package follow_test

import (
	"context"
	"log/slog"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/poolsync/poolsync/internal/follow"
	"github.com/poolsync/poolsync/internal/learnosity"
	"github.com/poolsync/poolsync/internal/pool"
)

const bank = pool.Bank(505)

// stub answers as its functions say and notes when it was asked, in seconds since
// it was made.
type stub struct {
	begin     time.Time
	asked     []float64
	questions []learnosity.JobsQuery
	pools     func(time.Duration) ([]pool.Live, error)
	jobs      func(time.Duration) ([]pool.Job, error)
}

func newStub() *stub { return &stub{begin: time.Now()} }

func (s *stub) age() time.Duration { return time.Since(s.begin) }

func (s *stub) Pools(context.Context, learnosity.PoolsQuery) ([]pool.Live, error) {
	s.asked = append(s.asked, s.age().Seconds())
	return s.pools(s.age())
}

func (s *stub) Jobs(_ context.Context, q learnosity.JobsQuery) ([]pool.Job, error) {
	s.asked = append(s.asked, s.age().Seconds())
	s.questions = append(s.questions, q)
	found, err := s.jobs(s.age())
	return slices.DeleteFunc(slices.Clone(found), func(j pool.Job) bool { return !slices.Contains(q.References, j.Reference) }), err
}

func (s *stub) Items(context.Context, learnosity.ItemsQuery) ([]learnosity.Item, error) {
	return nil, nil
}

func (s *stub) Activities(context.Context, learnosity.ActivitiesQuery) ([]learnosity.Activity, error) {
	return nil, nil
}

func (s *stub) follower() follow.Follower {
	return follow.Follower{Reader: s, Log: slog.New(slog.DiscardHandler)}
}

func key(ref pool.Reference) pool.Key { return pool.Key{Bank: bank, Reference: ref} }

var (
	errRefused = &learnosity.Error{Act: "get", Status: 400, Code: 20004, Message: "no", Effect: learnosity.Refused}
	errLost    = &learnosity.Error{Act: "get", Message: "lost"}
)

func same[T any](t *testing.T, what string, want, got T) {
	t.Helper()
	if d := cmp.Diff(want, got, cmpopts.EquateEmpty()); d != "" {
		t.Errorf("%s (-want +got):\n%s", what, d)
	}
}
