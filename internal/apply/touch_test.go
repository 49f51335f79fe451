package apply_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/poolsync/poolsync/internal/apply"
	"github.com/poolsync/poolsync/internal/diff"
	"github.com/poolsync/poolsync/internal/pool"
	"github.com/poolsync/poolsync/internal/sandbox"
)

// TestOurOwnHaltedJobTouchesNothing: a job of ours that halted and moved
// dt_updated is no write of someone else.
func TestOurOwnHaltedJobTouchesNothing(t *testing.T) {
	bubble(t, sandbox.Options{}, func(t *testing.T, l *lab) {
		l.declared = []pool.Declared{declare("p", ref(1))}
		l.applied()
		<-time.After(time.Minute)
		l.fault("update itembank/pools#1=job-halt")
		l.declared = []pool.Declared{declare("p", ref(1), ref(2))}
		r, err := l.apply(t.Context())
		require.NoError(t, err)
		same(t, "outcome", apply.Failed, outcome(t, r, "p").State)
		// The bank stamps the pool when the job halts.
		require.NoError(t, l.server.EditPool(bankID, "p", func(*sandbox.PoolRecord) {}))
		l.applied()
		same(t, "touched", false, l.memory.Entries[l.declared[0].Key].Touched)
		l.clean()
	})
}

// TestReplicasThatLagTouchNothing: a read-back from a replica that does not show
// our job yet does not make that job look like someone else's later.
func TestReplicasThatLagTouchNothing(t *testing.T) {
	bubble(t, sandbox.Options{}, func(t *testing.T, l *lab) {
		l.declared = []pool.Declared{declare("p", ref(1))}
		l.applied()
		<-time.After(time.Minute)
		sw := l.server.Switches()
		sw.U19 = "8s"
		require.NoError(t, l.server.SetSwitches(sw))
		l.declared = []pool.Declared{declare("p", ref(1), ref(2))}
		l.applied()
		<-time.After(time.Minute)
		same(t, "touched", 0, l.plan().Count(diff.Touched))
		require.NoError(t, l.server.EditPool(bankID, "p", func(*sandbox.PoolRecord) {}))
		<-time.After(time.Minute)
		same(t, "touched by hand", 1, l.plan().Count(diff.Touched))
	})
}

// TestNothingShowsAtFirst: the answer to a creation is lost, and neither the job
// nor the pool shows for some seconds. It is not created again.
func TestNothingShowsAtFirst(t *testing.T) {
	bubble(t, sandbox.Options{}, func(t *testing.T, l *lab) {
		sw := l.server.Switches()
		sw.U16, sw.U19 = "6s", "6s"
		require.NoError(t, l.server.SetSwitches(sw))
		l.fault("set itembank/pools#1=cut-after")
		l.declared = []pool.Declared{declare("p", ref(1))}
		l.applied()
		same(t, "jobs", 1, l.started()["p"])
		l.clean()
	})
}
