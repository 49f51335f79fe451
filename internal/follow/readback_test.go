package follow_test

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

	"github.com/poolsync/poolsync/internal/follow"
	"github.com/poolsync/poolsync/internal/learnosity"
	"github.com/poolsync/poolsync/internal/pool"
)

func want(ref pool.Reference) follow.Want {
	return follow.WantOf(key(ref), pool.Request{Name: "Name", Status: pool.Published})
}

func live(name string, s pool.Status) pool.Live {
	return pool.Live{Reference: "p", Name: name, Status: s}
}

// TestReadBack is rule 10: until name and status are as sent and the pool is no
// longer pending, for up to 30 seconds.
func TestReadBack(t *testing.T) {
	const limit = follow.ReadBackLimit
	for name, tt := range map[string]struct {
		from, to         string // the pool first, and after a time
		fromS, toS       pool.Status
		after            time.Duration
		problem, warning string
		took             time.Duration // at least
	}{
		"at once":             {to: "Name", toS: pool.Published},
		"pending for a while": {"Name", "Name", pool.Pending, pool.Published, 20 * time.Second, "", "", 20 * time.Second},
		"old for a while":     {"Old", "Name", pool.Unpublished, pool.Published, 20 * time.Second, "", "", 20 * time.Second},
		"pending to the end":  {"Name", "", pool.Pending, "", time.Hour, "still pending", "", limit},
		"another status":      {to: "Name", toS: pool.Unpublished, problem: `is "unpublished" and "published" was sent`, took: limit},
		"halted":              {to: "Name", toS: pool.Halted, problem: `is "halted"`, took: limit},
		"trimmed":             {to: "Nam", toS: pool.Published, warning: `keeps the name as "Nam"; "Name" was sent`, took: limit},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newStub()
				s.pools = func(age time.Duration) ([]pool.Live, error) {
					if age < tt.after {
						return []pool.Live{live(tt.from, tt.fromS)}, nil
					}
					return []pool.Live{live(tt.to, tt.toS)}, nil
				}
				seen, err := s.follower().ReadBack(t.Context(), []follow.Want{want("p")}, true)
				require.NoError(t, err)
				got := seen[key("p")]
				says(t, "problem", tt.problem, got.Problem)
				says(t, "warning", tt.warning, got.Warning)
				same(t, "live", true, got.Live != nil)
				if age := s.age(); age < tt.took || age > tt.took+6*time.Second {
					t.Errorf("took %s, want %s and a poll", age, tt.took)
				}
			})
		})
	}
}

// TestReadBackOfALaggingReplica: a record that shows no trace of the call is read
// again where its time matters, and taken as it is in the end.
func TestReadBackOfALaggingReplica(t *testing.T) {
	for moves, took := range map[time.Duration]time.Duration{15 * time.Second: 15 * time.Second, time.Hour: follow.ReadBackLimit} {
		synctest.Test(t, func(t *testing.T) {
			s := newStub()
			s.pools = func(age time.Duration) ([]pool.Live, error) {
				l := live("Name", pool.Published)
				if l.Updated = "before"; age >= moves {
					l.Updated = "after"
				}
				return []pool.Live{l}, nil
			}
			w := want("p")
			w.Before = "before"
			seen, err := s.follower().ReadBack(t.Context(), []follow.Want{w}, true)
			require.NoError(t, err)
			same(t, "problem", "", seen[key("p")].Problem)
			same(t, "unmoved", moves > follow.ReadBackLimit, seen[key("p")].Unmoved)
			if age := s.age(); age < took || age > took+6*time.Second {
				t.Errorf("took %s, want %s and a poll", age, took)
			}
		})
	}
}

func says(t *testing.T, what, want, got string) {
	t.Helper()
	if (want == "") != (got == "") || !strings.Contains(got, want) {
		t.Errorf("%s: got %q, want %q", what, got, want)
	}
}

// TestReadBackOnce: a plan does not wait.
func TestReadBackOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStub()
		s.pools = func(time.Duration) ([]pool.Live, error) { return nil, nil }
		seen, err := s.follower().ReadBack(t.Context(), []follow.Want{want("p")}, false)
		require.NoError(t, err)
		says(t, "problem", "absent", seen[key("p")].Problem)
		same(t, "live", nil, seen[key("p")].Live)
		same(t, "asked", []float64{0}, s.asked)
	})
}

func TestReadBackFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStub()
		s.pools = func(time.Duration) ([]pool.Live, error) { return nil, errLost }
		_, err := s.follower().ReadBack(t.Context(), []follow.Want{want("p")}, true)
		same(t, "error", true, errors.Is(err, errLost))

		s.pools = func(time.Duration) ([]pool.Live, error) { return nil, nil }
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		_, err = s.follower().ReadBack(ctx, []follow.Want{want("p")}, true)
		same(t, "deadline", true, errors.Is(err, context.DeadlineExceeded))
	})
}

// TestVerify looks explicit references up in their pools, a few pools at a time.
func TestVerify(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStub()
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
			case q.Bank != bank || q.Pool == "":
				return nil, fmt.Errorf("asked for %+v", q)
			}
			return []learnosity.Item{{Reference: "i1"}, {Reference: "i2"}}, nil
		}
		s.activities = func(learnosity.ActivitiesQuery) ([]learnosity.Activity, error) {
			return []learnosity.Activity{{Reference: "a1"}}, nil
		}
		contents := map[pool.Key]pool.Content{
			key("closed"):  {Items: []string{"i1"}},
			key("whole"):   {Items: []string{"i1"}, Activities: []string{"a1"}, Tags: []pool.Selector{{Type: "t"}}},
			key("lacking"): {Items: []string{"i1", "i3"}, Activities: []string{"a1", "a2"}},
		}
		for i := range 40 {
			contents[key(pool.Reference(fmt.Sprint(i)))] = pool.Content{Items: []string{"i2"}}
		}
		got, err := s.follower().Verify(t.Context(), contents)
		require.NoError(t, err)
		same(t, "looked", 43, len(got))
		same(t, "whole", follow.Membership{}, got[key("whole")])
		same(t, "lacking", follow.Membership{Missing: pool.Content{Items: []string{"i3"}, Activities: []string{"a2"}}}, got[key("lacking")])
		says(t, "closed", "no", got[key("closed")].Unreadable)
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
			s := newStub()
			s.items = func(q learnosity.ItemsQuery) ([]learnosity.Item, error) {
				if q.Pool == "sick" {
					return nil, sick
				}
				return []learnosity.Item{{Reference: "i1"}}, nil
			}
			contents := map[pool.Key]pool.Content{}
			for _, ref := range []pool.Reference{"a", "sick", "z"} {
				contents[key(ref)] = pool.Content{Items: []string{"i1"}}
			}
			got, err := s.follower().Verify(t.Context(), contents)
			require.NoError(t, err)
			same(t, "looked", map[pool.Key]follow.Membership{key("a"): {}, key("sick"): {Unreadable: sick.Error()}, key("z"): {}}, got)
		})
	}
}

// TestVerifyWithoutAnEndpoint: where nothing answers, not every pool is asked for.
func TestVerifyWithoutAnEndpoint(t *testing.T) {
	s := newStub()
	var asked atomic.Int32
	s.items = func(learnosity.ItemsQuery) ([]learnosity.Item, error) {
		asked.Add(1)
		return nil, errLost
	}
	contents := map[pool.Key]pool.Content{}
	for i := range 500 {
		contents[key(pool.Reference(fmt.Sprint(i)))] = pool.Content{Items: []string{"i1"}}
	}
	got, err := s.follower().Verify(t.Context(), contents)
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
	_, err = s.follower().Verify(t.Context(), contents)
	require.NoError(t, err)
	same(t, "asked", 500, asked.Load())
}

// TestVerifyIsInterrupted: only the end of the run ends it.
func TestVerifyIsInterrupted(t *testing.T) {
	s := newStub()
	stop := errors.New("stop")
	ctx, cancel := context.WithCancelCause(t.Context())
	s.items = func(learnosity.ItemsQuery) ([]learnosity.Item, error) {
		cancel(stop)
		return nil, errLost
	}
	_, err := s.follower().Verify(ctx, map[pool.Key]pool.Content{key("p"): {Items: []string{"i1"}}})
	same(t, "cause", true, errors.Is(err, stop))
}

func TestMembersAsksForNothing(t *testing.T) {
	held, err := follow.Members(t.Context(), newStub(), key("p"), pool.Content{Tags: []pool.Selector{{Type: "t"}}})
	require.NoError(t, err)
	same(t, "held", pool.Content{}, held)
}

func TestMembersFails(t *testing.T) {
	s := newStub()
	s.activities = func(learnosity.ActivitiesQuery) ([]learnosity.Activity, error) { return nil, errLost }
	_, err := follow.Members(t.Context(), s, key("p"), pool.Content{Activities: []string{"a"}})
	same(t, "error", true, errors.Is(err, errLost))
}
