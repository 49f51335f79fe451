package git

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"
)

func TestMain(m *testing.M) {
	for name, value := range map[string]string{"GIT_CONFIG_NOSYSTEM": "1", "GIT_CONFIG_GLOBAL": os.DevNull, "GIT_TEMPLATE_DIR": ""} {
		if err := os.Setenv(name, value); err != nil {
			panic(err)
		}
	}
	os.Exit(m.Run())
}

// run runs git and gives what it prints.
func run(t testing.TB, dir string, args ...string) string {
	t.Helper()
	cmd := exec.Command("git", args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GIT_AUTHOR_NAME=t", "GIT_AUTHOR_EMAIL=t@t", "GIT_COMMITTER_NAME=t", "GIT_COMMITTER_EMAIL=t@t")
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, "git %v: %s", args, out)
	return strings.TrimSpace(string(out))
}

// clones makes a bare repository with a branch of some files, and a clone.
func clones(t testing.TB, files int, options ...string) (bare, clone string) {
	t.Helper()
	if _, err := exec.LookPath("git"); err != nil {
		t.Skip("git is not installed")
	}
	dir := t.TempDir()
	bare, clone = filepath.Join(dir, "bare.git"), filepath.Join(dir, "clone")
	run(t, dir, "init", "--quiet", "--bare", "--initial-branch=main", bare)
	run(t, bare, "config", "uploadpack.allowFilter", "true")
	var in strings.Builder
	fmt.Fprintf(&in, "commit refs/heads/kept\ncommitter t <t@t> 1 +0000\ndata 3\none\n")
	for i := range files {
		text := fmt.Sprintf("text %d\n", i)
		fmt.Fprintf(&in, "M 644 inline d/f%03d\ndata %d\n%s\n", i, len(text), text)
	}
	in.WriteString("reset refs/heads/main\nfrom refs/heads/kept\n\n")
	cmd := exec.Command("git", "fast-import", "--quiet")
	cmd.Dir, cmd.Stdin = bare, strings.NewReader(in.String())
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, "%s", out)
	run(t, dir, append(append([]string{"clone", "--quiet"}, options...), "file://"+bare, clone)...)
	return bare, clone
}

func open(t testing.TB, dir, name string) Branch {
	t.Helper()
	r, err := Open(t.Context(), dir, 0, nil)
	require.NoError(t, err)
	t.Cleanup(r.Close)
	b, err := r.Branch(t.Context(), name, "")
	require.NoError(t, err)
	b.Pause = time.Millisecond
	return b
}

func all(o []Object) []Object { return o }

// content reads the branch as it is now.
func content(t testing.TB, b Branch) (string, int, []Lost) {
	t.Helper()
	tip, lost, err := b.Fetch(t.Context())
	require.NoError(t, err)
	if tip == "" {
		return "", 0, lost
	}
	objects, blobs, err := b.Files(t.Context(), tip, all)
	require.NoError(t, err)
	for i, o := range objects {
		require.Contains(t, string(blobs[i]), "text", o.Path)
	}
	b.Tidy(t.Context(), tip)
	return tip, len(blobs), lost
}

// TestPartialClone: what is missing comes in one fetch, and not one by one.
func TestPartialClone(t *testing.T) {
	for _, filter := range []string{"blob:none", "tree:0"} {
		t.Run(filter, func(t *testing.T) {
			_, clone := clones(t, 300, "--filter="+filter, "--no-checkout")
			_, n, _ := content(t, open(t, clone, "kept"))
			require.Equal(t, 300, n)
			packs, err := filepath.Glob(filepath.Join(clone, ".git/objects/pack/*.pack"))
			require.NoError(t, err)
			require.LessOrEqual(t, len(packs), 5)
			_, n, _ = content(t, open(t, clone, "kept"))
			require.Equal(t, 300, n)
			again, err := filepath.Glob(filepath.Join(clone, ".git/objects/pack/*.pack"))
			require.NoError(t, err)
			require.Len(t, again, len(packs))
		})
	}
}

// TestMissingObject: whatever object a clone lost, it is fetched again, although
// our own reference claims that it is here.
func TestMissingObject(t *testing.T) {
	for name, what := range map[string]string{"a file": "kept:d/f001", "a folder": "kept:d", "the tree": "kept^{tree}", "the commit": "kept"} {
		for _, moved := range []bool{false, true} {
			if moved && name != "a file" && name != "the commit" {
				continue // as the ones before
			}
			t.Run(fmt.Sprint(name, ", moved ", moved), func(t *testing.T) {
				bare, clone := clones(t, 3, "--single-branch", "--branch=main", "--no-checkout")
				run(t, bare, "update-ref", "-d", "refs/heads/main")
				run(t, clone, "update-ref", "-d", "refs/remotes/origin/main")
				run(t, clone, "update-ref", "-d", "refs/heads/main")
				content(t, open(t, clone, "kept"))
				id := run(t, bare, "rev-parse", what)
				// Loose objects can be removed one by one.
				pack, err := filepath.Glob(filepath.Join(clone, ".git/objects/pack/*"))
				require.NoError(t, err)
				for _, p := range pack {
					data, err := os.ReadFile(p)
					require.NoError(t, err)
					require.NoError(t, os.Remove(p))
					if strings.HasSuffix(p, ".pack") {
						cmd := exec.Command("git", "unpack-objects", "-q")
						cmd.Dir, cmd.Stdin = clone, strings.NewReader(string(data))
						require.NoError(t, cmd.Run())
					}
				}
				require.NoError(t, os.Remove(filepath.Join(clone, ".git/objects", id[:2], id[2:])))
				if moved {
					b := open(t, bare, "kept")
					next, err := b.Write(t.Context(), run(t, bare, "rev-parse", "kept"), "two", time.Unix(2, 0), []File{{"d/f003", []byte("text\n")}})
					require.NoError(t, err)
					run(t, bare, "update-ref", "refs/heads/kept", next)
				}
				_, n, lost := content(t, open(t, clone, "kept"))
				want := 3
				if moved {
					want = 4
				}
				require.Equal(t, want, n)
				require.Empty(t, lost)
			})
		}
	}
}

// TestLost: a branch that is gone, set back or begun anew is told until it is
// there again, and what it had is kept, whatever becomes of it.
func TestLost(t *testing.T) {
	for _, depth := range []string{"", "--depth=1"} {
		for _, remote := range []bool{true, false} {
			if !remote && depth != "" {
				continue
			}
			t.Run(fmt.Sprint(depth, " remote ", remote), func(t *testing.T) {
				options := []string{"--no-checkout"}
				if depth != "" {
					options = append(options, depth)
				}
				bare, clone := clones(t, 1, options...)
				if !remote {
					run(t, clone, "branch", "kept", "origin/kept")
					run(t, clone, "remote", "remove", "origin")
					bare = clone
				}
				first, _, lost := content(t, open(t, clone, "kept"))
				require.Empty(t, lost)
				b := open(t, clone, "kept")
				second, err := b.Write(t.Context(), first, "two", time.Unix(2, 0), []File{{"d/f009", []byte("text\n")}})
				require.NoError(t, err)
				require.NoError(t, b.Push(t.Context(), first, second))
				b.Tidy(t.Context(), second)
				ref := "refs/poolsync/lost/kept/" + second
				tell := func(want ...Lost) {
					t.Helper()
					for range 2 { // until it is there again
						_, _, lost := content(t, open(t, clone, "kept"))
						require.Empty(t, cmp.Diff(want, lost))
					}
				}
				tell()
				run(t, bare, "update-ref", "refs/heads/kept", first)
				tell(Lost{Commit: second, Ref: ref, How: Rewound, Tip: first})
				run(t, bare, "update-ref", "-d", "refs/heads/kept")
				tell(Lost{Commit: second, Ref: ref, How: Gone})
				// A new first commit does not take the place of what is kept.
				b = open(t, clone, "kept")
				anew, err := b.Write(t.Context(), "", "anew", time.Unix(3, 0), []File{{"d/f001", []byte("text\n")}})
				require.NoError(t, err)
				require.NoError(t, b.Push(t.Context(), "", anew))
				b.Tidy(t.Context(), anew)
				tell(Lost{Commit: second, Ref: ref, How: Rewritten, Tip: anew})
				require.Equal(t, second, run(t, clone, "rev-parse", ref))
				// Back again: nothing more to tell but of what was begun meanwhile.
				if remote {
					run(t, clone, "push", "--quiet", "--force", "origin", second+":refs/heads/kept")
				} else {
					run(t, clone, "update-ref", "refs/heads/kept", second)
				}
				tell(Lost{Commit: anew, Ref: "refs/poolsync/lost/kept/" + anew, How: Rewritten, Tip: second})
				run(t, clone, "update-ref", "-d", "refs/poolsync/lost/kept/"+anew)
				tell()
				require.Empty(t, run(t, clone, "for-each-ref", "refs/poolsync/lost"))
			})
		}
	}
}

// TestIdentity: commits carry git's own, as far as there is one.
func TestIdentity(t *testing.T) {
	_, clone := clones(t, 1, "--no-checkout")
	by := func() string {
		b := open(t, clone, "new")
		id, err := b.Write(t.Context(), "", "m", time.Unix(1, 0), []File{{"a", []byte("x")}})
		require.NoError(t, err)
		return run(t, clone, "log", "-1", "--format=%an <%ae> %cn <%ce>", id)
	}
	require.Equal(t, "poolsync <poolsync@localhost> poolsync <poolsync@localhost>", by())
	t.Setenv("GIT_COMMITTER_EMAIL", "bot@example.com")
	require.Equal(t, "poolsync <poolsync@localhost> poolsync <bot@example.com>", by())
	run(t, clone, "config", "user.name", "A <B>\tC.")
	run(t, clone, "config", "user.email", "a@example.com")
	require.Equal(t, "A BC <a@example.com> A BC <bot@example.com>", by())
	run(t, clone, "config", "author.email", "author@example.com")
	require.Equal(t, "A BC <author@example.com> A BC <bot@example.com>", by())
	t.Setenv("GIT_AUTHOR_NAME", "<>")
	require.Equal(t, "poolsync <author@example.com> A BC <bot@example.com>", by())
}

func hook(t *testing.T, bare, name, script string) {
	t.Helper()
	require.NoError(t, os.MkdirAll(filepath.Join(bare, "hooks"), 0o700))
	require.NoError(t, os.WriteFile(filepath.Join(bare, "hooks", name), []byte("#!/bin/sh\n"+script), 0o700))
}

// TestPushRefused: what a remote has against a push is told apart, in its words.
func TestPushRefused(t *testing.T) {
	for name, tt := range map[string]struct {
		words, want string
		rule        bool
		hint        string
	}{
		"author":     {"GitLab: Committer's email 'x@localhost' does not follow the pattern '@example.com$'", "a rule of remote origin refuses the push", true, "exempt the branch kept"},
		"signature":  {"error: GH013: Repository rule violations found for refs/heads/kept.\n- Commits must have verified signatures.", "must have verified signatures", true, "exempt the branch kept"},
		"protected":  {"error: GH006: Protected branch update failed for refs/heads/kept.\nChanges must be made through a pull request.", "remote origin refuses the push", false, "the right to push"},
		"no words":   {"", "pre-receive hook declined", false, "the right to push"},
		"their disk": {"fatal: unable to create temporary object directory: No space left on device", "refuses the push", false, "the right to push"},
	} {
		t.Run(name, func(t *testing.T) {
			bare, clone := clones(t, 1, "--no-checkout")
			hook(t, bare, "pre-receive", "cat >&2 <<'END'\n"+tt.words+"\nEND\nexit 1\n")
			b := open(t, clone, "kept")
			tip, _, _ := content(t, b)
			id, err := b.Write(t.Context(), tip, "m", time.Unix(1, 0), []File{{"a", []byte("x")}})
			require.NoError(t, err)
			err = b.Push(t.Context(), tip, id)
			refused, ok := errors.AsType[*RemoteError](err)
			require.True(t, ok && refused.Refused && !refused.Local, "%v", err)
			require.Equal(t, tt.rule, refused.Rule)
			require.Contains(t, err.Error(), tt.want)
			for line := range strings.Lines(tt.words) {
				require.Contains(t, err.Error(), strings.TrimSpace(line))
			}
			require.Contains(t, refused.Hint(), tt.hint)
		})
	}
}

// TestPushOptions of the user's configuration are not for our pushes, nor are
// hooks, whatever the remote makes of them.
func TestPushOptions(t *testing.T) {
	for _, advertised := range []string{"true", "false"} {
		bare, clone := clones(t, 1, "--no-checkout")
		run(t, bare, "config", "receive.advertisePushOptions", advertised)
		hook(t, bare, "pre-receive", "test \"${GIT_PUSH_OPTION_COUNT:-0}\" = 0\n")
		run(t, clone, "config", "push.pushOption", "merge_request.create")
		b := open(t, clone, "kept")
		tip, _, _ := content(t, b)
		id, err := b.Write(t.Context(), tip, "m", time.Unix(1, 0), []File{{"a", []byte("x")}})
		require.NoError(t, err)
		require.NoError(t, b.Push(t.Context(), tip, id))
	}
}

// TestNoOptions: nothing of the configuration reaches git as an option.
func TestNoOptions(t *testing.T) {
	_, clone := clones(t, 1, "--no-checkout")
	ran := filepath.Join(t.TempDir(), "ran")
	run(t, clone, "config", "branch.kept.remote", "--upload-pack=touch "+ran+";false")
	r, err := Open(t.Context(), clone, 0, nil)
	require.NoError(t, err)
	_, err = r.Branch(t.Context(), "kept", "")
	require.ErrorContains(t, err, "is no remote")
	_, err = r.Branch(t.Context(), "other", "--upload-pack=x")
	require.ErrorContains(t, err, "is no remote")
	run(t, clone, "config", "--unset", "branch.kept.remote")
	run(t, clone, "remote", "remove", "origin")
	run(t, clone, "config", "remote.--upload-pack=x.url", "y")
	r, err = Open(t.Context(), clone, 0, nil)
	require.NoError(t, err)
	_, err = r.Branch(t.Context(), "kept", "")
	require.ErrorContains(t, err, "is no remote")
	_, err = os.Stat(ran)
	require.ErrorIs(t, err, os.ErrNotExist)
	for _, name := range []string{"HEAD", "", "a b", "-", "a..b"} {
		if _, err = r.Branch(t.Context(), name, "x"); name != "-" {
			require.ErrorContains(t, err, "is no name of a branch")
		}
	}
}

// TestNoCredentials: what git starts does not learn those of the Data API.
func TestNoCredentials(t *testing.T) {
	t.Setenv("LEARNOSITY_CONSUMER_SECRET", "made-up")
	t.Setenv("Learnosity_Domain", "made-up")
	out, err := Dir{Path: t.TempDir()}.Line(context.Background(), "-c", "alias.showenv=!env", "showenv")
	require.NoError(t, err)
	require.NotContains(t, out, "made-up")
	require.Contains(t, out, "LC_ALL=C")
}

func FuzzListing(f *testing.F) {
	f.Add("100644 blob abc\t505/a.json\x00", []byte("abc blob 2\n{}\n"))
	f.Add("x\x00\x00", []byte("abc missing\n"))
	f.Fuzz(func(_ *testing.T, listing string, blobs []byte) {
		for range parseListing(listing) {
			_, rest, err := nextBlob(blobs)
			if err != nil {
				break
			}
			blobs = rest
		}
	})
}
