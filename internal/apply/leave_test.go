package apply_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/poolsync/poolsync/internal/apply"
	"github.com/poolsync/poolsync/internal/diff"
	"github.com/poolsync/poolsync/internal/learnosity"
	"github.com/poolsync/poolsync/internal/pool"
	"github.com/poolsync/poolsync/internal/sandbox"
)

// slowly is a bank to which calls get late; something may happen meanwhile.
type slowly struct {
	*learnosity.Client
	wait time.Duration
	then func()
}

func (c *slowly) Write(ctx context.Context, v pool.Verb, b pool.Bank, pools []pool.Request) (learnosity.Accepted, error) {
	<-time.After(c.wait)
	if c.then != nil {
		c.then()
		c.then = nil
	}
	return c.Client.Write(ctx, v, b, pools)
}

// TestPoolThatMovesBeforeTheCall: somebody unpublishes a pool after the plan was made.
// The append that was planned would publish it again; it is planned anew.
func TestPoolThatMovesBeforeTheCall(t *testing.T) {
	bubble(t, sandbox.Options{}, func(t *testing.T, l *lab) {
		l.declared = []pool.Declared{declare("p", ref(1)), declare("q", ref(1))}
		l.applied()
		<-time.After(time.Hour)
		for i := range l.declared {
			l.declared[i].Content.Items = []string{ref(1), ref(2)}
		}
		l.server.ClearLog()
		_, err := l.applyWith(t.Context(), &slowly{l.client, time.Minute, func() {
			require.NoError(t, l.server.EditPool(bankID, "p", func(p *sandbox.PoolRecord) { p.Status = "unpublished" }))
		}})
		require.NoError(t, err)
		same(t, "left as somebody set it", "unpublished", l.record("p").Status)
		same(t, "appended all the same", []string{"i01 original", "i02 original"}, l.holds("p"))
		same(t, "the other", []string{"i01 original", "i02 original"}, l.holds("q"))
		same(t, "calls", map[pool.Reference]int{"p": 1, "q": 1}, l.started())
	})
}

// TestFreezeThatBeginsBeforeTheCall is kept, also between the two calls of a pool, and
// in a later attempt of one.
func TestFreezeThatBeginsBeforeTheCall(t *testing.T) {
	for name, tt := range map[string]struct {
		begins, latency time.Duration
		fault           string
		calls           int
	}{
		"before the first call":   {30 * time.Second, 0, "", 0},
		"between the two":         {90 * time.Second, time.Minute, "", 1},
		"before a second attempt": {62 * time.Second, 0, "update itembank/pools#1=429", 0},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, sandbox.Options{Latency: tt.latency}, func(t *testing.T, l *lab) {
				l.declared = []pool.Declared{declare("p", ref(1))}
				l.applied()
				<-time.After(time.Hour)
				l.declared[0].Content.Items = []string{ref(1), ref(2)}
				l.declared[0].Corrections = []pool.Correction{{ID: "c", Items: []string{ref(1)}}}
				from := time.Now().Add(tt.begins)
				l.options.Freeze = []diff.Freeze{{From: from, To: from.Add(time.Hour), Reason: "finals"}}
				l.server.ClearLog()
				if tt.fault != "" {
					l.fault(tt.fault)
				}
				r, err := l.applyWith(t.Context(), &slowly{l.client, time.Minute, nil})
				require.NoError(t, err)
				same(t, "calls", tt.calls, l.started()["p"])
				same(t, "state", apply.NotAttempted, outcome(t, r, "p").State)
				contains(t, "why", outcome(t, r, "p").Problem.Message, "finals")
			})
		})
	}
}

// TestWhatWasNotShown: a pool that was pending in the plan is planned anew after its
// job. Where the plan was approved, what it needs then is left out and named; a call
// that was shown and did not happen is made all the same.
func TestWhatWasNotShown(t *testing.T) {
	for _, strict := range []bool{false, true} {
		bubble(t, sandbox.Options{Latency: time.Minute}, func(t *testing.T, l *lab) {
			l.declared = []pool.Declared{declare("a", ref(1)), declare("b", ref(1))}
			l.applied()
			l.theirs(pool.Update, "a", ref(9))
			l.server.ClearLog()
			for i := range l.declared {
				l.declared[i].Content.Items = []string{ref(1), ref(2)}
			}
			l.fault("update itembank/pools#1=cut-before")
			l.strict = strict
			r, err := l.apply(t.Context())
			require.NoError(t, err)
			same(t, "b", apply.Applied, outcome(t, r, "b").State)
			if !strict {
				same(t, "a", apply.Applied, outcome(t, r, "a").State)
				return
			}
			same(t, "a", apply.NotAttempted, outcome(t, r, "a").State)
			contains(t, "why", outcome(t, r, "a").Problem.Message, "not in the plan that was shown")
			same(t, "calls", map[pool.Reference]int{"b": 1}, l.started())
			same(t, "of the run", apply.InPart, r.Status(nil))
		})
	}
}

// TestReadRightAfterAnApply: a replica that does not show yet what was created a moment
// ago does not make it created again.
func TestReadRightAfterAnApply(t *testing.T) {
	bubble(t, sandbox.Options{}, func(t *testing.T, l *lab) {
		l.declared = []pool.Declared{declare("p", ref(1))}
		l.applied()
		sw := l.server.Switches()
		sw.U19 = "20s"
		require.NoError(t, l.server.SetSwitches(sw))
		same(t, "changes", 0, len(l.plan().Changes))
		same(t, "calls", map[pool.Reference]int{"p": 1}, l.started())
	})
}
