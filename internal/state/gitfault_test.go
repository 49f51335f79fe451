package state_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/poolsync/poolsync/internal/pool"
	"github.com/poolsync/poolsync/internal/state"
)

func put(ref pool.Reference, text string) state.Change {
	return state.Change{Put: []pool.Entry{small(ref, text)}}
}

// TestGitMoved: of two that read the same state, the first commit of one only is
// taken. The other has recorded nothing, so it may start again.
func TestGitMoved(t *testing.T) {
	t.Parallel()
	g, _ := onBranch(t)
	for range 2 { // the branch is made, the branch is moved
		one, two := take(t, g), take(t, g)
		commit(t, one, put("a", "one"))
		err := two.Commit(t.Context(), "m", put("a", "two"))
		require.ErrorIs(t, err, state.ErrMoved)
		require.ErrorIs(t, two.Commit(t.Context(), "m", put("a", "two")), state.ErrMoved)
		r := state.NewRecorder(two, "apply")
		r.Put(small("a", "two"))
		require.ErrorIs(t, r.Close(t.Context()), state.ErrMoved)
		require.NoError(t, one.Close())
		same(t, "entry", small("a", "one"), look(t, g).Entries[key(505, "a")])
		_, err = os.Stat(recovery(g))
		same(t, "nothing to recover", true, os.IsNotExist(err))
	}
}

// TestGitLease: an expired lease is taken over, and whoever had it is refused.
func TestGitLease(t *testing.T) {
	t.Parallel()
	g, bare := onBranch(t)
	now := at
	g.Now = func() time.Time { return now }
	first := take(t, g)
	same(t, "before the first commit", time.Duration(0), first.(state.Leased).Remaining())
	commit(t, first, put("a", "one"))
	now = now.Add(4*time.Minute + 30*time.Second)
	same(t, "left", 30*time.Second, first.(state.Leased).Remaining())
	_, err := g.Acquire(t.Context(), state.Holder{Who: "ben"})
	require.ErrorContains(t, err, "until 2026-11-21T12:05:00Z")
	require.NoError(t, first.(state.Leased).Renew(t.Context()))
	same(t, "renewed", true, first.(state.Leased).Remaining() > 290*time.Second)
	now = now.Add(4 * time.Minute)
	commit(t, first, put("b", "one"))
	now = now.Add(5*time.Minute + time.Second)
	same(t, "run out", time.Duration(0), first.(state.Leased).Remaining())
	same(t, "seen by a reader", nil, look(t, g).Holder)

	s, err := g.Acquire(t.Context(), state.Holder{Who: "ben\nPoolsync-Run: forged", Where: "there", Run: "r2", Since: now})
	require.NoError(t, err)
	same(t, "taken over from", "ann", s.(state.Leased).TookOver().Who)
	require.Contains(t, s.(state.Leased).Notices()[0], "the lease of ann on here")
	commit(t, s, put("a", "two"))
	require.Contains(t, git(t, bare, "log", "-1", "--format=%B", tip), "The lease of ann on here since 2026-11-21T12:00:00Z (run r1), until 2026-11-21T12:13:30Z had run out and was taken over.")
	same(t, "trailer", "r2", git(t, bare, "log", "-1", "--format=%(trailers:key=Poolsync-Run,valueonly)", tip))
	err = first.Commit(t.Context(), "late", put("a", "late"))
	lost, ok := errors.AsType[*state.LostError](err)
	require.True(t, ok, "%v", err)
	same(t, "by", "there", lost.By.Where)
	require.NoError(t, first.Close())
	require.NoError(t, s.Close())
	same(t, "entry", small("a", "two"), look(t, g).Entries[key(505, "a")])
}

// TestGitLeaseRunsOut without anyone taking it: whoever had it goes on.
func TestGitLeaseRunsOut(t *testing.T) {
	t.Parallel()
	g, _ := onBranch(t)
	now := at
	g.Now = func() time.Time { return now }
	s := take(t, g)
	commit(t, s, put("a", "one"))
	now = now.Add(time.Hour)
	commit(t, s, put("a", "two"))
	same(t, "renewed", true, s.(state.Leased).Remaining() > 4*time.Minute)
	require.NoError(t, s.Close())
}

// TestGitFarFuture: such a lease is respected and named, and can be taken off.
func TestGitFarFuture(t *testing.T) {
	t.Parallel()
	g, _ := onBranch(t)
	wrong := g
	wrong.Now = func() time.Time { return at.AddDate(1, 0, 0) }
	s := take(t, wrong)
	commit(t, s, put("a", "one"))
	_, err := g.Acquire(t.Context(), state.Holder{})
	held, ok := errors.AsType[*state.HeldError](err)
	require.True(t, ok && held.Suspicious, "%v", err)
	require.ErrorContains(t, err, "until 2027-11-21T12:05:00Z; no run asks for more than 5m0s")
	require.Contains(t, held.Hint(), "poolsync state unlock")
	h, err := g.Unlock(t.Context())
	require.NoError(t, err)
	same(t, "who", "ann", h.Who)
	require.NoError(t, take(t, g).Close())
}

// TestGitLocalClock: whoever does not know the server's time takes no lease over,
// and does not overlook one.
func TestGitLocalClock(t *testing.T) {
	t.Parallel()
	g, _ := onBranch(t)
	commit(t, take(t, g), put("a", "one")) // and never gives it back
	ahead := g
	ahead.Now, ahead.LocalClock = func() time.Time { return at.Add(10 * time.Minute) }, true
	same(t, "seen by a reader", "ann", look(t, ahead).Holder.Who)
	_, err := ahead.Acquire(t.Context(), state.Holder{Who: "ben"})
	held, ok := errors.AsType[*state.HeldError](err)
	require.True(t, ok && held.Unsure, "%v", err)
	require.ErrorContains(t, err, "is held by ann on here since 2026-11-21T12:00:00Z (run r1), until 2026-11-21T12:05:00Z; by the local clock that is over")
	require.Contains(t, held.Hint(), "poolsync state unlock")
	_, err = state.Copy(t.Context(), ahead, inFolder(t), state.Holder{})
	held, ok = errors.AsType[*state.HeldError](err)
	require.True(t, ok && held.Unsure, "%v", err)
	ahead.Now = g.Now
	_, err = ahead.Acquire(t.Context(), state.Holder{Who: "ben"})
	held, ok = errors.AsType[*state.HeldError](err)
	require.True(t, ok && !held.Unsure, "%v", err)
	_, err = ahead.Unlock(t.Context())
	require.NoError(t, err)
	require.NoError(t, take(t, ahead).Close())
}

// fifo gives a pipe in a folder: whoever reads it waits for someone who writes.
func fifo(t *testing.T) string {
	t.Helper()
	path := filepath.Join(tempDir(t), "fifo")
	if err := exec.Command("mkfifo", path).Run(); err != nil {
		t.Skip("there is no mkfifo, so a hook cannot be made to wait")
	}
	return path
}

// TestGitAnswersLate: a remote that took the push in and did not say so.
func TestGitAnswersLate(t *testing.T) {
	t.Parallel() // it waits for a real timeout, long enough for git on a busy machine
	g, bare := onBranch(t)
	once := fifo(t)
	hook(t, bare, "post-receive", "if mv "+once+" "+once+".now; then cat "+once+".now; fi\n")
	g.Timeout = 4 * time.Second
	s := take(t, g)
	commit(t, s, put("a", "one"))
	_, err := os.Stat(once)
	same(t, "the hook waited", true, os.IsNotExist(err))
	commit(t, s, put("a", "two"))
	require.NoError(t, s.Close())
	same(t, "entry", small("a", "two"), look(t, g).Entries[key(505, "a")])
	same(t, "commits", "3", git(t, bare, "rev-list", "--count", tip))
}

// TestGitHangs: a run that has to end does not wait for a remote, and keeps what
// it could not push.
func TestGitHangs(t *testing.T) {
	t.Parallel()
	g, bare := onBranch(t)
	s := take(t, g)
	commit(t, s, state.Change{Put: []pool.Entry{pending("a", "")}})
	there := fifo(t)
	hook(t, bare, "pre-receive", "echo > "+there+"; cat "+fifo(t)+"; exit 1\n")
	r := state.NewRecorder(s, "apply")
	r.Put(pending("a", "j"))
	ctx, cancel := context.WithCancel(t.Context())
	left := make(chan time.Duration, 1)
	go func() {
		_, _ = os.ReadFile(there)            // waits for the hook
		left <- s.(state.Leased).Remaining() // while the push is under way
		cancel()
	}()
	err := r.Close(ctx)
	kept, ok := errors.AsType[*state.KeptError](err)
	require.True(t, ok, "%v", err)
	require.ErrorContains(t, err, "the answer of remote origin was not waited for: git push: broken off because the run was told to stop; the records")
	require.NotContains(t, kept.Hint(), "credentials")
	same(t, "asked without waiting", true, <-left > 4*time.Minute)
	data, err := os.ReadFile(recovery(g))
	require.NoError(t, err)
	require.Contains(t, string(data), `"job_reference": "j"`)
}

// TestGitOutOfReach: a remote that comes back is tried again; one that does not
// is named.
func TestGitOutOfReach(t *testing.T) {
	t.Parallel()
	g, bare := onBranch(t)
	s := take(t, g)
	commit(t, s, put("a", "one"))
	hook(t, bare, "pre-receive", "if [ ! -e tried ]; then touch tried; kill -9 $PPID; fi; cat >/dev/null\n")
	commit(t, s, put("a", "two"))
	require.NoError(t, os.Rename(bare, bare+"-away"))
	err := s.Commit(t.Context(), "m", put("a", "three"))
	push, ok := errors.AsType[*state.RemoteError](err)
	require.True(t, ok && !push.Refused, "%v", err)
	require.ErrorContains(t, err, "remote origin cannot be reached")
	require.ErrorContains(t, err, "does not appear to be a git repository")
	require.Contains(t, push.Hint(), "credentials")
	_, err = g.Read(t.Context())
	require.ErrorContains(t, err, "cannot be reached")
	require.NoError(t, os.Rename(bare+"-away", bare))
	require.ErrorIs(t, s.Commit(t.Context(), "m", put("a", "four")), push)
	require.NoError(t, s.Close())
	same(t, "entry", small("a", "two"), look(t, g).Entries[key(505, "a")])
}

// TestGitCredentials that the remote does not want are told at once, and not shown.
func TestGitCredentials(t *testing.T) {
	t.Parallel()
	g, _ := onBranch(t)
	var asked atomic.Int64
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		asked.Add(1)
		w.Header().Set("WWW-Authenticate", `Basic realm="git"`)
		w.WriteHeader(http.StatusUnauthorized)
	}))
	defer server.Close()
	for _, user := range []string{"", "bot:s3cret@"} {
		git(t, g.Dir, "remote", "set-url", "origin", strings.Replace(server.URL, "://", "://"+user, 1)+"/x.git")
		asked.Store(0)
		_, err := g.Acquire(t.Context(), state.Holder{})
		remote, ok := errors.AsType[*state.RemoteError](err)
		require.True(t, ok, "%v", err)
		if strings.Contains(err.Error(), "remote-http") {
			t.Skip("this git speaks no HTTP")
		}
		require.Regexp(t, "Authentication failed|could not read Username", err.Error())
		require.NotContains(t, err.Error(), "s3cret")
		require.Contains(t, remote.Hint(), "credentials")
		require.LessOrEqual(t, asked.Load(), int64(3))
	}
	// A remote that can be read, and whose credentials do not do for a push.
	g, _ = onBranch(t)
	git(t, g.Dir, "remote", "set-url", "--push", "origin", strings.Replace(server.URL, "://", "://bot:s3cret@", 1)+"/x.git")
	s := take(t, g)
	asked.Store(0)
	err := s.Commit(t.Context(), "m", put("a", "one"))
	remote, ok := errors.AsType[*state.RemoteError](err)
	require.True(t, ok && remote.Refused, "%v", err)
	require.LessOrEqual(t, asked.Load(), int64(3))
}

// TestGitBadInput: named, nothing written, what to do next; and what can be read
// is read.
func TestGitBadInput(t *testing.T) {
	g, good := onBranch(t)
	s := take(t, g)
	commit(t, s, state.Change{Put: []pool.Entry{small("a", ""), small("b", "")}})
	require.NoError(t, s.Close())
	entry := func(ref string) string {
		return sealed(`{"format":1,"organisation_id":505,"reference":"` + ref + `","set":"s","file":"f"}`)
	}
	for name, tt := range map[string]struct {
		files  map[string]string
		want   []string
		remedy string
		left   int
	}{
		"no JSON":          {map[string]string{"505/a.json": "{,"}, []string{"505/a.json: invalid character"}, "git log", 1},
		"truncated":        {map[string]string{"505/a.json": `{"format":1,"organi`}, []string{"505/a.json: it ends too early"}, "git revert", 1},
		"conflict markers": {map[string]string{"505/a.json": "<<<<<<< HEAD\n"}, []string{"505/a.json"}, "git log", 1},
		"edited by hand":   {map[string]string{"505/a.json": strings.Replace(entry("a"), "set", "Setting", 1)}, []string{`505/a.json: json: unknown field "Setting"`}, "git log", 1},
		"more behind":      {map[string]string{"505/a.json": entry("a") + "{}"}, []string{"505/a.json: there is more"}, "git log", 1},
		"another pool":     {map[string]string{"505/a.json": entry("x")}, []string{"505/a.json: it is of pool 505/x, whose place is 505/x.json"}, "git log", 1},
		"another bank":     {map[string]string{"606/c.json": entry("c")}, []string{"606/c.json: it is of pool 505/c"}, "git log", 2},
		"two of one pool":  {map[string]string{"505/b%20.json": entry("b")}, []string{"505/b%20.json"}, "git log", 2},
		"newer entry":      {map[string]string{"505/a.json": `{"format":2,"later":{}}`, "x": "y"}, []string{"505/a.json", "newer version"}, "newer one", 1},
		"newer state":      {map[string]string{"poolsync.json": `{"format":2,"later":1}`}, []string{"poolsync.json: it was written by a newer"}, "newer one", 2},
		"no state":         {map[string]string{"poolsync.json": `{}`}, []string{"format 0 is not"}, "git log", 2},
		"no head":          {map[string]string{"poolsync.json": ""}, []string{"poolsync.json: it is missing"}, "--state git:BRANCH", 2},
		"foreign files":    {map[string]string{"README.md": "hello", "505/sub/a.json": "{}", "0/a.json": "{}", "a b": "c"}, []string{`files that are not poolsync's: "0/a.json", "505/sub/a.json", "a b"`}, "--state git:BRANCH", 2},
		"damaged lease":    {map[string]string{"lease.json": "{}"}, []string{"lease.json: it names no end"}, "state unlock", 2},
		"several":          {map[string]string{"505/a.json": "x", "505/b.json": "y", "z": "z"}, []string{"505/a.json", "505/b.json", `"z"`}, "git log", 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g, bare := onBranch(t)
			require.NoError(t, os.RemoveAll(bare))
			require.NoError(t, os.CopyFS(bare, os.DirFS(good)))
			commitByHand(t, bare, state.DefaultBranch, tt.files)
			before := git(t, bare, "rev-parse", tip)
			snap, err := g.Read(t.Context())
			corrupt, ok := errors.AsType[*state.CorruptError](err)
			require.True(t, ok, "%v", err)
			require.ErrorContains(t, err, "state git:poolsync-state")
			for _, want := range tt.want {
				require.ErrorContains(t, err, want)
			}
			require.Contains(t, corrupt.Hint(), tt.remedy)
			same(t, "newer", strings.HasPrefix(name, "newer"), errors.Is(err, state.ErrNewerFormat))
			same(t, "what can be read", tt.left, len(snap.Entries))
			_, err = g.Acquire(t.Context(), state.Holder{})
			_, ok = errors.AsType[*state.CorruptError](err)
			same(t, "refused to a writer", true, ok)
			same(t, "nothing written", before, git(t, bare, "rev-parse", tip))
			if name == "damaged lease" {
				_, err := g.Unlock(t.Context())
				require.NoError(t, err)
				require.NoError(t, take(t, g).Close())
			}
		})
	}
}

// TestGitWrongBranch: a branch of code is not written to.
func TestGitWrongBranch(t *testing.T) {
	t.Parallel()
	g, bare := onBranch(t)
	g.Branch = "main"
	before := git(t, bare, "rev-parse", "main")
	_, err := g.Acquire(t.Context(), state.Holder{})
	require.ErrorContains(t, err, `not poolsync's: "pools.yaml"`)
	require.ErrorContains(t, err, "the branch holds no state")
	same(t, "nothing written", before, git(t, bare, "rev-parse", "main"))
	var told []string
	g.Tell = func(text string) { told = append(told, text) }
	same(t, "read as empty", 0, len(look(t, g).Entries))
	same(t, "told", []string{`branch main holds no state, and files that are not poolsync's: "pools.yaml"`}, told)
}

// TestGitPapers: a branch that was made by hand, to be protected, is an empty state,
// and what lies on it stays there.
func TestGitPapers(t *testing.T) {
	t.Parallel()
	g, bare := onBranch(t)
	for branch, files := range map[string]map[string]string{
		"readme": {"README.md": "hello", ".gitignore": "x", ".github/CODEOWNERS": "y", "LICENSE": "z"},
		"empty":  {},
	} {
		commitByHand(t, bare, branch, files)
		g.Branch = branch
		same(t, branch, 0, len(look(t, g).Entries))
		s := take(t, g)
		commit(t, s, put("a", "one"))
		require.NoError(t, s.Close())
		same(t, branch, 1, len(look(t, g).Entries))
		same(t, "kept", len(files)+2, len(strings.Fields(git(t, bare, "ls-tree", "-r", "--name-only", branch))))
	}
}

// TestGitAlike: of two runs that are alike in all but their nonce, at the same
// moment, one has the state.
func TestGitAlike(t *testing.T) {
	t.Parallel()
	g, bare := onBranch(t)
	other := another(t, g, bare)
	for range 2 { // the branch is made, the branch is moved
		one, two := take(t, g), take(t, other)
		commit(t, one, put("a", "same"))
		require.ErrorIs(t, two.Commit(t.Context(), "test", put("a", "same")), state.ErrMoved)
		require.NoError(t, two.Close())
		require.NoError(t, one.Close())
	}
}

// TestGitTime: where the server's time cannot be trusted, nobody takes over and
// nobody begins to write.
func TestGitTime(t *testing.T) {
	t.Parallel()
	g, bare := onBranch(t)
	commit(t, take(t, g), put("a", "one")) // and never gives it back
	g.Now = func() time.Time { return at.Add(time.Hour) }
	trusted := errors.New("not trusted")
	g.Confirm = func(context.Context) error { return trusted }
	before := git(t, bare, "rev-parse", tip)
	same(t, "seen by a reader", "ann", look(t, g).Holder.Who)
	_, err := g.Acquire(t.Context(), state.Holder{})
	require.ErrorIs(t, err, trusted)
	trusted = nil
	s := take(t, g)
	trusted = errors.New("not any more")
	require.ErrorIs(t, s.Commit(t.Context(), "m", put("a", "two")), trusted)
	require.NoError(t, s.Close())
	same(t, "nothing written", before, git(t, bare, "rev-parse", tip))
	trusted = nil
	s = take(t, g)
	commit(t, s, put("a", "two"))
	trusted = errors.New("not any more")
	commit(t, s, put("a", "three")) // what was done is recorded
	require.NoError(t, s.Close())
}

// TestGitLost: a state that is gone is told, with the lines that bring it back.
func TestGitLost(t *testing.T) {
	t.Parallel()
	g, bare := onBranch(t)
	s := take(t, g)
	commit(t, s, put("a", "one"))
	require.NoError(t, s.Close())
	old := git(t, bare, "rev-parse", tip)
	git(t, bare, "update-ref", "-d", "refs/heads/"+state.DefaultBranch)
	var told []string
	g.Tell = func(text string) { told = append(told, text) }
	snap := look(t, g)
	require.Len(t, snap.Losses, 1)
	same(t, "told", []string{snap.Losses[0].String()}, told)
	require.Contains(t, told[0], "the state is lost: remote origin has no branch poolsync-state any more")
	// Whoever goes on all the same begins anew, and loses nothing by it.
	s = take(t, g)
	commit(t, s, put("b", "two"))
	require.NoError(t, s.Close())
	same(t, "anew", 1, len(look(t, g).Entries))
	loss := look(t, g).Losses[0]
	require.Contains(t, loss.What, "begun anew")
	out, err := exec.Command(loss.Restore[0], loss.Restore[1:]...).CombinedOutput()
	require.NoError(t, err, "%s: %s", loss.Restore, out)
	same(t, "back", old, git(t, bare, "rev-parse", tip))
	loss = look(t, g).Losses[0]
	out, err = exec.Command(loss.Forget[0], loss.Forget[1:]...).CombinedOutput()
	require.NoError(t, err, "%s: %s", loss.Forget, out)
	same(t, "nothing to tell", 0, len(look(t, g).Losses))
	same(t, "entries", small("a", "one"), look(t, g).Entries[key(505, "a")])
}
