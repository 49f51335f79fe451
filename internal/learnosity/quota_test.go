package learnosity

import (
	"context"
	"errors"
	"math/rand/v2"
	"net/http"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"

	"github.com/poolsync/poolsync/internal/pool"
)

// mostInAWindow returns the largest number of arrivals within any five seconds.
func mostInAWindow(arrivals []time.Time) int {
	slices.SortFunc(arrivals, time.Time.Compare)
	most, from := 0, 0
	for to, at := range arrivals {
		for at.Sub(arrivals[from]) >= quotaWindow {
			from++
		}
		most = max(most, to-from+1)
	}
	return most
}

// However long requests and answers are under way, the server never sees more
// calls in a window than the quota allows, and close to that many.
func TestQuotaAsSeenByTheServer(t *testing.T) {
	tests := []struct {
		name  string
		quota int
		calls int
		call  func(context.Context, *Client) error
	}{
		{"set", 50, 400, func(ctx context.Context, c *Client) error {
			_, err := c.Write(ctx, pool.Set, 505, []pool.Request{request("p")})
			return err
		}},
		{"get", 1000, 2500, func(ctx context.Context, c *Client) error {
			_, err := c.Pools(ctx, PoolsQuery{References: []pool.Reference{"p"}})
			return err
		}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var mu sync.Mutex
				var arrivals []time.Time
				random := rand.New(rand.NewPCG(1, 2))
				delay := func() <-chan time.Time {
					mu.Lock()
					defer mu.Unlock()
					return time.After(time.Duration(random.IntN(3000)) * time.Millisecond)
				}
				s := &stub{t: t, answer: func(int, sent) (*http.Response, error) {
					<-delay() // the way there
					mu.Lock()
					arrivals = append(arrivals, time.Now())
					mu.Unlock()
					<-delay() // the way back
					return success("[]").response()
				}}
				c := s.client()
				var wg sync.WaitGroup
				for range test.calls {
					wg.Go(func() {
						if err := test.call(t.Context(), c); err != nil {
							t.Error(err)
						}
					})
				}
				wg.Wait()
				require.Len(t, arrivals, test.calls)
				most := mostInAWindow(arrivals)
				require.LessOrEqual(t, most, test.quota)
				require.Greater(t, most, test.quota/2)
			})
		})
	}
}

// The worst case: the first calls are long under way, and those that follow in
// their slots arrive at once.
func TestQuotaWhenTheFirstCallsAreSlow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		var arrivals []time.Time
		s := &stub{t: t, answer: func(n int, _ sent) (*http.Response, error) {
			if n < 50 {
				<-time.After(3 * time.Second)
			}
			mu.Lock()
			defer mu.Unlock()
			arrivals = append(arrivals, time.Now())
			return success("[]").response()
		}}
		c := s.client()
		var wg sync.WaitGroup
		for range 150 {
			wg.Go(func() {
				if _, err := c.Write(t.Context(), pool.Set, 505, []pool.Request{request("p")}); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		require.Equal(t, 50, mostInAWindow(arrivals))
	})
}

// Trap 24: a 429 is waited out for a whole window, by every call of that
// action and endpoint, and by no other.
func TestTrap24WaitsAWholeWindow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &stub{t: t}
		refuse := true
		s.answer = func(_ int, got sent) (*http.Response, error) {
			if got.action == "set" && refuse {
				refuse = false
				return failure(429, 42000).response()
			}
			return success("[]").response()
		}
		c, ctx, start := s.client(), t.Context(), time.Now()
		write := func(verb pool.Verb) {
			_, err := c.Write(ctx, verb, 505, []pool.Request{request("p")})
			if err != nil {
				t.Error(err)
			}
		}
		var wg sync.WaitGroup
		wg.Go(func() { write(pool.Set) })
		synctest.Wait()
		wg.Go(func() { write(pool.Set) })
		wg.Go(func() { write(pool.Update) })
		wg.Go(func() {
			if _, err := c.Pools(ctx, PoolsQuery{}); err != nil {
				t.Error(err)
			}
		})
		wg.Wait()
		after := map[string][]time.Duration{}
		for _, call := range s.calls {
			after[call.action] = append(after[call.action], call.at.Sub(start))
		}
		window := quotaWindow + quotaMargin
		want := map[string][]time.Duration{"set": {0, window, window}, "update": {0}, "get": {0}}
		if diff := cmp.Diff(want, after); diff != "" {
			t.Error(diff)
		}
	})
}

// Trap 24: patience has an end, and the end says that nothing happened.
func TestTrap24GivesUp(t *testing.T) {
	signs := map[string]*reply{
		"status and code": failure(429, 42000),
		"code alone":      failure(200, 42000),
		"status alone":    {status: 429, kind: "text/html", body: "<html>"},
	}
	for name, sign := range signs {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := answers(t, sign)
				start := time.Now()
				_, err := s.client().Write(t.Context(), pool.Update, 505, []pool.Request{request("p")})
				e, ok := errors.AsType[*Error](err)
				require.True(t, ok)
				require.Equal(t, Refused, e.Outcome())
				require.Contains(t, e.Hint(), "every process with this consumer key")
				require.Len(t, s.calls, maxThrottled+1)
				require.Equal(t, maxThrottled*(quotaWindow+quotaMargin), time.Since(start))
			})
		})
	}
}

func TestWaitingForAQuotaCanBeGivenUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := answers(t, failure(429, 42000))
		ctx, cancel := context.WithCancelCause(t.Context())
		cause := errors.New("told to stop")
		time.AfterFunc(7*time.Second, func() { cancel(cause) })
		start := time.Now()
		_, err := s.client().Write(ctx, pool.Set, 505, []pool.Request{request("p")})
		require.ErrorIs(t, err, cause)
		require.ErrorIs(t, err, context.Canceled)
		require.Equal(t, NotSent, OutcomeOf(err))
		require.Equal(t, 7*time.Second, time.Since(start))
		require.Len(t, s.calls, 2)
	})
}

func TestCallsGivenUpFreeTheirSlots(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := newQuotas().of("set", endpointPools)
		q.pause()
		for range 2 * writeQuota {
			ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
			require.ErrorIs(t, q.acquire(ctx), context.DeadlineExceeded)
			cancel()
		}
		require.NoError(t, q.acquire(t.Context()))
	})
}
