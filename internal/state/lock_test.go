package state_test

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/poolsync/poolsync/internal/state"
)

// link makes a symbolic link, or skips the test.
func link(t *testing.T, to, name string) {
	t.Helper()
	require.NoError(t, os.MkdirAll(filepath.Dir(name), 0o700))
	if err := os.Symlink(to, name); err != nil {
		t.Skip("there are no symbolic links here")
	}
}

// TestOneLockWhateverTheName: two links to one state are one state, one lock and
// one journal, be the file there already or not.
func TestOneLockWhateverTheName(t *testing.T) {
	for name, there := range map[string]bool{"a new file": false, "a file": true} {
		t.Run(name, func(t *testing.T) {
			dir := tempDir(t)
			real := state.File{Path: filepath.Join(dir, "shared", "state.json")}
			one, two := state.File{Path: filepath.Join(dir, "a", "one.json")}, state.File{Path: filepath.Join(dir, "b", "two.json")}
			link(t, filepath.Join("..", "shared", "state.json"), one.Path)
			link(t, filepath.Join("..", "a", "one.json"), two.Path) // a link to a link
			require.NoError(t, os.MkdirAll(filepath.Dir(real.Path), 0o700))
			if there {
				s := acquire(t, real)
				commit(t, s, put("z", "there"))
				require.NoError(t, s.Close())
			}
			s := acquire(t, one)
			commit(t, s, put("a", "one"))
			for _, other := range []state.File{two, real} {
				_, err := other.Acquire(t.Context(), state.Holder{Who: "ben"})
				_, held := errors.AsType[*state.HeldError](err)
				require.True(t, held, "%v", err)
				same(t, "seen through "+other.Path, small("a", "one"), read(t, other).Entries[key(505, "a")])
			}
			require.NoError(t, s.Close())
			s = acquire(t, two)
			commit(t, s, put("b", "two"))
			require.NoError(t, s.Close())
			same(t, "nothing is lost", small("a", "one"), read(t, one).Entries[key(505, "a")])
			for _, empty := range []string{"a", "b"} {
				names, err := os.ReadDir(filepath.Join(dir, empty))
				require.NoError(t, err)
				same(t, "beside the link in "+empty, 1, len(names))
			}
		})
	}
}

// TestHardLinks: a file with two names would have two locks.
func TestHardLinks(t *testing.T) {
	f := inFolder(t)
	s := acquire(t, f)
	commit(t, s, put("a", "one"))
	require.NoError(t, s.Close())
	if err := os.Link(f.Path, f.Path+".other"); err != nil {
		t.Skip("there are no hard links here")
	}
	_, err := f.Acquire(t.Context(), state.Holder{})
	require.ErrorContains(t, err, "has 2 names (hard links)")
	same(t, "can be read", 1, len(read(t, f).Entries))
}

// TestLockRemoved: whose lock is gone has lost the state, and writes nothing more.
func TestLockRemoved(t *testing.T) {
	for name, remove := range map[string]func(state.File) error{
		"the lock":   func(f state.File) error { return os.Remove(f.Path + ".lock") },
		"the folder": func(f state.File) error { return os.RemoveAll(filepath.Dir(f.Path)) },
		"another's now": func(f state.File) error {
			return errors.Join(os.Remove(f.Path+".lock"), os.WriteFile(f.Path+".lock", nil, 0o600))
		},
	} {
		t.Run(name, func(t *testing.T) {
			f := inFolder(t)
			first := acquire(t, f)
			commit(t, first, put("a", "one"))
			require.NoError(t, remove(f))
			second := acquire(t, f)
			err := first.Commit(t.Context(), "late", put("a", "late"))
			lost, ok := errors.AsType[*state.LostError](err)
			require.True(t, ok, "%v", err)
			require.ErrorContains(t, err, f.Path+".lock was removed while this run held it")
			same(t, "hint", true, lost.Hint() != "")
			require.Error(t, first.Commit(t.Context(), "later", put("a", "later")))
			commit(t, second, put("b", "two"))
			require.NoError(t, second.Close())
			_ = first.Close()
			got := read(t, f).Entries
			same(t, "the second's", small("b", "two"), got[key(505, "b")])
			same(t, "the first's, as far as it got", name != "the folder", got[key(505, "a")].File == "one")
		})
	}
}

// TestNothingThroughLinks: whoever can put a link beside the state, as a commit
// can, does not choose what is written.
func TestNothingThroughLinks(t *testing.T) {
	for _, suffix := range []string{".lock", ".journal"} {
		for name, exists := range map[string]bool{"to a file": true, "to nothing": false} {
			t.Run(suffix+" "+name, func(t *testing.T) {
				f := inFolder(t)
				target := filepath.Join(tempDir(t), "target")
				if exists {
					require.NoError(t, os.WriteFile(target, []byte("precious\n"), 0o600))
				}
				link(t, target, f.Path+suffix)
				_, err := f.Acquire(t.Context(), state.Holder{Who: "ann"})
				require.ErrorContains(t, err, f.Path+suffix+" cannot be read: it is no regular file")
				_, err = f.Read(t.Context())
				same(t, "read", suffix == ".lock", err == nil)
				data, err := os.ReadFile(target)
				same(t, "target", exists, err == nil && string(data) == "precious\n")
				same(t, "nothing made", !exists, errors.Is(err, os.ErrNotExist))
			})
		}
	}
}

// TestOwnFolder: what lies in the default folder is no part of the repository.
func TestOwnFolder(t *testing.T) {
	f := inFolder(t)
	require.NoError(t, acquire(t, f).Close())
	data, err := os.ReadFile(filepath.Join(filepath.Dir(f.Path), ".gitignore"))
	require.NoError(t, err)
	same(t, "ignored", "*\n", string(data))
	other := state.File{Path: filepath.Join(tempDir(t), "my", "state.json")}
	require.NoError(t, acquire(t, other).Close())
	_, err = os.Stat(filepath.Join(filepath.Dir(other.Path), ".gitignore"))
	same(t, "a folder of the user's", true, errors.Is(err, os.ErrNotExist))
}
