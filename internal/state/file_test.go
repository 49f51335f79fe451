package state_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gofrs/flock"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/stretchr/testify/require"

	"github.com/poolsync/poolsync/internal/pool"
	"github.com/poolsync/poolsync/internal/state"
)

var at = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)

func key(bank pool.Bank, ref pool.Reference) pool.Key {
	return pool.Key{Bank: bank, Reference: ref}
}

// full is an entry with every member set.
func full(k pool.Key) pool.Entry {
	live := &pool.Live{Reference: k.Reference, Name: "N", Description: "D", Status: pool.Published, Created: "c", Updated: "u"}
	sent := &pool.Sent{
		Spec: pool.Spec{
			Fields: pool.Fields{Name: "N é < \u2028", Description: "D", Status: pool.Published, IgnoreEmpty: true, UnpublishedPublished: true},
			Content: pool.Content{
				Items: []string{"i"}, Activities: []string{"a"}, Tags: []pool.Selector{{Type: "t", Name: "n"}},
				ItemTags: []pool.Selector{{Required: []pool.Tag{{Type: "r"}}, Additional: []pool.Tag{{Type: "x", Name: "y"}}}}, ActivityTags: []pool.Selector{{Type: "z"}},
			},
		},
		Snapshot: "two", Labels: []string{"one", "two"}, Corrections: []pool.Correction{{ID: "c", Items: []string{"i"}, Note: "why"}},
	}
	after := pool.Entry{Format: 1, Key: k, Set: "s", Sent: sent}
	return pool.Entry{
		Format: pool.EntryFormat, Key: k, Set: "s", File: "pools/a.yaml", Commit: "abc", CommitTime: &at, Sent: sent, ReadBack: live,
		Job: "j", AppliedAt: &at, CalledAt: &at, Verified: true, Touched: true, Retired: true, LastError: "e",
		Pending: &pool.PendingCall{
			Run: "r", Operation: pool.OpReplace, Verb: pool.Set, At: at, Job: "k", Before: live, After: &after,
			Request: pool.Request{Reference: k.Reference, Name: "N", Description: new("D"), Status: pool.Published, Overwrite: true, IgnoreEmpty: new(true), Content: sent.Content},
		},
	}
}

func small(ref pool.Reference, file string) pool.Entry {
	return pool.Entry{Format: 1, Key: key(505, ref), Set: "default", File: file, LastError: "x"}
}

// inFolder gives a store in a folder that does not exist yet.
func inFolder(t testing.TB) state.File {
	return state.File{Path: filepath.Join(tempDir(t), ".poolsync", "state.json")}
}

func acquire(t testing.TB, f state.File) state.Session {
	t.Helper()
	s, err := f.Acquire(t.Context(), state.Holder{Who: "ann", Where: "here", Run: "r1", Since: at})
	require.NoError(t, err)
	return s
}

func read(t testing.TB, f state.File) state.Snapshot {
	t.Helper()
	s, err := f.Read(t.Context())
	require.NoError(t, err)
	return s
}

func commit(t testing.TB, s state.Session, c state.Change) {
	t.Helper()
	require.NoError(t, s.Commit(t.Context(), "test", c))
}

func same[T any](t testing.TB, what string, want, got T) {
	t.Helper()
	if d := cmp.Diff(want, got, cmpopts.EquateEmpty()); d != "" {
		t.Errorf("%s (-want +got):\n%s", what, d)
	}
}

func TestRoundTrip(t *testing.T) {
	f := inFolder(t)
	same(t, "nothing written yet", 0, len(read(t, f).Entries))
	a, b, primary := full(key(505, "a")), full(key(606, "a")), full(key(pool.Primary, "a/b c"))
	s := acquire(t, f)
	commit(t, s, state.Change{Put: []pool.Entry{a, b, primary, small("gone", "")}, KeyHash: state.HashKey("k")})
	commit(t, s, state.Change{Delete: []pool.Key{key(505, "gone")}})
	want := map[pool.Key]pool.Entry{a.Key: a, b.Key: b, primary.Key: primary}
	fromJournal := read(t, f)
	same(t, "from the journal", want, fromJournal.Entries)
	same(t, "as it was taken", 0, len(s.Snapshot().Entries))
	require.NoError(t, s.Close())

	got := read(t, f)
	same(t, "from the file", want, got.Entries)
	same(t, "key hash", state.HashKey("k"), got.KeyHash)
	same(t, "folding is no new version", fromJournal.Version, got.Version)
	same(t, "keys in order", []pool.Key{primary.Key, a.Key, b.Key}, got.Keys())
	same(t, "holder", nil, got.Holder)

	s = acquire(t, f)
	same(t, "taken again", want, s.Snapshot().Entries)
	changed := a
	changed.LastError = "other"
	commit(t, s, state.Change{Put: []pool.Entry{changed}})
	require.NoError(t, s.Close())
	later := read(t, f)
	same(t, "replaced", changed, later.Entries[a.Key])
	same(t, "version is the same", false, later.Version == got.Version)
	same(t, "key hash stays", state.HashKey("k"), later.KeyHash)
}

// TestNoCommitNoFile: holding the state without a change writes nothing.
func TestNoCommitNoFile(t *testing.T) {
	f := inFolder(t)
	require.NoError(t, acquire(t, f).Close())
	_, err := os.Stat(f.Path)
	same(t, "file absent", true, errors.Is(err, os.ErrNotExist))
}

// TestLinkedFile: where the state's name is a symbolic link, the link stays and the
// file that it leads to is written, be it there already or not.
func TestLinkedFile(t *testing.T) {
	dir := tempDir(t)
	require.NoError(t, os.MkdirAll(filepath.Join(dir, "shared"), 0o700))
	f := state.File{Path: filepath.Join(dir, "state.json")}
	if err := os.Symlink(filepath.Join("shared", "real.json"), f.Path); err != nil {
		t.Skip("there are no symbolic links here")
	}
	for _, text := range []string{"one", "two"} {
		s := acquire(t, f)
		commit(t, s, state.Change{Put: []pool.Entry{small("a", text)}})
		require.NoError(t, s.Close())
		info, err := os.Lstat(f.Path)
		require.NoError(t, err)
		same(t, "still a link", true, info.Mode()&os.ModeSymlink != 0)
		info, err = os.Lstat(filepath.Join(dir, "shared", "real.json"))
		require.NoError(t, err)
		same(t, "a file", true, info.Mode().IsRegular())
		same(t, "entry", small("a", text), read(t, f).Entries[key(505, "a")])
	}
	require.NoError(t, os.Remove(f.Path))
	require.NoError(t, os.Symlink("state.json", f.Path))
	_, err := f.Read(t.Context())
	require.Error(t, err, "a link to itself")
}

// TestHeld: the second one is refused and told by whom; readers are not.
func TestHeld(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := inFolder(t)
		s := acquire(t, f)
		_, err := f.Acquire(t.Context(), state.Holder{Who: "ben"})
		held, ok := errors.AsType[*state.HeldError](err)
		require.True(t, ok, "%v", err)
		want := &state.Holder{Who: "ann", Where: "here", Run: "r1", Since: at}
		same(t, "holder", want, held.Holder)
		same(t, "message", "state file:"+f.Path+" is held by ann on here since 2026-11-21T12:00:00Z (run r1)", err.Error())
		same(t, "seen by a reader", want, read(t, f).Holder)

		require.NoError(t, os.WriteFile(f.Path+".lock", []byte("not JSON"), 0o600))
		same(t, "unreadable text", &state.Holder{Who: "someone", Where: "an unknown machine"}, read(t, f).Holder)
		same(t, "in words", "someone on an unknown machine", read(t, f).Holder.String())

		require.NoError(t, s.Close())
		same(t, "given back", nil, read(t, f).Holder)
		require.NoError(t, acquire(t, f).Close())
	})
}

// TestPeekDoesNotRefuse: a plan that looks whether the state is held has the lock
// for an instant, which must not stop an apply.
func TestPeekDoesNotRefuse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := inFolder(t)
		require.NoError(t, acquire(t, f).Close())
		peek := flock.New(f.Path + ".lock")
		ok, err := peek.TryRLock()
		require.True(t, ok && err == nil)
		done := make(chan error)
		go func() {
			s, err := f.Acquire(t.Context(), state.Holder{})
			if err == nil {
				err = s.Close()
			}
			done <- err
		}()
		synctest.Wait() // Acquire has tried and waits
		require.NoError(t, peek.Close())
		require.NoError(t, <-done)
	})
}

func TestAcquireCancelled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := inFolder(t)
		s := acquire(t, f)
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		_, err := f.Acquire(ctx, state.Holder{})
		same(t, "cancelled", true, errors.Is(err, context.Canceled))
		require.NoError(t, s.Close())
	})
}

// TestModes: what is in the state is nobody else's business.
func TestModes(t *testing.T) {
	f := inFolder(t)
	s := acquire(t, f)
	commit(t, s, state.Change{Put: []pool.Entry{small("a", "")}})
	mode := func(path string) string {
		info, err := os.Stat(path)
		require.NoError(t, err)
		return info.Mode().Perm().String()
	}
	same(t, "folder", "-rwx------", mode(filepath.Dir(f.Path)))
	same(t, "journal", "-rw-------", mode(f.Path+".journal"))
	same(t, "lock", "-rw-------", mode(f.Path+".lock"))
	require.NoError(t, s.Close())
	same(t, "file", "-rw-------", mode(f.Path))

	for _, path := range []string{f.Path, f.Path + ".journal"} {
		require.NoError(t, os.Chmod(path, 0o644))
	}
	s = acquire(t, f)
	same(t, "journal tightened", "-rw-------", mode(f.Path+".journal"))
	commit(t, s, state.Change{Put: []pool.Entry{small("b", "")}})
	require.NoError(t, s.Close())
	same(t, "file tightened", "-rw-------", mode(f.Path))
	left, err := os.ReadDir(filepath.Dir(f.Path))
	require.NoError(t, err)
	var names []string
	for _, e := range left {
		names = append(names, e.Name())
	}
	same(t, "nothing else is left", []string{".gitignore", "state.json", "state.json.journal", "state.json.lock"}, names)
}

// TestErrorsNameThePath: what cannot be read is never taken for an empty state.
func TestErrorsNameThePath(t *testing.T) {
	whole := func(entries string) string { return `{"format":1,"serial":1,"entries":[` + entries + "]}" }
	entry := sealed(`{"format":1,"organisation_id":505,"reference":"a"}`)
	for name, tt := range map[string]struct{ file, journal, want string }{
		"not JSON":          {"{", "", "0"},
		"empty":             {" ", "", "not a whole state"},
		"another format":    {`{"format":0}`, "", "format 0 is not a state format"},
		"newer file":        {`{"format":2}`, "", "newer version of poolsync"},
		"newer entry":       {whole(strings.Replace(entry, `"format":1`, `"format":2`, 1)), "", "newer version of poolsync"},
		"entry twice":       {whole(entry + "," + entry), "", "two entries of pool 505/a"},
		"journal no JSON":   {whole(entry), "{}}\n", "line 1"},
		"journal line 2":    {whole(entry), `{"serial":2}` + "\n\x00\x00\n", "line 2"},
		"records missing":   {whole(entry), `{"serial":3}` + "\n", "record 3 follows record 1"},
		"newer in journal":  {whole(""), `{"serial":2,"put":[{"format":9,"organisation_id":505,"reference":"a"}]}` + "\n", "newer version of poolsync"},
		"records backwards": {"", `{"serial":1}` + "\n" + `{"serial":1}` + "\n", "record 1 follows record 1"},
	} {
		t.Run(name, func(t *testing.T) {
			f := state.File{Path: filepath.Join(tempDir(t), "state.json")}
			if tt.file != "" {
				require.NoError(t, os.WriteFile(f.Path, []byte(tt.file), 0o600))
			}
			require.NoError(t, os.WriteFile(f.Path+".journal", []byte(tt.journal), 0o600))
			_, err := f.Read(t.Context())
			corrupt, ok := errors.AsType[*state.CorruptError](err)
			require.True(t, ok, "%v", err)
			same(t, "path", true, strings.HasPrefix(corrupt.Path, f.Path) && strings.Contains(err.Error(), f.Path))
			same(t, "says "+tt.want+" in "+err.Error(), true, strings.Contains(err.Error(), tt.want) || tt.want == "0")
			same(t, "newer", strings.HasPrefix(name, "newer"), errors.Is(err, state.ErrNewerFormat))

			_, err = f.Acquire(t.Context(), state.Holder{})
			_, ok = errors.AsType[*state.CorruptError](err)
			same(t, "refused to a writer too", true, ok)
			after, err := os.ReadFile(f.Path + ".journal")
			require.NoError(t, err)
			same(t, "nothing was written", tt.journal, string(after))
			free := flock.New(f.Path + ".lock")
			locked, err := free.TryLock()
			same(t, "lock given back", true, locked && err == nil)
			require.NoError(t, free.Close())
		})
	}
}

func TestNone(t *testing.T) {
	s, err := state.None{}.Read(t.Context())
	require.NoError(t, err)
	same(t, "entries", 0, len(s.Entries))
	_, err = state.None{}.Acquire(t.Context(), state.Holder{})
	same(t, "refused", true, err != nil)
	same(t, "names", []string{"none", "file:x"}, []string{state.None{}.Name(), state.File{Path: "x"}.Name()})
}

func TestHashKey(t *testing.T) {
	same(t, "stable", state.HashKey("abc"), state.HashKey("abc"))
	same(t, "differs", false, state.HashKey("abc") == state.HashKey("abd"))
	same(t, "shows the key", false, slices.Contains([]string{state.HashKey("abc")}, "abc"))
}
