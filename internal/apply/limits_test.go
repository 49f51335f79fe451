package apply_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/poolsync/poolsync/internal/apply"
	"github.com/poolsync/poolsync/internal/pool"
	"github.com/poolsync/poolsync/internal/sandbox"
	"github.com/poolsync/poolsync/internal/state"
)

// counts gives the calls of the log by endpoint and action, and how many met a
// used-up quota.
func (l *lab) counts() (calls map[string]int, throttled int) {
	calls = map[string]int{}
	for _, c := range l.server.Log() {
		calls[c.Action+" "+c.Endpoint]++
		if c.Status == 429 {
			throttled++
		}
	}
	return calls, throttled
}

func thousands(n int) (out []pool.Declared) {
	for i := range n {
		out = append(out, declare(fmt.Sprintf("p%05d", i), ref(i%20)))
	}
	return out
}

// TestFiveThousandPools: a server that counts exactly never has to refuse, and
// calls, time and memory stay within what docs/reliability.md tells.
func TestFiveThousandPools(t *testing.T) {
	begin := time.Now()
	bubble(t, sandbox.Options{Latency: 5 * time.Second, ResponseDelay: 20 * time.Millisecond}, func(t *testing.T, l *lab) {
		l.declared = thousands(5000)
		began := time.Now()
		r := l.applied()
		took := time.Since(began)
		calls, throttled := l.counts()
		same(t, "refused for the quota", 0, throttled)
		same(t, "applied", 5000, r.Count(apply.Applied))
		same(t, "set calls", 100, calls["set itembank/pools"])
		same(t, "look-ups of items", 5000, calls["get itembank/items"])
		bounded(t, "reads of pools", calls["get itembank/pools"], 400)
		bounded(t, "reads of jobs", calls["get jobs"], 500)
		bounded(t, "seconds", int(took.Seconds()), 120)
		t.Logf("5,000 pools: %s on the run's clock, %v", took, calls)
	})
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	bounded(t, "MiB of memory, the sandbox's own included", int(m.HeapSys>>20), 1024)
	t.Logf("%s in reality, %d MiB of heap at most", time.Since(begin).Round(time.Millisecond), m.HeapSys>>20)
}

func bounded(t *testing.T, what string, got, limit int) {
	t.Helper()
	if got > limit {
		t.Errorf("%d %s, at most %d expected", got, what, limit)
	}
}

// TestAnHour: jobs of fifty minutes are waited for, at a few calls a minute.
func TestAnHour(t *testing.T) {
	bubble(t, sandbox.Options{Latency: 50 * time.Minute, ResponseDelay: 20 * time.Millisecond}, func(t *testing.T, l *lab) {
		l.declared = many(150)
		ctx, cancel := context.WithTimeout(t.Context(), timeout)
		defer cancel()
		r, err := l.live(ctx, &process{})
		require.NoError(t, err)
		same(t, "applied", 150, r.Count(apply.Applied))
		calls, _ := l.counts()
		bounded(t, "reads of jobs", calls["get jobs"], 3*(50*4+30))
		t.Logf("an hour: %v", calls)
		l.clean()
	})
}

// TestKeyShared: another process uses the same key up; its 429 costs a window.
func TestKeyShared(t *testing.T) {
	bubble(t, sandbox.Options{Latency: time.Second}, func(t *testing.T, l *lab) {
		other := newClient(t, l.server.RoundTripper())
		for i := range 50 {
			_, err := other.Write(t.Context(), pool.Set, bankID, []pool.Request{{
				Reference: pool.Reference(fmt.Sprintf("other-%d", i)), Name: "x", Status: pool.Published, Content: pool.Content{Items: []string{ref(1)}},
			}})
			require.NoError(t, err)
		}
		l.server.ClearLog()
		l.declared = many(10)
		l.applied()
		writes := l.writes()
		require.Len(t, writes, 2)
		same(t, "refused, then taken", []int{429, 200}, []int{writes[0].Status, writes[1].Status})
		if waited := writes[1].Time.Sub(writes[0].Time); waited < 5*time.Second || waited > 6*time.Second {
			t.Errorf("a 429 costs %s", waited)
		}
		l.clean()
	})
}

// TestInterruptWhileWaitingForTheQuota: after the signal no further call is begun,
// what was sent is recorded, and the run ends within ten seconds.
func TestInterruptWhileWaitingForTheQuota(t *testing.T) {
	for _, at := range []time.Duration{50 * time.Millisecond, 510 * time.Millisecond, 3 * time.Second, 5 * time.Second} {
		bubble(t, sandbox.Options{Latency: time.Minute, ResponseDelay: 20 * time.Millisecond}, func(t *testing.T, l *lab) {
			l.declared = thousands(3000) // 60 calls; 50 of them need about a second
			l.server.ClearLog()
			ctx, cancel := context.WithCancelCause(t.Context())
			stop := errors.New("interrupted")
			time.AfterFunc(at, func() { cancel(stop) })
			signalled := time.Now().Add(at)
			r, err := l.applyWith(ctx, l.client)
			if err != nil && !errors.Is(err, stop) {
				require.NoError(t, err)
			}
			if took := time.Since(signalled); took > 10*time.Second {
				t.Errorf("it ended %s after the signal", took)
			}
			late := 0
			for _, c := range l.server.Log() {
				if c.Time.After(signalled.Add(20 * time.Millisecond)) {
					late++
				}
			}
			bounded(t, "calls after the signal", late, 0)
			sent := 0
			for range l.started() {
				sent++
			}
			same(t, "recorded", sent, len(l.memory.Entries))
			same(t, "still running", sent, r.Count(apply.StillRunning))
		})
	}
}

// TestTwoFaultsOfManyBatches: a pause in the service holds back what was not sent
// yet, and the run goes on with it once it knows what became of the rest.
func TestTwoFaultsOfManyBatches(t *testing.T) {
	for _, fault := range []string{"500", "cut-before", "cut-after", "not-json"} {
		bubble(t, sandbox.Options{}, func(t *testing.T, l *lab) {
			l.declared = many(250)
			l.fault("set itembank/pools#1x2=" + fault)
			l.applied()
			for p, n := range l.started() {
				same(t, string(p), 1, n)
			}
			l.clean()
		})
	}
}

// TestNoCallAfterAFailedRecord: once the state cannot be written, nothing is sent.
func TestNoCallAfterAFailedRecord(t *testing.T) {
	bubble(t, sandbox.Options{ResponseDelay: time.Second}, func(t *testing.T, l *lab) {
		l.declared = many(250)
		r, err := l.applyWith(t.Context(), &touch{l.client, func() { l.memory.fail = errors.New("disk full") }})
		same(t, "error", true, errors.Is(err, l.memory.fail))
		if n := len(l.writes()); n > 2 {
			t.Errorf("%d calls were sent", n)
		}
		same(t, "never sent", true, r.Count(apply.NotAttempted) >= 150)
		l.memory.fail = nil
		l.applied()
		for p, n := range l.started() {
			same(t, string(p), 1, n)
		}
		l.clean()
	})
}

// leased is a state that is held for a while only.
type leased struct {
	memorySession
	until   time.Time
	renewal error
	renewed int
}

func (s *leased) Remaining() time.Duration { return time.Until(s.until) }
func (s *leased) TookOver() *state.Holder  { return nil }
func (s *leased) Notices() []string        { return nil }
func (s *leased) Renew(context.Context) error {
	if s.renewal == nil {
		s.until, s.renewed = time.Now().Add(5*time.Minute), s.renewed+1
	}
	return s.renewal
}

// TestNoCallOnAShortLease: with less than a minute of it left the lease is renewed
// before the call; if it cannot be, the call is not made.
func TestNoCallOnAShortLease(t *testing.T) {
	for _, lost := range []error{nil, &state.LostError{Store: "git:x"}} {
		bubble(t, sandbox.Options{}, func(t *testing.T, l *lab) {
			l.declared = many(3)
			s := &leased{memorySession{l.memory}, time.Now().Add(59 * time.Second), lost, 0}
			r, err := l.run(t.Context(), l.client, state.NewRecorder(s, "test"))
			if lost == nil {
				require.NoError(t, err)
				same(t, "renewed", true, s.renewed > 0)
				same(t, "applied", 3, r.Count(apply.Applied))
				return
			}
			same(t, "error", true, errors.Is(err, lost))
			same(t, "told", "record the calls, none of which was sent: "+lost.Error(), err.Error())
			same(t, "calls", 0, len(l.writes()))
			same(t, "never sent", 3, r.Count(apply.NotAttempted))
		})
	}
}

// TestFullBatchInDoubt: a batch creates as many jobs in a second as the endpoint
// ever lists, and two are more. What became of them is found out all the same.
func TestFullBatchInDoubt(t *testing.T) {
	for _, n := range []int{50, 51, 120, 250} {
		for _, fault := range []string{"set itembank/pools#1=cut-after", "set itembank/pools#2=cut-after", "set itembank/pools#1x2=500-after"} {
			bubble(t, sandbox.Options{Latency: 3 * time.Second}, func(t *testing.T, l *lab) {
				l.declared = many(n)
				l.fault(fault)
				l.applied()
				for p, n := range l.started() {
					same(t, string(p), 1, n)
				}
				l.clean()
			})
		}
	}
}
