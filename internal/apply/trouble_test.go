package apply_test

import (
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
		r, err := l.applyWith(t.Context(), &touch{l.client, func() { l.fault("get itembank/items=500") }})
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
		same(t, "a rename would have to guess", "edit-would-refresh", l.plan().Changes[0].Blocked[0].Rule)
	})
}
