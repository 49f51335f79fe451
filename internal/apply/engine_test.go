package apply_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/poolsync/poolsync/internal/apply"
	"github.com/poolsync/poolsync/internal/pool"
	"github.com/poolsync/poolsync/internal/sandbox"
)

// bubble runs a test against a lab inside a synctest bubble, where waiting costs
// nothing.
func bubble(t *testing.T, opts sandbox.Options, f func(*testing.T, *lab)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) { f(t, newLab(t, opts)) })
}

func TestBatchesOfFifty(t *testing.T) {
	bubble(t, sandbox.Options{}, func(t *testing.T, l *lab) {
		l.declared = many(120)
		l.applied()
		var sizes []int
		var order []pool.Reference
		for _, w := range l.writes() {
			sizes = append(sizes, len(w.Pools))
			order = append(order, w.references()...)
		}
		same(t, "sizes", []int{50, 50, 20}, sizes)
		for i, r := range order {
			same(t, "order", pool.Reference(fmt.Sprintf("p%03d", i)), r)
		}
		l.clean()
	})
}

// TestHalving is rule 12: one bad pool does not hold back its 49 neighbours.
func TestHalving(t *testing.T) {
	for _, bad := range []int{0, 17, 49} {
		bubble(t, sandbox.Options{Switches: sandbox.Switches{U9: "refuse"}}, func(t *testing.T, l *lab) {
			l.declared = many(50)
			l.declared[bad] = declare(string(l.declared[bad].Reference), "no-such-item")
			r, err := l.apply(t.Context())
			require.NoError(t, err)
			same(t, "states", map[apply.State]int{apply.Applied: 49, apply.Failed: 1}, states(r))
			same(t, "code", 20013, outcome(t, r, l.declared[bad].Reference).Problem.Code)
			if n := r.Calls[pool.Set]; n > 14 {
				t.Errorf("%d set calls", n)
			}
			same(t, "calls counted", len(l.writes()), r.Calls[pool.Set])
			if _, recorded := l.memory.Entries[l.declared[bad].Key]; recorded {
				t.Error("a refused creation leaves no entry")
			}
		})
	}
}

// TestNoHalvingOfWhatIsAboutTheCaller: codes 4xxxx end the run's stream at once.
func TestNoHalvingOfWhatIsAboutTheCaller(t *testing.T) {
	bubble(t, sandbox.Options{}, func(t *testing.T, l *lab) {
		l.declared = many(120)
		r, err := l.applyWith(t.Context(), denied{l.client})
		require.NoError(t, err)
		same(t, "states", map[apply.State]int{apply.Failed: 50, apply.NotAttempted: 70}, states(r))
		same(t, "calls", 1, r.Calls[pool.Set])
		same(t, "entries", 0, len(l.memory.Entries))
	})
}

// TestUnmovedBeforeAHalf: a pool that moved although its batch was refused is in
// doubt and not sent again before that is settled.
func TestUnmovedBeforeAHalf(t *testing.T) {
	bubble(t, sandbox.Options{Switches: sandbox.Switches{U9: "refuse"}}, func(t *testing.T, l *lab) {
		l.declared = many(4)
		l.applied()
		l.server.ClearLog()
		for i := range l.declared {
			l.declared[i].Content.Items = []string{ref(i), ref(20)}
		}
		l.declared[3].Content.Items = append(l.declared[3].Content.Items, "no-such-item")
		touching := touch{l.client, func() {
			_ = l.server.EditPool(bankID, "p001", func(p *sandbox.PoolRecord) { p.Description = "theirs" })
		}}
		r, err := l.applyWith(t.Context(), &touching)
		require.NoError(t, err)
		same(t, "states", map[apply.State]int{apply.Applied: 3, apply.Failed: 1}, states(r))
		count := 0
		for _, w := range l.writes() {
			for _, p := range w.Pools {
				if p.Reference == "p001" && w.Status == 200 {
					count++
				}
			}
		}
		same(t, "accepted calls of the touched pool", 1, count)
		same(t, "touched", true, l.memory.Entries[l.declared[1].Key].Touched)
	})
}

// TestDoubtIsSettledInTheRun: after any of these the run finds out what happened
// and finishes, and no pool gets two jobs for one change.
func TestDoubtIsSettledInTheRun(t *testing.T) {
	for _, fault := range []string{
		"500", "503-html", "cut-before", "status-false", "not-json", "never",
		"500-after", "cut-after", "truncated", "short-body", "lacks-a-pool@p001",
	} {
		t.Run(fault, func(t *testing.T) {
			bubble(t, sandbox.Options{Latency: 3 * time.Second}, func(t *testing.T, l *lab) {
				l.declared = many(3)
				l.fault("set itembank/pools#1=" + fault)
				l.applied()
				same(t, "doubled", map[pool.Reference]int{"p000": 1, "p001": 1, "p002": 1}, l.started())
				l.clean()
			})
		})
	}
}

// TestTwoDoubtsStopAStream: a server that answers nothing is not fed more work.
func TestTwoDoubtsStopAStream(t *testing.T) {
	bubble(t, sandbox.Options{}, func(t *testing.T, l *lab) {
		l.declared = many(250)
		l.fault("set itembank/pools=cut-before")
		r, err := l.apply(t.Context())
		require.NoError(t, err)
		same(t, "applied", 0, r.Count(apply.Applied))
		for _, w := range l.writes() {
			if w.Pools[0].Reference > "p050" {
				t.Errorf("%s was sent after two doubts", w.Pools[0].Reference)
			}
		}
		l.server.ClearFaults()
		l.applied()
		l.clean()
	})
}

// TestJobHalts fails its pool only, and keeps the reason.
func TestJobHalts(t *testing.T) {
	bubble(t, sandbox.Options{}, func(t *testing.T, l *lab) {
		l.declared = many(3)
		l.declared[1] = declare("p001", "no-such-item")
		r, err := l.apply(t.Context())
		require.NoError(t, err)
		same(t, "states", map[apply.State]int{apply.Applied: 2, apply.Failed: 1}, states(r))
		contains(t, "problem", outcome(t, r, "p001").Problem.Message, "no-such-item")
		contains(t, "last_error", l.memory.Entries[l.declared[1].Key].LastError, "no-such-item")
		same(t, "accepted", true, r.Accepted())

		l.declared[1] = declare("p001", ref(1)) // row 5: created again, over the halted one
		l.applied()
		l.clean()
		same(t, "holds", []string{"i01 original"}, l.holds("p001"))
	})
}

// TestSkippedReferencesFailByName is rule 10: a completed job is not yet success.
func TestSkippedReferencesFailByName(t *testing.T) {
	bubble(t, sandbox.Options{Switches: sandbox.Switches{U9: "skip"}}, func(t *testing.T, l *lab) {
		l.declared = []pool.Declared{declare("p", ref(1), "no-such-item")}
		r, err := l.apply(t.Context())
		require.NoError(t, err)
		contains(t, "problem", outcome(t, r, "p").Problem.Message, "does not hold no-such-item")
		same(t, "recorded", []string{ref(1)}, l.memory.Entries[l.declared[0].Key].Sent.Content.Items)

		l.noVerify = true
		l.declared = []pool.Declared{declare("q", ref(1), "no-such-item")}
		l.applied()
		same(t, "verified", false, l.memory.Entries[l.declared[0].Key].Verified)
	})
}

// TestNeverEndingJob: the deadline leaves it running, and the next run goes on
// with the same job.
func TestNeverEndingJob(t *testing.T) {
	bubble(t, sandbox.Options{Latency: 10 * time.Minute}, func(t *testing.T, l *lab) {
		l.declared = many(2)
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		r, err := l.apply(ctx)
		require.NoError(t, err)
		same(t, "states", map[apply.State]int{apply.StillRunning: 2}, states(r))
		for _, d := range l.declared {
			same(t, "pending job", outcome(t, r, d.Reference).Job, l.memory.Entries[d.Key].Pending.Job)
		}
		l.applied()
		same(t, "doubled", map[pool.Reference]int{"p000": 1, "p001": 1}, l.started())
		l.clean()
	})
}

// TestCancelledInTheMiddle: the call on its way ends, the rest is not attempted,
// and what was accepted is recorded.
func TestCancelledInTheMiddle(t *testing.T) {
	bubble(t, sandbox.Options{ResponseDelay: time.Second}, func(t *testing.T, l *lab) {
		l.declared = many(120)
		stop := errors.New("interrupted")
		ctx, cancel := context.WithCancelCause(t.Context())
		cancelling := touch{l.client, func() { cancel(stop) }}
		r, err := l.applyWith(ctx, &cancelling)
		require.NoError(t, err)
		same(t, "states", map[apply.State]int{apply.StillRunning: 50, apply.NotAttempted: 70}, states(r))
		same(t, "recorded", 50, len(l.memory.Entries))
		for _, e := range l.memory.Entries {
			same(t, "job known", true, e.Pending != nil && e.Pending.Job != "")
		}
		contains(t, "why", outcome(t, r, "p100").Problem.Message, "interrupted")
		l.applied()
		l.clean()
		for ref, n := range l.started() {
			same(t, string(ref), 1, n)
		}
	})
}
