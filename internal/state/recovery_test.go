package state_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/poolsync/poolsync/internal/pool"
	"github.com/poolsync/poolsync/internal/state"
)

// recovery is where a clone keeps what could not be pushed.
func recovery(g state.Git) string {
	return filepath.Join(g.Dir, ".git", "poolsync", "recovery-poolsync-state.json")
}

// pending gives an entry with a call under way.
func pending(ref pool.Reference, job pool.JobReference) pool.Entry {
	e := full(key(505, ref))
	e.Pending.Run, e.Pending.Job, e.Pending.At = "r1", job, at
	return e
}

func ended(ref pool.Reference) pool.Entry {
	e := pending(ref, "")
	e.Pending, e.LastError, e.AppliedAt = nil, "", new(at.Add(time.Minute))
	return e
}

// TestGitRefuses: a remote that refuses after calls were made. What happened is
// told, kept, and picked up by the next run there, unless the branch knows better.
func TestGitRefuses(t *testing.T) {
	t.Parallel()
	g, bare := onBranch(t)
	s := take(t, g)
	r := state.NewRecorder(s, "apply: run r1")
	r.Put(pending("a", ""), pending("b", ""), pending("c", ""), pending("d", ""))
	require.NoError(t, r.Flush())
	hook(t, bare, "pre-receive", "echo 'branch is protected: https://bot:tok3n@example.org/rules' >&2; exit 1\n")
	r.Put(pending("a", "j"), ended("b"), small("new", "one"))
	err := r.Flush()
	kept, ok := errors.AsType[*state.KeptError](err)
	require.True(t, ok, "%v", err)
	refused, ok := errors.AsType[*state.RemoteError](err)
	require.True(t, ok && refused.Refused, "%v", err)
	require.ErrorContains(t, err, "branch is protected: https://***@example.org/rules")
	require.ErrorContains(t, err, "kept in "+recovery(g))
	require.Contains(t, kept.Hint(), "give this identity the right to push")
	require.Error(t, r.Err())
	same(t, "left", time.Duration(0), r.Remaining())
	require.Error(t, r.Renew(t.Context()))
	r.Put(ended("a"))
	r.Delete(key(505, "c"))
	require.Error(t, r.Close(t.Context()))
	info, err := os.Stat(recovery(g))
	require.NoError(t, err)
	same(t, "mode", "-rw-------", info.Mode().Perm().String())

	elsewhere := another(t, g, bare)
	same(t, "its lease still holds", true, isHeldFrom(t, elsewhere))
	require.NoError(t, os.Remove(filepath.Join(bare, "hooks", "pre-receive")))
	later := func() time.Time { return at.Add(time.Hour) }
	elsewhere.Now, g.Now = later, later
	other := take(t, elsewhere)
	commit(t, other, put("b", "settled elsewhere"))
	require.NoError(t, other.Close())

	want := map[pool.Key]pool.Entry{key(505, "a"): ended("a"), key(505, "b"): small("b", "settled elsewhere"), key(505, "d"): pending("d", "")}
	s = take(t, g)
	same(t, "taken up", want, s.Snapshot().Entries)
	require.Contains(t, s.(state.Leased).Notices()[0], "2 records that an earlier run here could not push are taken up")
	same(t, "not yet pushed", 4, len(look(t, g).Entries))
	require.NoError(t, s.Close()) // a run with no changes of its own
	same(t, "pushed", want, look(t, g).Entries)
	_, err = os.Stat(recovery(g))
	same(t, "file removed", true, os.IsNotExist(err))
	same(t, "nothing more to say", nil, take(t, g).(state.Leased).Notices())
}

// another gives the store in another clone.
func another(t *testing.T, g state.Git, bare string) state.Git {
	t.Helper()
	g.Dir += "-2"
	git(t, bare, "clone", "--quiet", bare, g.Dir)
	return g
}

// isHeldFrom reports whether a run in a clone is refused for another's lease.
func isHeldFrom(t *testing.T, g state.Git) bool {
	t.Helper()
	_, err := g.Acquire(t.Context(), state.Holder{Who: "ben"})
	_, held := errors.AsType[*state.HeldError](err)
	return held
}

// TestGitOwnLease: a run that ended and could not give its lease back is no reason
// to wait for the next one in the same clone; but it is while that run goes on.
func TestGitOwnLease(t *testing.T) {
	t.Parallel()
	g, bare := onBranch(t)
	r := state.NewRecorder(take(t, g), "apply: run r1")
	r.Put(pending("a", ""), pending("b", ""))
	require.NoError(t, r.Flush())
	hook(t, bare, "pre-receive", "exit 1\n")
	r.Put(ended("a"))
	require.Error(t, r.Flush())
	same(t, "kept while the run goes on", true, strings.Contains(fileText(t, recovery(g)), `"reference": "a"`))
	same(t, "held while the run goes on", true, isHeldFrom(t, g))
	require.Error(t, r.Close(t.Context()))
	same(t, "held elsewhere", true, isHeldFrom(t, another(t, g, bare)))

	text := fileText(t, recovery(g))
	mine := fmt.Sprintf(`"process": %d`, os.Getpid())
	require.Contains(t, text, mine)
	living := strings.Replace(text, mine, fmt.Sprintf(`"process": %d`, os.Getppid()), 1)
	require.NoError(t, os.WriteFile(recovery(g), []byte(living), 0o600))
	same(t, "held by a process that lives", true, isHeldFrom(t, g))
	require.NoError(t, os.WriteFile(recovery(g), []byte(strings.ReplaceAll(text, `"run": "r1"`, `"run": "r0"`)), 0o600))
	same(t, "held by another run", true, isHeldFrom(t, g))
	require.NoError(t, os.WriteFile(recovery(g), []byte(text), 0o600))

	require.NoError(t, os.Remove(filepath.Join(bare, "hooks", "pre-receive")))
	s := take(t, g)
	same(t, "taken over from", "r1", s.(state.Leased).TookOver().Run)
	require.Contains(t, s.(state.Leased).Notices()[0], "the lease of ann on here since 2026-11-21T12:00:00Z (run r1), until 2026-11-21T12:05:00Z is that of a run here that has ended, and is taken over")
	require.Contains(t, s.(state.Leased).Notices()[1], "1 record that an earlier run here could not push is taken up")
	commit(t, s, put("c", "one"))
	require.Contains(t, git(t, bare, "log", "-1", "--format=%B", tip), "was that of a run that had ended, and was taken over.")
	require.NoError(t, s.Close())
	same(t, "given back", nil, look(t, g).Holder)
	same(t, "pushed", ended("a"), look(t, g).Entries[key(505, "a")])
	_, err := os.Stat(recovery(g))
	same(t, "file removed", true, os.IsNotExist(err))
}

func fileText(t *testing.T, path string) string {
	t.Helper()
	data, err := os.ReadFile(path)
	require.NoError(t, err)
	return string(data)
}

// TestGitNotGivenBack: everything was pushed, and then the remote is too slow for
// a run that has to end. The next run there gives the lease back, even if it has
// nothing to record.
func TestGitNotGivenBack(t *testing.T) {
	t.Parallel()
	g, bare := onBranch(t)
	r := state.NewRecorder(take(t, g), "apply: run r1")
	r.Put(small("a", "one"))
	require.NoError(t, r.Flush())
	there := fifo(t)
	hook(t, bare, "pre-receive", "echo > "+there+"; cat "+fifo(t)+"; exit 1\n")
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		_, _ = os.ReadFile(there) // waits for the hook
		cancel()
	}()
	require.NoError(t, r.Close(ctx))
	require.NoError(t, os.Remove(filepath.Join(bare, "hooks", "pre-receive")))
	same(t, "held elsewhere", true, isHeldFrom(t, another(t, g, bare)))
	s := take(t, g)
	same(t, "notices", 1, len(s.(state.Leased).Notices()))
	require.NoError(t, s.Close())
	same(t, "given back", nil, look(t, g).Holder)
	_, err := os.Stat(recovery(g))
	same(t, "file removed", true, os.IsNotExist(err))
	same(t, "nothing more to say", nil, take(t, g).(state.Leased).Notices())
}

// TestGitRecoveryGoesWithTheNextCommit, and what the run itself records is newer.
func TestGitRecoveryGoesWithTheNextCommit(t *testing.T) {
	t.Parallel()
	g, bare := onBranch(t)
	s := take(t, g)
	commit(t, s, state.Change{Put: []pool.Entry{pending("a", ""), pending("b", "")}})
	hook(t, bare, "update", "exit 1\n")
	r := state.NewRecorder(s, "apply")
	r.Put(pending("a", "j"), pending("b", "j"))
	require.Error(t, r.Close(t.Context()))
	require.NoError(t, os.Remove(filepath.Join(bare, "hooks", "update")))
	g.Now = func() time.Time { return at.Add(time.Hour) }
	r = state.NewRecorder(take(t, g), "apply: run r2")
	r.Put(ended("a"))
	require.NoError(t, r.Close(t.Context()))
	same(t, "pushed", map[pool.Key]pool.Entry{key(505, "a"): ended("a"), key(505, "b"): pending("b", "j")}, look(t, g).Entries)
	require.NoError(t, os.WriteFile(recovery(g), []byte(`{"format":9}`), 0o600))
	_, err := g.Acquire(t.Context(), state.Holder{})
	require.ErrorIs(t, err, state.ErrNewerFormat)
	require.ErrorContains(t, err, recovery(g))
}

// TestGitRefusesAtOnce: nothing was recorded, so nothing is kept.
func TestGitRefusesAtOnce(t *testing.T) {
	t.Parallel()
	g, bare := onBranch(t)
	hook(t, bare, "pre-receive", "exit 1\n")
	r := state.NewRecorder(take(t, g), "apply")
	r.Put(pending("a", ""))
	err := r.Close(t.Context())
	_, kept := errors.AsType[*state.KeptError](err)
	same(t, "kept", false, kept)
	_, push := errors.AsType[*state.RemoteError](err)
	same(t, "refused", true, push)
}
