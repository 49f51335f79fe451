package apply_test

import (
	"context"
	"errors"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/poolsync/poolsync/internal/apply"
	"github.com/poolsync/poolsync/internal/sandbox"
	"github.com/poolsync/poolsync/internal/state"
)

// repository makes a repository without a remote, whose state branch is its own.
func repository(t *testing.T) string {
	t.Helper()
	if _, err := exec.LookPath("git"); err != nil {
		t.Skip("git is not installed")
	}
	dir := t.TempDir()
	require.NoError(t, exec.Command("git", "init", "-q", dir).Run())
	return dir
}

// commits counts the commits of the state branch.
func commits(t *testing.T, dir string) int {
	t.Helper()
	out, err := exec.Command("git", "-C", dir, "rev-list", "--count", state.DefaultBranch).Output()
	require.NoError(t, err)
	n, err := strconv.Atoi(strings.TrimSpace(string(out)))
	require.NoError(t, err)
	return n
}

// onBranch applies with the state on a branch, under its lease.
func (l *lab) onBranch(ctx context.Context, dir string) apply.Result {
	l.t.Helper()
	store := state.Git{Dir: dir, Now: l.now}
	held, err := store.Acquire(ctx, state.Holder{Who: "test", Run: "mine"})
	require.NoError(l.t, err)
	rec := state.NewRecorder(held, "apply: run test")
	r, err := l.run(ctx, l.client, rec)
	require.NoError(l.t, err)
	require.NoError(l.t, rec.Close(ctx))
	l.memory.Snapshot, err = store.Read(ctx)
	require.NoError(l.t, err)
	return r
}

// TestAnHourUnderALease: while jobs of fifty minutes are waited for, the lease of
// five is renewed, and nobody else gets the state.
func TestAnHourUnderALease(t *testing.T) {
	dir := repository(t)
	bubble(t, sandbox.Options{Latency: 50 * time.Minute}, func(t *testing.T, l *lab) {
		l.declared = many(3)
		done := make(chan struct{})
		refused := 0
		go func() {
			defer close(done)
			for range 7 {
				<-time.After(7 * time.Minute)
				_, err := state.Git{Dir: dir, Now: l.now}.Acquire(t.Context(), state.Holder{Who: "other"})
				if _, held := errors.AsType[*state.HeldError](err); held {
					refused++
				}
			}
		}()
		r := l.onBranch(t.Context(), dir)
		<-done
		same(t, "applied", 3, r.Count(apply.Applied))
		same(t, "others refused", 7, refused)
		bounded(t, "commits", commits(t, dir), 40)
		l.clean()
	})
}

// TestManyAppliesOnABranch: what an apply costs does not grow with those before it.
func TestManyAppliesOnABranch(t *testing.T) {
	dir := repository(t)
	bubble(t, sandbox.Options{Latency: 100 * time.Millisecond}, func(t *testing.T, l *lab) {
		l.declared = many(20)
		l.onBranch(t.Context(), dir)
		var pushes []int
		var calls []map[string]int
		for i := range 6 * *thorough {
			for n := range l.declared {
				l.declared[n].Snapshot = "label " + strconv.Itoa(i)
			}
			before := commits(t, dir)
			l.server.ClearLog()
			same(t, "applied", 20, l.onBranch(t.Context(), dir).Count(apply.Applied))
			made, _ := l.counts()
			pushes, calls = append(pushes, commits(t, dir)-before), append(calls, made)
		}
		last := len(pushes) - 1
		bounded(t, "commits of an apply", pushes[last], 6)
		same(t, "commits of the first and the last", pushes[0], pushes[last])
		same(t, "calls of the first and the last", calls[0], calls[last])
		l.clean()
	})
}
