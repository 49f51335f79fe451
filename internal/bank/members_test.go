package bank_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/poolsync/poolsync/internal/bank"
	"github.com/poolsync/poolsync/internal/learnosity"
	"github.com/poolsync/poolsync/internal/pool"
)

var errLost = &learnosity.Error{Act: "get", Message: "lost"}

// looks answers looks into pools as its functions say.
type looks struct {
	items      func(learnosity.ItemsQuery) ([]learnosity.Item, error)
	activities func(learnosity.ActivitiesQuery) ([]learnosity.Activity, error)
}

func (s *looks) Items(_ context.Context, q learnosity.ItemsQuery) ([]learnosity.Item, error) {
	return s.items(q)
}

func (s *looks) Activities(_ context.Context, q learnosity.ActivitiesQuery) ([]learnosity.Activity, error) {
	return s.activities(q)
}

func says(t *testing.T, what, part, text string) {
	t.Helper()
	if !strings.Contains(text, part) {
		t.Errorf("%s: %q does not say %q", what, text, part)
	}
}

// TestVerify looks explicit references up in their pools, a few pools at a time.
func TestVerify(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &looks{}
		var mu sync.Mutex
		flying, most := 0, 0
		s.items = func(q learnosity.ItemsQuery) ([]learnosity.Item, error) {
			mu.Lock()
			flying++
			most = max(most, flying)
			mu.Unlock()
			<-time.After(time.Second)
			mu.Lock()
			flying--
			mu.Unlock()
			switch {
			case q.Pool == "closed":
				return nil, errRefused
			case q.Bank != 505 || q.Pool == "":
				return nil, fmt.Errorf("asked for %+v", q)
			}
			return []learnosity.Item{{Reference: "i1"}, {Reference: "i2"}}, nil
		}
		s.activities = func(learnosity.ActivitiesQuery) ([]learnosity.Activity, error) {
			return []learnosity.Activity{{Reference: "a1"}}, nil
		}
		contents := map[pool.Key]bank.Look{
			key(505, "closed"):  {Content: pool.Content{Items: []string{"i1"}}},
			key(505, "whole"):   {Content: pool.Content{Items: []string{"i1"}, Activities: []string{"a1"}, Tags: []pool.Selector{{Type: "t"}}}},
			key(505, "lacking"): {Content: pool.Content{Items: []string{"i1", "i3"}, Activities: []string{"a1", "a2"}}},
		}
		for i := range 40 {
			contents[key(505, pool.Reference(fmt.Sprint(i)))] = bank.Look{Content: pool.Content{Items: []string{"i2"}}}
		}
		got, err := bank.Verify(t.Context(), s, contents)
		require.NoError(t, err)
		same(t, "looked", 43, len(got))
		same(t, "whole", bank.Membership{}, got[key(505, "whole")])
		same(t, "lacking", bank.Membership{Missing: pool.Content{Items: []string{"i3"}, Activities: []string{"a2"}}}, got[key(505, "lacking")])
		says(t, "closed", "no", got[key(505, "closed")].Unreadable)
		same(t, "at the same time", 8, most)
	})
}

// TestVerifyOfAPoolThatDoesNotAnswer: whatever is wrong with one pool, the others
// are looked into.
func TestVerifyOfAPoolThatDoesNotAnswer(t *testing.T) {
	internal := &learnosity.Error{Act: "get", Status: 500, Code: 10000, Message: "internal error"}
	redirect := &learnosity.Error{Act: "get", Status: 301, Effect: learnosity.Refused}
	for name, sick := range map[string]error{"refused": errRefused, "lost": errLost, "internal": internal, "redirect": redirect} {
		t.Run(name, func(t *testing.T) {
			s := &looks{}
			s.items = func(q learnosity.ItemsQuery) ([]learnosity.Item, error) {
				if q.Pool == "sick" {
					return nil, sick
				}
				return []learnosity.Item{{Reference: "i1"}}, nil
			}
			contents := map[pool.Key]bank.Look{}
			for _, ref := range []pool.Reference{"a", "sick", "z"} {
				contents[key(505, ref)] = bank.Look{Content: pool.Content{Items: []string{"i1"}}}
			}
			got, err := bank.Verify(t.Context(), s, contents)
			require.NoError(t, err)
			same(t, "looked", map[pool.Key]bank.Membership{key(505, "a"): {}, key(505, "sick"): {Unreadable: sick.Error()}, key(505, "z"): {}}, got)
		})
	}
}

// TestVerifyWithoutAnEndpoint: where nothing answers, not every pool is asked for.
func TestVerifyWithoutAnEndpoint(t *testing.T) {
	s := &looks{}
	var asked atomic.Int32
	s.items = func(learnosity.ItemsQuery) ([]learnosity.Item, error) {
		asked.Add(1)
		return nil, errLost
	}
	contents := map[pool.Key]bank.Look{}
	for i := range 500 {
		contents[key(505, pool.Reference(fmt.Sprint(i)))] = bank.Look{Content: pool.Content{Items: []string{"i1"}}}
	}
	got, err := bank.Verify(t.Context(), s, contents)
	require.NoError(t, err)
	if n := asked.Load(); n < 16 || n > 32 {
		t.Errorf("asked %d times", n)
	}
	for k, m := range got {
		says(t, k.String(), "lost", m.Unreadable)
	}
	same(t, "answered", 500, len(got))

	// Refusals are answers.
	asked.Store(0)
	s.items = func(learnosity.ItemsQuery) ([]learnosity.Item, error) {
		asked.Add(1)
		return nil, errRefused
	}
	_, err = bank.Verify(t.Context(), s, contents)
	require.NoError(t, err)
	same(t, "asked", 500, asked.Load())
}

// TestVerifyIsInterrupted: only the end of the run ends it.
func TestVerifyIsInterrupted(t *testing.T) {
	s := &looks{}
	stop := errors.New("stop")
	ctx, cancel := context.WithCancelCause(t.Context())
	s.items = func(learnosity.ItemsQuery) ([]learnosity.Item, error) {
		cancel(stop)
		return nil, errLost
	}
	_, err := bank.Verify(ctx, s, map[pool.Key]bank.Look{key(505, "p"): {Content: pool.Content{Items: []string{"i1"}}}})
	same(t, "cause", true, errors.Is(err, stop))
}

func TestMembersAsksForNothing(t *testing.T) {
	held, err := bank.Members(t.Context(), &looks{}, key(505, "p"), pool.Content{Tags: []pool.Selector{{Type: "t"}}})
	require.NoError(t, err)
	same(t, "held", pool.Content{}, held)
}

func TestMembersFails(t *testing.T) {
	s := &looks{}
	s.activities = func(learnosity.ActivitiesQuery) ([]learnosity.Activity, error) { return nil, errLost }
	_, err := bank.Members(t.Context(), s, key(505, "p"), pool.Content{Activities: []string{"a"}})
	same(t, "error", true, errors.Is(err, errLost))
}
