package learnosity

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/poolsync/poolsync/internal/pool"
)

var (
	errDial  = &net.OpError{Op: "dial", Net: "tcp", Err: errors.New("connection refused")}
	errDNS   = &net.DNSError{Err: "no such host", Name: "data.learnosity.com", IsNotFound: true}
	errReset = &net.OpError{Op: "read", Net: "tcp", Err: errors.New("connection reset by peer")}
)

// Trap 26: a write is sent again only where it is known that it did not
// happen. Trap 6: failure shows in the status, in meta.status, or in neither.
func TestTrap06And26WhatBecomesOfACall(t *testing.T) {
	html := &reply{status: 503, kind: "text/html", body: "<html><title>Sorry</title>"}
	tests := []struct {
		name    string
		answer  *reply
		outcome Outcome
		writes  int // how often a write is sent
		reads   int // how often a read is sent
	}{
		{"connection refused", broken(errDial), NotSent, maxAttempts, maxAttempts},
		{"no such host", broken(errDNS), NotSent, maxAttempts, maxAttempts},
		{"certificate", broken(&tls.CertificateVerificationError{Err: errors.New("bad")}), NotSent, 1, 1},
		{"reset", broken(errReset), InDoubt, 1, maxAttempts},
		{"cut", broken(io.ErrUnexpectedEOF), InDoubt, 1, maxAttempts},
		{"500 with code", failure(500, 10000), InDoubt, 1, maxAttempts},
		{"500 with a client code", failure(500, 20004), InDoubt, 1, maxAttempts},
		{"503 HTML", html, InDoubt, 1, maxAttempts},
		{"408", &reply{status: 408, kind: "text/plain", body: "timeout"}, InDoubt, 1, maxAttempts},
		{"200 with 10000", failure(200, 10000), InDoubt, 1, maxAttempts},
		{"200 with 20004", failure(200, 20004), Refused, 1, 1},
		{"200 with 41003", failure(200, 41003), Refused, 1, 1},
		{"200 with 51000", failure(200, 51000), InDoubt, 1, 1},
		{"200 without code", jsonReply(200, `{"meta":{"status":false},"data":[]}`), InDoubt, 1, maxAttempts},
		{"200 with status as text", jsonReply(200, `{"meta":{"status":"true"},"data":[]}`), InDoubt, 1, maxAttempts},
		{"200 without meta", jsonReply(200, `{"data":[]}`), InDoubt, 1, maxAttempts},
		{"200 of HTML", &reply{status: 200, kind: "text/html", body: "<html>"}, InDoubt, 1, maxAttempts},
		{"200 of nothing", jsonReply(200, ``), InDoubt, 1, maxAttempts},
		{"200 of half an answer", jsonReply(200, `{"meta":{"status":true},"da`), InDoubt, 1, maxAttempts},
		{"200 of an answer and more", jsonReply(200, `{"meta":{"status":true},"data":[]}{}`), InDoubt, 1, maxAttempts},
		{"204", jsonReply(204, ``), InDoubt, 1, maxAttempts},
		{"400 with meta.status true", jsonReply(400, `{"meta":{"status":true},"data":[]}`), Refused, 1, 1},
		{"400 with 10000", failure(400, 10000), InDoubt, 1, maxAttempts},
		{"403", failure(403, 41002), Refused, 1, 1},
		{"404 plain text", &reply{status: 404, kind: "text/plain", body: "404 page not found"}, Refused, 1, 1},
		{"409", failure(409, 20011), Refused, 1, 1},
		{"410", failure(410, 42001), Refused, 1, 1},
		{"301", &reply{status: 301, kind: "text/html", body: "<html>"}, Refused, 1, 1},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := answers(t, test.answer)
				_, err := s.client().Write(t.Context(), pool.Set, 505, []pool.Request{request("p")})
				require.Error(t, err)
				require.Equal(t, test.outcome, OutcomeOf(err), "%v", err)
				require.Len(t, s.calls, test.writes)
				s = answers(t, test.answer)
				_, err = s.reader().Items(t.Context(), ItemsQuery{})
				require.Error(t, err)
				require.Len(t, s.calls, test.reads)
			})
		})
	}
}

func TestWritesGoOnOnceAConnectionIsThere(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := answers(t, broken(errDial), failure(429, 42000), broken(errDNS), success(`[{"pool_reference":"p","job_reference":"j"}]`))
		got, err := s.client().Write(t.Context(), pool.Set, 505, []pool.Request{request("p")})
		require.NoError(t, err)
		require.Equal(t, pool.JobReference("j"), got.Jobs["p"])
		require.Len(t, s.calls, 4)
	})
}

func TestReadsAreTriedAgainWithGrowingDelays(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := answers(t, broken(errReset))
		_, err := s.reader().Pools(t.Context(), PoolsQuery{Bank: 505})
		require.EqualError(t, err, "get pools (bank 505): read tcp: connection reset by peer after 5 attempts")
		least := firstDelay / 2
		for i := range s.calls[1:] {
			gap := s.calls[i+1].at.Sub(s.calls[i].at)
			require.GreaterOrEqual(t, gap, least)
			require.LessOrEqual(t, gap, 3*least)
			least *= 2
		}
	})
}

// waits answers nothing until the request is given up.
func waits(t *testing.T) *stub { return &stub{t: t} }

type hanging struct{ *stub }

func (h hanging) RoundTrip(r *http.Request) (*http.Response, error) {
	got := h.read(r)
	h.mu.Lock()
	h.calls = append(h.calls, got)
	h.mu.Unlock()
	<-r.Context().Done()
	return nil, r.Context().Err()
}

func TestAttemptTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := waits(t)
		c := s.client(func(cfg *Config) { cfg.Transport = hanging{s} })
		start := time.Now()
		_, err := c.Write(t.Context(), pool.Set, 505, []pool.Request{request("p")})
		require.EqualError(t, err, "set pools (bank 505): no answer within 30s")
		require.Equal(t, InDoubt, OutcomeOf(err))
		require.Equal(t, DefaultAttemptTimeout, time.Since(start))
		require.Len(t, s.calls, 1)
		_, err = c.Pools(t.Context(), PoolsQuery{})
		require.ErrorContains(t, err, "no answer within 30s after 5 attempts")
	})
}

func TestCancellationKeepsItsCause(t *testing.T) {
	cause := errors.New("told to stop")
	t.Run("during a write", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			s := waits(t)
			ctx, cancel := context.WithCancelCause(t.Context())
			time.AfterFunc(time.Second, func() { cancel(cause) })
			c := s.client(func(cfg *Config) { cfg.Transport = hanging{s} })
			_, err := c.Write(ctx, pool.Set, 505, []pool.Request{request("p")})
			require.ErrorIs(t, err, cause)
			require.ErrorIs(t, err, context.Canceled)
			require.Equal(t, InDoubt, OutcomeOf(err))
		})
	})
	t.Run("between attempts", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			s := answers(t, broken(errDial))
			ctx, cancel := context.WithCancelCause(t.Context())
			time.AfterFunc(100*time.Millisecond, func() { cancel(cause) })
			_, err := s.client().Write(ctx, pool.Set, 505, []pool.Request{request("p")})
			require.ErrorIs(t, err, cause)
			require.Equal(t, NotSent, OutcomeOf(err))
			require.Len(t, s.calls, 1)
		})
	})
	t.Run("before the call", func(t *testing.T) {
		s := answers(t, success("[]"))
		ctx, cancel := context.WithCancelCause(t.Context())
		cancel(cause)
		_, err := s.client().Write(ctx, pool.Set, 505, []pool.Request{request("p")})
		require.ErrorIs(t, err, cause)
		require.Equal(t, NotSent, OutcomeOf(err))
		_, err = s.reader().Pools(ctx, PoolsQuery{References: poolReferences(numbered("p", 500))})
		require.ErrorIs(t, err, cause)
		require.Empty(t, s.calls)
	})
	t.Run("deadline", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			s := waits(t)
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			_, err := s.client(func(cfg *Config) { cfg.Transport = hanging{s} }).Pools(ctx, PoolsQuery{})
			require.ErrorIs(t, err, context.DeadlineExceeded)
			require.Len(t, s.calls, 1)
		})
	})
}

// refusedStamp is a 41004. The clock of a synctest bubble starts at
// 2000-01-01T00:00:00Z.
func refusedStamp(date, meta string) *reply {
	r := jsonReply(403, `{"meta":{"status":false,"code":41004,"message":"Timestamp out of range"`+meta+`}}`)
	if date != "" {
		r.header = http.Header{"Date": {date}}
	}
	return r
}

const (
	sameTime  = "Sat, 01 Jan 2000 00:00:00 GMT"
	fiveHours = "Sat, 01 Jan 2000 05:00:00 GMT"
)

// A timestamp that the server refuses is corrected by the server's clock.
func TestRefusedTimestampIsCorrected(t *testing.T) {
	signs := map[string]*reply{"meta.timestamp": refusedStamp("", `,"timestamp":946702800`), "Date": refusedStamp(fiveHours, "")}
	for name, sign := range signs {
		t.Run("corrected by "+name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := answers(t, sign, success("[]"))
				c := s.client()
				_, err := c.Write(t.Context(), pool.Set, 505, []pool.Request{request("p")})
				require.NoError(t, err)
				_, err = c.Pools(t.Context(), PoolsQuery{})
				require.NoError(t, err)
				var stamps []string
				for _, call := range s.calls {
					stamps = append(stamps, call.stamp)
				}
				require.Equal(t, []string{"20000101-0000", "20000101-0500", "20000101-0500"}, stamps)
			})
		})
	}
	t.Run("put right meanwhile", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			s := answers(t, refusedStamp(fiveHours, ""), success("[]"), refusedStamp(sameTime, ""), success("[]"))
			c := s.client()
			for range 2 {
				_, err := c.Pools(t.Context(), PoolsQuery{})
				require.NoError(t, err)
			}
			require.Equal(t, "20000101-0500", s.calls[1].stamp)
			require.Equal(t, "20000101-0000", s.calls[3].stamp)
		})
	})
}

// Once corrected, a refusal is final.
func TestRefusedTimestampIsCorrectedOnce(t *testing.T) {
	t.Run("still refused", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			s := answers(t, refusedStamp(fiveHours, ""))
			_, err := s.client().Write(t.Context(), pool.Set, 505, []pool.Request{request("p")})
			e, ok := errors.AsType[*Error](err)
			require.True(t, ok)
			require.Equal(t, Refused, e.Outcome())
			require.Equal(t, -5*time.Hour, e.Skew)
			require.Equal(t, "the clock of this machine is 5h0m0s behind the server's; set it", e.Hint())
			require.Len(t, s.calls, 2)
		})
	})
	t.Run("clocks agree", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			s := answers(t, refusedStamp(sameTime, ""))
			_, err := s.reader().Pools(t.Context(), PoolsQuery{})
			e, ok := errors.AsType[*Error](err)
			require.True(t, ok)
			require.Contains(t, e.Hint(), "although the clocks agree")
			require.Len(t, s.calls, 2)
		})
	})
}

// A request that is signed for next year could be replayed until then.
func TestTimeFarAwayIsNotSignedWith(t *testing.T) {
	for _, test := range []struct {
		ahead time.Duration
		stamp string // of the second attempt
	}{
		{24 * time.Hour, "20000102-0000"},
		{24*time.Hour + time.Minute, "20000101-0000"},
		{8760 * time.Hour, "20000101-0000"},
		{-8760 * time.Hour, "20000101-0000"},
	} {
		synctest.Test(t, func(t *testing.T) {
			at := time.Now().Add(test.ahead).Unix()
			s := answers(t, refusedStamp("", fmt.Sprintf(`,"timestamp":%d`, at)))
			_, err := s.client().Write(t.Context(), pool.Set, 505, []pool.Request{request("p")})
			e, ok := errors.AsType[*Error](err)
			require.True(t, ok)
			require.Len(t, s.calls, 2)
			require.Equal(t, test.stamp, s.calls[1].stamp)
			if test.ahead.Abs() > maxCorrection {
				require.Contains(t, e.Hint(), test.ahead.Abs().String()+" away from this machine's")
				require.Contains(t, e.Hint(), "at most 24h0m0s away; set the clock of this machine, or check what answers at data.learnosity.com")
			}
		})
	}
}

// Trap 23: meta.timestamp is in Unix seconds.
func TestTrap23ServerTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := answers(t, success("[]", `"timestamp":946684790`))
		r := s.reader()
		_, ok := r.ServerTime()
		require.False(t, ok)
		_, err := r.Pools(t.Context(), PoolsQuery{})
		require.NoError(t, err)
		<-time.After(3 * time.Second)
		now, ok := r.ServerTime()
		require.True(t, ok)
		require.Equal(t, time.Date(1999, 12, 31, 23, 59, 53, 0, time.UTC), now)
		skew, ok := r.conn.clock.measured()
		require.True(t, ok)
		require.Equal(t, 10*time.Second, skew)
	})
}
