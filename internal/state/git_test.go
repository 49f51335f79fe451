package state_test

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/poolsync/poolsync/internal/pool"
	"github.com/poolsync/poolsync/internal/state"
)

// runWorker is what this program does when it is started as a worker.
var runWorker func() (bool, error)

func TestMain(m *testing.M) {
	if runWorker != nil {
		if was, err := runWorker(); was {
			if err != nil {
				fmt.Fprintln(os.Stderr, err)
				os.Exit(1)
			}
			os.Exit(0)
		}
	}
	if err := flag.Set("test.parallel", "6"); err != nil { // most of the time, git is waited for
		panic(err)
	}
	for name, value := range map[string]string{"GIT_CONFIG_NOSYSTEM": "1", "GIT_CONFIG_GLOBAL": os.DevNull, "GIT_TEMPLATE_DIR": ""} {
		if err := os.Setenv(name, value); err != nil { // for all tests, so that they can run side by side
			panic(err)
		}
	}
	os.Exit(inTemp(m.Run))
}

// temp holds the folders of all tests. They are removed together at the end: some
// file systems are slow to make files where others were just removed.
var temp string

func inTemp(run func() int) int {
	var err error
	if temp, err = os.MkdirTemp("", "state"); err != nil {
		panic(err)
	}
	defer func() { _ = os.RemoveAll(temp) }()
	return run()
}

func tempDir(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp(temp, "")
	require.NoError(t, err)
	return dir
}

// git runs git and gives what it prints.
func git(t testing.TB, dir string, args ...string) string {
	t.Helper()
	out, err := tryGit(dir, args...)
	require.NoError(t, err, "git %v: %s", args, out)
	return out
}

func tryGit(dir string, args ...string) (string, error) {
	cmd := exec.Command("git", args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GIT_AUTHOR_NAME=t", "GIT_AUTHOR_EMAIL=t@t", "GIT_COMMITTER_NAME=t", "GIT_COMMITTER_EMAIL=t@t")
	out, err := cmd.CombinedOutput()
	return strings.TrimSpace(string(out)), err
}

// remoteRepo makes a bare repository with one commit on main, and a clone of it
// without a user's name.
func remoteRepo(t testing.TB) (bare, clone string) {
	t.Helper()
	if _, err := exec.LookPath("git"); err != nil {
		t.Skip("git is not installed, so the git store cannot be tested")
	}
	dir := tempDir(t)
	bare, clone = filepath.Join(dir, "bare.git"), filepath.Join(dir, "clone")
	git(t, dir, "init", "--quiet", "--bare", "--initial-branch=main", bare)
	commitByHand(t, bare, "main", map[string]string{"pools.yaml": "one"})
	commitByHand(t, bare, "main", map[string]string{"pools.yaml": "two"})
	git(t, dir, "clone", "--quiet", bare, clone)
	return bare, clone
}

// commitByHand puts files onto a branch without poolsync's help, "" removes one.
func commitByHand(t testing.TB, repo, branch string, files map[string]string) {
	t.Helper()
	var in strings.Builder
	fmt.Fprintf(&in, "commit refs/heads/%s\ncommitter t <t@t> now\ndata 7\nby hand\n", branch)
	if _, err := tryGit(repo, "rev-parse", "--verify", "--quiet", "refs/heads/"+branch); err == nil {
		fmt.Fprintf(&in, "from refs/heads/%s^0\n", branch)
	}
	for path, text := range files {
		if text == "" {
			fmt.Fprintf(&in, "D %q\n", path)
			continue
		}
		fmt.Fprintf(&in, "M 644 inline %q\ndata %d\n%s\n", path, len(text), text)
	}
	cmd := exec.Command("git", "fast-import", "--quiet", "--date-format=now")
	cmd.Dir, cmd.Stdin = repo, strings.NewReader(in.String())
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, "%s", out)
}

// onBranch gives a store on a branch of a new remote.
func onBranch(t testing.TB) (state.Git, string) {
	t.Helper()
	bare, clone := remoteRepo(t)
	return state.Git{Dir: clone, Now: func() time.Time { return at }, Pause: time.Millisecond}, bare
}

// hook puts a hook into a bare repository.
func hook(t testing.TB, bare, name, script string) {
	t.Helper()
	require.NoError(t, os.MkdirAll(filepath.Join(bare, "hooks"), 0o700))
	require.NoError(t, os.WriteFile(filepath.Join(bare, "hooks", name), []byte("#!/bin/sh\n"+script), 0o700))
}

// take is acquire for any store.
func take(t testing.TB, s state.Store) state.Session {
	t.Helper()
	session, err := s.Acquire(t.Context(), state.Holder{Who: "ann", Where: "here", Run: "r1", Since: at})
	require.NoError(t, err)
	return session
}

func look(t testing.TB, s state.Store) state.Snapshot {
	t.Helper()
	snap, err := s.Read(t.Context())
	require.NoError(t, err)
	return snap
}

const tip = "refs/heads/" + state.DefaultBranch

// untouched gives all of a work tree that the git store must not change.
func untouched(t testing.TB, dir string) string {
	t.Helper()
	var all strings.Builder
	for _, args := range [][]string{
		{"status", "--porcelain=v2", "--branch", "--ignored"},
		{"stash", "list"},
		{"config", "--list", "--local"},
		{"for-each-ref", "refs/heads", "refs/tags", "refs/remotes"},
		{"reflog"},
	} {
		for line := range strings.Lines(git(t, dir, args...)) {
			if !strings.HasSuffix(strings.TrimSpace(line), "refs/remotes/origin/"+state.DefaultBranch) { // git's own note of what it pushed
				all.WriteString(strings.TrimSpace(line) + "\n")
			}
		}
	}
	for _, name := range []string{"HEAD", "index", "FETCH_HEAD", "shallow"} {
		data, err := os.ReadFile(filepath.Join(dir, ".git", name))
		if name == "shallow" {
			data = []byte{byte(min(len(data), 1))} // whether, not what
		}
		all.WriteString(name + string(data) + "|")
		_ = err
	}
	return all.String()
}

// TestGitCheckouts: every kind of checkout works, and stays as it is.
func TestGitCheckouts(t *testing.T) {
	for name, prepare := range map[string]func(t *testing.T, bare, clone string) string{
		"clone": func(_ *testing.T, _, clone string) string { return clone },
		"folder, detached, changed files": func(t *testing.T, _, clone string) string {
			git(t, clone, "checkout", "--quiet", "--detach")
			require.NoError(t, os.WriteFile(filepath.Join(clone, "pools.yaml"), []byte("staged"), 0o600))
			git(t, clone, "add", ".")
			require.NoError(t, os.WriteFile(filepath.Join(clone, "pools.yaml"), []byte("changed"), 0o600))
			sub := filepath.Join(clone, "pools")
			require.NoError(t, os.Mkdir(sub, 0o700))
			return sub
		},
		"shallow": func(t *testing.T, bare, clone string) string {
			git(t, clone, "clone", "--quiet", "--depth=1", "file://"+bare, clone+"-2")
			require.Equal(t, "true", git(t, clone+"-2", "rev-parse", "--is-shallow-repository"))
			return clone + "-2"
		},
		"like CI": func(t *testing.T, bare, clone string) string {
			dir := clone + "-2"
			git(t, filepath.Dir(clone), "init", "--quiet", dir)
			git(t, dir, "remote", "add", "origin", "file://"+bare)
			git(t, dir, "fetch", "--quiet", "--no-tags", "--depth=1", "origin", "+"+git(t, clone, "rev-parse", "HEAD")+":refs/remotes/pull/1/merge")
			git(t, dir, "checkout", "--quiet", "--force", "refs/remotes/pull/1/merge")
			return dir
		},
		"blobless": func(t *testing.T, bare, clone string) string {
			git(t, bare, "config", "uploadpack.allowFilter", "true")
			git(t, clone, "clone", "--quiet", "--filter=blob:none", "file://"+bare, clone+"-2")
			return clone + "-2"
		},
		"work tree": func(t *testing.T, _, clone string) string {
			git(t, clone, "worktree", "add", "--quiet", "--detach", clone+"-2")
			return clone + "-2"
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			bare, clone := remoteRepo(t)
			dir := prepare(t, bare, clone)
			top := git(t, dir, "rev-parse", "--show-toplevel")
			isTree := name != "work tree"
			before := ""
			if isTree {
				before = untouched(t, top)
			}
			g := state.Git{Dir: dir, Now: func() time.Time { return at }}
			same(t, "no branch yet", 0, len(look(t, g).Entries))
			for i, text := range []string{"one", "two"} {
				s := take(t, g)
				same(t, "entries so far", min(i, 1), len(s.Snapshot().Entries))
				commit(t, s, state.Change{Put: []pool.Entry{small("a", text)}})
				commit(t, s, state.Change{Put: []pool.Entry{small("a", text+"!")}})
				require.NoError(t, s.Close())
				same(t, "read again", small("a", text+"!"), look(t, g).Entries[key(505, "a")])
			}
			other := state.Git{Dir: clone, Now: g.Now}
			same(t, "read elsewhere", look(t, g).Entries, look(t, other).Entries)
			s := take(t, other)
			commit(t, s, state.Change{Put: []pool.Entry{small("b", "elsewhere")}})
			require.NoError(t, s.Close())
			same(t, "read from elsewhere", 2, len(look(t, g).Entries))
			s = take(t, g)
			commit(t, s, state.Change{Put: []pool.Entry{small("c", "here")}})
			require.NoError(t, s.Close())
			same(t, "commits", "10", git(t, bare, "rev-list", "--count", tip))
			if isTree {
				same(t, "checkout", before, untouched(t, top))
			}
			same(t, "private references", "refs/poolsync/seen/poolsync-state", git(t, dir, "for-each-ref", "--format=%(refname)", "refs/poolsync"))
			git(t, bare, "fsck", "--strict")
		})
	}
}

// TestGitLocal: in a repository without remotes the state is a local branch.
func TestGitLocal(t *testing.T) {
	t.Parallel()
	_, clone := remoteRepo(t)
	git(t, clone, "remote", "remove", "origin")
	g := state.Git{Dir: clone}
	s := take(t, g)
	late := take(t, g)
	commit(t, s, state.Change{Put: []pool.Entry{small("a", "one")}})
	require.ErrorIs(t, late.Commit(t.Context(), "late", state.Change{Put: []pool.Entry{small("a", "two")}}), state.ErrMoved)
	require.NoError(t, late.Close())
	require.NoError(t, s.Close())
	same(t, "entry", small("a", "one"), look(t, g).Entries[key(505, "a")])
	git(t, clone, "checkout", "--quiet", state.DefaultBranch)
	_, err := g.Read(t.Context())
	require.ErrorContains(t, err, "is checked out")
	git(t, clone, "checkout", "--quiet", "main")
	git(t, clone, "worktree", "add", "--quiet", clone+" 2", state.DefaultBranch)
	_, err = g.Acquire(t.Context(), state.Holder{})
	require.ErrorContains(t, err, "branch poolsync-state is checked out in ")
	require.ErrorContains(t, err, "clone 2")
}

// TestGitBranchTree: the branch can be read by people.
func TestGitBranchTree(t *testing.T) {
	t.Parallel()
	g, bare := onBranch(t)
	s := take(t, g)
	odd := key(pool.Primary, "a/b.c ~%")
	hidden, long := key(505, ".."), key(505, pool.Reference(strings.Repeat("/", 150)))
	commit(t, s, state.Change{Put: []pool.Entry{full(key(505, "ela-district-a")), full(odd), full(hidden), full(long)}, KeyHash: "h"})
	files := strings.Split(git(t, bare, "ls-tree", "-r", "--name-only", tip), "\n")
	want := []string{"505/%2E..json", "505/" + strings.Repeat("%2F", 55) + "%2~", "505/ela-district-a.json", "lease.json", "poolsync.json", "primary/a%2Fb.c%20%7E%25.json"}
	files[1] = strings.Split(files[1], "~")[0] + "~"
	same(t, "files", want, files)
	same(t, "head", "{\n \"format\": 1,\n \"primary_key_sha256\": \"h\"\n}", git(t, bare, "show", tip+":poolsync.json"))
	require.NoError(t, s.Close())
	same(t, "lease given back", false, strings.Contains(git(t, bare, "ls-tree", "-r", tip), "lease.json"))
	got := look(t, g)
	same(t, "entries", 4, len(got.Entries))
	same(t, "odd", full(odd), got.Entries[odd])
	same(t, "long", full(long), got.Entries[long])
	same(t, "no HTML escapes", true, strings.Contains(git(t, bare, "show", tip+":505/ela-district-a.json"), "<"))
	same(t, "author", "poolsync <poolsync@localhost> poolsync <poolsync@localhost>", git(t, bare, "log", "-1", "--format=%an <%ae> %cn <%ce>", tip))
	same(t, "a pool's life", 1, strings.Count(git(t, bare, "log", "--format=%s", tip, "--", "505/ela-district-a.json")+"\n", "\n"))
	same(t, "run", "r1", git(t, bare, "log", "-1", "--format=%(trailers:key=Poolsync-Run,valueonly)", tip))
}

// TestGitOldAndMissing: which git is needed, and what to do without.
func TestGitOldAndMissing(t *testing.T) {
	_, clone := remoteRepo(t)
	bin := tempDir(t)
	t.Setenv("PATH", bin)
	_, err := state.Git{Dir: clone}.Read(t.Context())
	require.ErrorContains(t, err, "git is not installed")
	require.ErrorContains(t, err, "--state file:PATH")
	require.NoError(t, os.WriteFile(filepath.Join(bin, "git"), []byte("#!/bin/sh\necho git version 2.29.9\n"), 0o700))
	_, err = state.Git{Dir: clone}.Acquire(t.Context(), state.Holder{})
	require.ErrorContains(t, err, "git version 2.29.9 is too old")
	require.ErrorContains(t, err, "2.30")
}

// TestGitNoRepository, and other places where there can be no state.
func TestGitNoRepository(t *testing.T) {
	t.Parallel()
	_, clone := remoteRepo(t)
	_, err := state.Git{Dir: tempDir(t)}.Read(t.Context())
	require.ErrorContains(t, err, "not a git repository")
	_, err = state.Git{Dir: clone, Branch: "a b"}.Read(t.Context())
	require.ErrorContains(t, err, `"a b" is no name of a branch`)
	_, err = state.Git{Dir: clone, Remote: "--upload-pack=x"}.Read(t.Context())
	require.ErrorContains(t, err, "no remote")
	git(t, clone, "remote", "rename", "origin", "one")
	git(t, clone, "remote", "add", "two", "nowhere")
	_, err = state.Git{Dir: clone}.Read(t.Context())
	require.ErrorContains(t, err, "which of the remotes one, two")
	git(t, clone, "config", "branch.poolsync-state.remote", "one")
	same(t, "said", 0, len(look(t, state.Git{Dir: clone}).Entries))
	_, err = state.Git{Dir: clone, Remote: "https://user:s3cret@localhost:1/x.git", Pause: time.Millisecond}.Read(t.Context())
	require.Error(t, err)
	same(t, "credentials in "+err.Error(), false, strings.Contains(err.Error(), "s3cret"))
}

// TestGitInsideAHook: variables that name another repository do not lead astray.
func TestGitInsideAHook(t *testing.T) {
	g, bare := onBranch(t)
	t.Setenv("GIT_DIR", filepath.Join(tempDir(t), "elsewhere"))
	t.Setenv("GIT_INDEX_FILE", "index.lock")
	s := take(t, g)
	commit(t, s, state.Change{Put: []pool.Entry{small("a", "one")}})
	require.NoError(t, s.Close())
	require.NoError(t, os.Unsetenv("GIT_DIR"))
	same(t, "commits", "2", git(t, bare, "rev-list", "--count", tip))
}

// TestGitTidiesUp after runs that died, and leaves those at work alone.
func TestGitTidiesUp(t *testing.T) {
	t.Parallel()
	g, _ := onBranch(t)
	working := fmt.Sprintf("refs/poolsync/run/%d-abc/work", time.Now().Unix())
	for _, ref := range []string{"refs/poolsync/run/1700000000-abc/work", "refs/poolsync/run/odd/tip", working} {
		git(t, g.Dir, "update-ref", ref, "HEAD")
	}
	look(t, g)
	same(t, "left", working, git(t, g.Dir, "for-each-ref", "--format=%(refname)", "refs/poolsync"))
}

// TestGitHooks of the local repository do not run, and those of the remote may
// print what they like.
func TestGitHooks(t *testing.T) {
	t.Parallel()
	g, bare := onBranch(t)
	ran := filepath.Join(tempDir(t), "ran")
	for _, name := range []string{"pre-push", "reference-transaction", "post-commit", "pre-auto-gc"} {
		hook(t, filepath.Join(g.Dir, ".git"), name, "echo hello; echo hello >&2; touch "+ran+"; exit 1\n")
	}
	for _, name := range []string{"pre-receive", "update", "post-receive"} {
		hook(t, bare, name, "cat >/dev/null; printf '!\\trefs/heads/x:y\\t[remote rejected] (no)\\n\\033[31mred\\a\\r'; echo done >&2\n")
	}
	git(t, g.Dir, "config", "push.followTags", "true")
	git(t, g.Dir, "config", "commit.gpgSign", "true")
	git(t, g.Dir, "config", "core.pager", "false")
	s := take(t, g)
	commit(t, s, state.Change{Put: []pool.Entry{small("a", "one")}})
	require.NoError(t, s.Close())
	same(t, "entries", 1, len(look(t, g).Entries))
	_, err := os.Stat(ran)
	same(t, "local hooks ran", true, os.IsNotExist(err))
}
