package apply_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/poolsync/poolsync/internal/apply"
	"github.com/poolsync/poolsync/internal/pool"
	"github.com/poolsync/poolsync/internal/sandbox"
)

// TestStateThatCannotBeWritten: a call that is not recorded is not sent.
func TestStateThatCannotBeWritten(t *testing.T) {
	bubble(t, sandbox.Options{}, func(t *testing.T, l *lab) {
		l.declared = many(3)
		l.memory.fail = errors.New("disk full")
		r, err := l.apply(t.Context())
		same(t, "error", true, errors.Is(err, l.memory.fail))
		contains(t, "error", err.Error(), "nothing was sent")
		same(t, "states", map[apply.State]int{apply.NotAttempted: 3}, states(r))
		same(t, "writes", 0, len(l.writes()))
	})
}

// TestStateLostOnTheWay: what was sent is told, nothing more is sent, and the next
// run finds the calls recorded as pending.
func TestStateLostOnTheWay(t *testing.T) {
	bubble(t, sandbox.Options{}, func(t *testing.T, l *lab) {
		l.declared = many(3)
		l.declared = append(l.declared, declare("second", ref(1)))
		r, err := l.applyWith(t.Context(), &touch{l.client, func() { l.memory.fail = errors.New("disk full") }})
		same(t, "error", true, errors.Is(err, l.memory.fail))
		same(t, "accepted", true, r.Accepted())
		same(t, "applied", 0, r.Count(apply.Applied))
		l.memory.fail = nil
		<-time.After(time.Minute)
		l.applied()
		for p, n := range l.started() {
			same(t, string(p), 1, n)
		}
		l.clean()
	})
}

// TestPoolsThatCannotBeReadBack stay pending with their jobs; the next run goes on.
func TestPoolsThatCannotBeReadBack(t *testing.T) {
	bubble(t, sandbox.Options{}, func(t *testing.T, l *lab) {
		l.declared = many(2)
		r, err := l.applyWith(t.Context(), &touch{l.client, func() { l.fault("get itembank/pools=500") }})
		require.NoError(t, err)
		same(t, "states", map[apply.State]int{apply.StillRunning: 2}, states(r))
		contains(t, "why", outcome(t, r, "p000").Problem.Message, "its job completed, and the pool could not be read back")
		l.server.ClearFaults()
		l.applied()
		same(t, "jobs", map[pool.Reference]int{"p000": 1, "p001": 1}, l.started())
		l.clean()
	})
}

// TestJobThatIsNeverListed: the pools tell what became of it.
func TestJobThatIsNeverListed(t *testing.T) {
	bubble(t, sandbox.Options{Switches: sandbox.Switches{U16: "1h"}}, func(t *testing.T, l *lab) {
		l.declared = many(2)
		l.applied()
		same(t, "jobs", map[pool.Reference]int{"p000": 1, "p001": 1}, l.started())
		l.clean()
	})
}

// TestUnreadablePool is no failure: what it holds is said not to be known.
func TestUnreadablePool(t *testing.T) {
	bubble(t, sandbox.Options{Switches: sandbox.Switches{U24: "refused"}}, func(t *testing.T, l *lab) {
		l.declared = []pool.Declared{declare("p", ref(1))}
		l.declared[0].Status = pool.Unpublished
		r := l.applied()
		same(t, "warnings", 1, len(r.Outcomes[0].Warnings))
		same(t, "verified", false, l.memory.Entries[l.declared[0].Key].Verified)
		l.declared[0].Name = "Other"
		same(t, "renamed by what the state names", 1, len(l.applied().Outcomes[0].Warnings))
		require.NoError(t, l.server.EditPool(bankID, "p", func(*sandbox.PoolRecord) {}))
		l.declared[0].Name = "Another"
		same(t, "touched, that would be a guess", "edit-would-refresh", string(l.plan().Changes[0].Blocked[0].Rule))
	})
}

// TestOneSlowJob holds up its own pool alone: the others are read back, recorded,
// and get their second calls.
func TestOneSlowJob(t *testing.T) {
	bubble(t, sandbox.Options{}, func(t *testing.T, l *lab) {
		l.declared = many(3)
		l.applied()
		for i := range l.declared {
			d := &l.declared[i]
			d.Content.Items = append(d.Content.Items, ref(11))
			d.Corrections = []pool.Correction{{ID: "c1", Items: d.Content.Items[:1]}}
		}
		<-time.After(time.Minute)
		l.server.ClearLog()
		l.fault("update itembank/pools#1=job-never-ends@p001")
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
		defer cancel()
		r, err := l.apply(ctx)
		require.NoError(t, err)
		same(t, "states", map[apply.State]int{apply.Applied: 2, apply.StillRunning: 1}, states(r))
		same(t, "slow", apply.StillRunning, outcome(t, r, "p001").State)
		same(t, "calls", map[pool.Reference]int{"p000": 2, "p001": 1, "p002": 2}, l.started())
		same(t, "batches", 2, r.Calls[pool.Update])
	})
}

// TestOnePoolThatStaysPending after its job has completed holds up itself alone.
func TestOnePoolThatStaysPending(t *testing.T) {
	bubble(t, sandbox.Options{}, func(t *testing.T, l *lab) {
		l.declared = many(3)
		l.fault("set itembank/pools#1=pool-stays-pending@p001")
		ctx, cancel := context.WithTimeout(t.Context(), 15*time.Second)
		defer cancel()
		r, err := l.apply(ctx)
		require.NoError(t, err)
		same(t, "states", map[apply.State]int{apply.Applied: 2, apply.StillRunning: 1}, states(r))
	})
}
