package follow_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/poolsync/poolsync/internal/follow"
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
