//go:build unix

package state_test

import (
	"fmt"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/poolsync/poolsync/internal/pool"
	"github.com/poolsync/poolsync/internal/state"
)

// cpu is the processor time of this process and of all git commands so far.
func cpu(t testing.TB) time.Duration {
	t.Helper()
	var sum time.Duration
	for _, who := range []int{syscall.RUSAGE_SELF, syscall.RUSAGE_CHILDREN} {
		var u syscall.Rusage
		require.NoError(t, syscall.Getrusage(who, &u))
		sum += time.Duration(u.Utime.Nano() + u.Stime.Nano())
	}
	return sum
}

// tenThousand gives a branch of 10,000 entries of ordinary size, in a new clone.
func tenThousand(t testing.TB) (state.Git, string, []pool.Entry) {
	t.Helper()
	g, bare := onBranch(t)
	var all []pool.Entry
	for i := range 10_000 {
		e := full(key(505, pool.Reference(fmt.Sprintf("pool-%05d", i))))
		e.Pending = nil
		all = append(all, e)
	}
	s := take(t, g)
	commit(t, s, state.Change{Put: all})
	require.NoError(t, s.Close())
	return g, bare, all
}

// BenchmarkGitRead reads 10,000 entries as a run on a machine that has the branch
// already.
func BenchmarkGitRead(b *testing.B) {
	g, _, _ := tenThousand(b)
	begun := cpu(b)
	for b.Loop() {
		require.Len(b, look(b, g).Entries, 10_000)
	}
	b.ReportMetric(float64((cpu(b)-begun).Milliseconds())/float64(b.N), "cpu-ms/op")
}

// BenchmarkGitFetch reads 10,000 entries in a new shallow clone, as CI does.
func BenchmarkGitFetch(b *testing.B) {
	g, bare, _ := tenThousand(b)
	var spent time.Duration
	for i := 0; b.Loop(); i++ {
		b.StopTimer()
		g.Dir = fmt.Sprint(bare, i)
		git(b, bare, "clone", "--quiet", "--depth=1", "file://"+bare, g.Dir)
		begun := cpu(b)
		b.StartTimer()
		require.Len(b, look(b, g).Entries, 10_000)
		b.StopTimer()
		spent += cpu(b) - begun
		b.StartTimer()
	}
	b.ReportMetric(float64(spent.Milliseconds())/float64(b.N), "cpu-ms/op")
}

// BenchmarkGitCommit changes 1,000 of 10,000 entries and commits them.
func BenchmarkGitCommit(b *testing.B) {
	g, _, all := tenThousand(b)
	s := take(b, g)
	commit(b, s, state.Change{Put: all[:1]})
	begun := cpu(b)
	for i := 0; b.Loop(); i++ {
		changed := make([]pool.Entry, 1000)
		for j := range changed {
			changed[j] = all[j*10]
			changed[j].LastError = fmt.Sprint(i)
		}
		commit(b, s, state.Change{Put: changed})
	}
	b.ReportMetric(float64((cpu(b)-begun).Milliseconds())/float64(b.N), "cpu-ms/op")
	require.NoError(b, s.Close())
}
