package apply_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/poolsync/poolsync/internal/apply"
	"github.com/poolsync/poolsync/internal/diff"
	calls "github.com/poolsync/poolsync/internal/outcome"
	"github.com/poolsync/poolsync/internal/pool"
	"github.com/poolsync/poolsync/internal/sandbox"
)

// operations gives what was sent to a pool, in order: "update false [i01]".
func (l *lab) operations(ref pool.Reference) (out []string) {
	for _, w := range l.writes() {
		for _, p := range w.Pools {
			if p.Reference == ref {
				text := w.Action
				if p.Overwrite {
					text += " overwrite"
				}
				out = append(out, text+" "+string(p.Status)+" "+p.Name)
			}
		}
	}
	return out
}

// TestTwoCalls: an edit and a correction, the second after the first was read back.
func TestTwoCalls(t *testing.T) {
	bubble(t, sandbox.Options{}, func(t *testing.T, l *lab) {
		l.declared = []pool.Declared{declare("p", ref(1), ref(2))}
		l.declared[0].Status = pool.Unpublished
		l.applied()
		<-time.After(time.Minute)
		require.NoError(t, l.server.EditItem(bankID, ref(2), func(it *sandbox.Item) { it.Title = "corrected" }))
		l.server.ClearLog()
		d := &l.declared[0]
		d.Name, d.Status = "New", pool.Published
		d.Corrections = []pool.Correction{{ID: "c", Items: []string{ref(2)}}}
		l.applied()
		same(t, "calls", []string{"update unpublished New", "update overwrite published New"}, l.operations("p"))
		same(t, "holds", []string{"i01 original", "i02 corrected"}, l.holds("p"))
		l.clean()
	})
}

// TestSecondCallNotAttempted: after a failed call the pool's later ones are not
// made, and the next run begins with what is left.
func TestSecondCallNotAttempted(t *testing.T) {
	bubble(t, sandbox.Options{}, func(t *testing.T, l *lab) {
		l.declared = []pool.Declared{declare("p", ref(1), ref(2)), declare("q", ref(1))}
		l.applied()
		<-time.After(time.Minute)
		l.server.ClearLog()
		for i := range l.declared {
			l.declared[i].Content.Items = append(l.declared[i].Content.Items, ref(5))
			l.declared[i].Corrections = []pool.Correction{{ID: "c", Items: []string{ref(1)}}}
		}
		l.fault("update itembank/pools#1=job-halt@p")
		r, err := l.apply(t.Context())
		require.NoError(t, err)
		same(t, "states", map[apply.State]int{apply.Applied: 1, apply.Failed: 1}, states(r))
		same(t, "calls to p", 1, len(l.operations("p")))
		same(t, "calls to q", 2, len(l.operations("q")))
		l.server.ClearFaults()
		l.applied()
		l.clean()
		same(t, "holds", []string{"i01 original", "i02 original", "i05 original"}, l.holds("p"))
	})
}

// TestRetiresLast: after all else, and only if all else succeeded.
func TestRetiresLast(t *testing.T) {
	bubble(t, sandbox.Options{}, func(t *testing.T, l *lab) {
		l.declared = []pool.Declared{declare("a", ref(1)), declare("gone", ref(1)), declare("hidden", ref(1))}
		l.applied()
		<-time.After(time.Minute)
		require.NoError(t, l.server.EditPool(bankID, "hidden", func(p *sandbox.PoolRecord) { p.Status = "unpublished" }))
		l.server.ClearLog()
		l.options.Prune = true
		l.declared = []pool.Declared{declare("a", ref(1), ref(2)), declare("b", "no-such-item")}
		r, err := l.apply(t.Context())
		require.NoError(t, err)
		same(t, "gone", apply.NotAttempted, outcome(t, r, "gone").State)
		contains(t, "why", outcome(t, r, "gone").Problem.Message, "only when everything else was applied")
		same(t, "still published", "published", l.record("gone").Status)
		same(t, "unpublished already", apply.NotAttempted, outcome(t, r, "hidden").State)
		same(t, "calls to it", 0, len(l.operations("hidden")))

		l.declared[1] = declare("b", ref(3))
		l.applied()
		writes := l.writes()
		same(t, "the last call", []pool.Reference{"gone"}, writes[len(writes)-1].references())
		same(t, "unpublished", "unpublished", l.record("gone").Status)
		for _, k := range []pool.Reference{"gone", "hidden"} {
			same(t, "retired", true, l.memory.Entries[pool.Key{Bank: bankID, Reference: k}].Retired)
		}
		same(t, "not reported again", 0, len(l.plan().Changes))

		l.declared = append(l.declared, declare("gone", ref(1)))
		l.applied()
		same(t, "declared again", "published", l.record("gone").Status)
		l.clean()
	})
}

// TestRetiresAfterADoubt: what else was asked for is applied after all, so the
// retires are carried out in the same run.
func TestRetiresAfterADoubt(t *testing.T) {
	for _, fault := range []string{"cut-after", "cut-before"} {
		bubble(t, sandbox.Options{}, func(t *testing.T, l *lab) {
			l.declared = []pool.Declared{declare("a", ref(1)), declare("gone", ref(1))}
			l.applied()
			<-time.After(time.Minute)
			l.options.Prune = true
			l.declared = []pool.Declared{declare("a", ref(1), ref(2))}
			l.fault("update itembank/pools#1=" + fault)
			l.applied()
			same(t, fault, "unpublished", l.record("gone").Status)
		})
	}
}

// TestPendingPoolIsWaitedFor while everything else goes on.
func TestPendingPoolIsWaitedFor(t *testing.T) {
	bubble(t, sandbox.Options{Latency: 3 * time.Minute}, func(t *testing.T, l *lab) {
		l.declared = []pool.Declared{declare("a", ref(1)), declare("b", ref(1))}
		l.applied()
		theirs := pool.Request{Reference: "a", Name: "Theirs", Status: pool.Published, Content: pool.Content{Items: []string{ref(9)}}}
		_, err := l.client.Write(t.Context(), pool.Update, bankID, []pool.Request{theirs})
		require.NoError(t, err)
		l.server.ClearLog()
		for i := range l.declared {
			l.declared[i].Content.Items = []string{ref(1), ref(2)}
		}
		l.applied()
		same(t, "b goes first", []pool.Reference{"b"}, l.writes()[0].references())
		same(t, "then a", []pool.Reference{"a"}, l.writes()[1].references())
		same(t, "name restored", "Name of a", l.record("a").Name)
		same(t, "touched", true, l.memory.Entries[l.declared[0].Key].Touched)
		l.clean()
	})
}

// TestWaitIsBounded: a pool that stays pending is given up after ten minutes.
func TestWaitIsBounded(t *testing.T) {
	bubble(t, sandbox.Options{}, func(t *testing.T, l *lab) {
		l.declared = []pool.Declared{declare("a", ref(1))}
		l.applied()
		require.NoError(t, l.server.EditPool(bankID, "a", func(p *sandbox.PoolRecord) { p.Status = "pending" }))
		l.declared[0].Content.Items = []string{ref(1), ref(2)}
		begin := time.Now()
		r, err := l.apply(t.Context())
		require.NoError(t, err)
		same(t, "state", apply.NotAttempted, outcome(t, r, "a").State)
		if took := time.Since(begin); took < calls.Limit || took > calls.Limit+time.Minute {
			t.Errorf("gave up after %s", took)
		}
	})
}

// TestDoubtBesideAPendingPool: planning anew, to look at the pending pool, settles
// the doubt too; the run still tells how it ended.
func TestDoubtBesideAPendingPool(t *testing.T) {
	for _, fault := range []string{"cut-after", "cut-before", "job-halt"} {
		bubble(t, sandbox.Options{Latency: 20 * time.Second, ResponseDelay: time.Second}, func(t *testing.T, l *lab) {
			l.declared = []pool.Declared{declare("a", ref(1)), declare("b", ref(1))}
			l.applied()
			theirs := pool.Request{Reference: "a", Name: "Name of a", Status: pool.Published, Content: pool.Content{Items: []string{ref(9)}}}
			_, err := l.client.Write(t.Context(), pool.Update, bankID, []pool.Request{theirs})
			require.NoError(t, err)
			for i := range l.declared {
				l.declared[i].Content.Items = []string{ref(1), ref(2)}
			}
			if fault == "job-halt" {
				l.fault("update itembank/pools#1=job-halt@b")
				fault = "cut-after"
			}
			l.fault("update itembank/pools#1=" + fault)
			r, err := l.apply(t.Context())
			require.NoError(t, err)
			same(t, "a", apply.Applied, outcome(t, r, "a").State)
			same(t, "b is decided", 0, r.Count(apply.StillRunning))
			same(t, "b as recorded", l.memory.Entries[l.declared[1].Key].LastError == "", outcome(t, r, "b").State == apply.Applied)
		})
	}
}

// TestHaltedCallToAHeldPool: tried again, it does not publish what someone
// unpublished.
func TestHaltedCallToAHeldPool(t *testing.T) {
	bubble(t, sandbox.Options{}, func(t *testing.T, l *lab) {
		l.declared = []pool.Declared{declare("p", ref(1))}
		l.applied()
		require.NoError(t, l.server.EditPool(bankID, "p", func(p *sandbox.PoolRecord) { p.Status = "unpublished" }))
		l.declared[0].Content.Items = []string{ref(1), ref(2)}
		l.fault("update itembank/pools#1=job-halt")
		_, err := l.apply(t.Context())
		require.NoError(t, err)
		same(t, "status", "halted", l.record("p").Status)
		l.applied()
		same(t, "status", "unpublished", l.record("p").Status)
		same(t, "held", 1, l.plan().Count(diff.Held))
		l.options.Republish = diff.References{"p": true}
		l.applied()
		same(t, "status", "published", l.record("p").Status)
	})
}

// TestCarrierIsMeasuredByTheOldestCopy: an append makes no older copy newer. With
// a server that refreshes what an edit carries, a rename must not pull it in.
func TestCarrierIsMeasuredByTheOldestCopy(t *testing.T) {
	bubble(t, sandbox.Options{Switches: sandbox.Switches{U4: "refresh"}}, func(t *testing.T, l *lab) {
		l.declared = []pool.Declared{declare("p", ref(1))}
		l.applied()
		<-time.After(time.Minute)
		require.NoError(t, l.server.EditItem(bankID, ref(1), func(it *sandbox.Item) { it.Title = "edited" }))
		<-time.After(time.Minute)
		l.declared[0].Content.Items = []string{ref(1), ref(2)}
		l.applied()
		l.declared[0].Name = "Other"
		l.applied()
		same(t, "carried by the other", []string{"i01 original", "i02 original"}, l.holds("p"))
	})
}

// TestOverwrittenAndHalted: consent to overwrite is for one run.
func TestOverwrittenAndHalted(t *testing.T) {
	bubble(t, sandbox.Options{}, func(t *testing.T, l *lab) {
		l.declared = []pool.Declared{declare("p", ref(1))}
		l.applied()
		l.memory.Entries = map[pool.Key]pool.Entry{}
		l.declared[0].Content.Items = []string{ref(2)}
		l.options.Overwrite = diff.References{"p": true}
		l.fault("set itembank/pools#1=job-halt")
		r, err := l.apply(t.Context())
		require.NoError(t, err)
		same(t, "state", apply.Failed, outcome(t, r, "p").State)
		l.options.Overwrite = nil
		r, err = l.apply(t.Context())
		require.NoError(t, err)
		same(t, "state", apply.NotAttempted, outcome(t, r, "p").State)
		same(t, "holds", []string{"i01 original"}, l.holds("p"))
	})
}

// TestInterruptedRunIsVerified: a job that an earlier run left is looked into like
// any other when it has completed.
func TestInterruptedRunIsVerified(t *testing.T) {
	bubble(t, sandbox.Options{Latency: time.Minute, Switches: sandbox.Switches{U9: "skip"}}, func(t *testing.T, l *lab) {
		l.declared = []pool.Declared{declare("p", ref(1), "no-such-item")}
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		_, err := l.apply(ctx)
		require.NoError(t, err)
		<-time.After(10 * time.Minute)
		plan := l.plan()
		require.Len(t, plan.Changes, 1)
		same(t, "asked for again", []string{"no-such-item"}, plan.Changes[0].Content.Added.Items)
	})
}

// TestLaggingReplicas: a job that has just completed is not taken for failed
// because a replica does not show it yet.
func TestLaggingReplicas(t *testing.T) {
	bubble(t, sandbox.Options{Latency: time.Minute, Switches: sandbox.Switches{U19: "15s"}}, func(t *testing.T, l *lab) {
		l.declared = []pool.Declared{declare("p", ref(1))}
		ctx, cancel := context.WithTimeout(t.Context(), 58*time.Second)
		defer cancel()
		_, err := l.apply(ctx)
		require.NoError(t, err)
		<-time.After(5 * time.Second)
		same(t, "pending", 1, l.plan().Count(diff.Pending))
		l.applied()
		same(t, "jobs", map[pool.Reference]int{"p": 1}, l.started())
		l.clean()
	})
}
