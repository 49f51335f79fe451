package state_test

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/poolsync/poolsync/internal/pool"
	"github.com/poolsync/poolsync/internal/state"
)

// abandon gives a store whose last holder died: files as they are, no lock held.
func abandon(t testing.TB, from state.File) state.File {
	t.Helper()
	f := state.File{Path: filepath.Join(tempDir(t), "state.json")}
	for _, suffix := range []string{"", ".journal"} {
		data, err := os.ReadFile(from.Path + suffix)
		if os.IsNotExist(err) {
			continue
		}
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(f.Path+suffix, data, 0o600))
	}
	return f
}

// TestCrashInACommit: the holder dies in the middle of its last commit, at every
// byte. What was committed before is there, what was not reported is not, and the
// next holder goes on from there.
func TestCrashInACommit(t *testing.T) {
	f := inFolder(t)
	s := acquire(t, f)
	commit(t, s, state.Change{Put: []pool.Entry{small("a", "one")}})
	commit(t, s, state.Change{Put: []pool.Entry{small("a", "two"), small("b", "two")}})
	before, err := os.Stat(f.Path + ".journal")
	require.NoError(t, err)
	commit(t, s, state.Change{Put: []pool.Entry{small("a", "three")}, Delete: []pool.Key{key(505, "b")}})
	whole, err := os.ReadFile(f.Path + ".journal")
	require.NoError(t, err)
	old := map[pool.Key]pool.Entry{key(505, "a"): small("a", "two"), key(505, "b"): small("b", "two")}
	done := map[pool.Key]pool.Entry{key(505, "a"): small("a", "three")}

	dir := tempDir(t)
	for cut := int(before.Size()); cut <= len(whole); cut++ {
		dead := state.File{Path: filepath.Join(dir, fmt.Sprint(cut), "state.json")}
		require.NoError(t, os.Mkdir(filepath.Dir(dead.Path), 0o700))
		require.NoError(t, os.WriteFile(dead.Path+".journal", whole[:cut], 0o600))
		want := old
		if cut == len(whole) {
			want = done
		}
		same(t, fmt.Sprintf("cut at %d", cut), want, read(t, dead).Entries)
		next := acquire(t, dead)
		same(t, "taken over", want, next.Snapshot().Entries)
		commit(t, next, state.Change{Put: []pool.Entry{small("c", "four")}})
		same(t, "went on, in the journal", len(want)+1, len(read(t, dead).Entries))
		require.NoError(t, next.Close())
		same(t, "went on, in the file", small("c", "four"), read(t, dead).Entries[key(505, "c")])
	}
	require.NoError(t, s.Close())
}

// TestCrashWhileFolding: the holder dies after the new file is in place and
// before the journal is emptied. No record counts twice.
func TestCrashWhileFolding(t *testing.T) {
	f := inFolder(t)
	s := acquire(t, f)
	commit(t, s, state.Change{Put: []pool.Entry{small("a", "one")}})
	commit(t, s, state.Change{Put: []pool.Entry{small("a", "two")}})
	journal, err := os.ReadFile(f.Path + ".journal")
	require.NoError(t, err)
	require.NoError(t, s.Close())
	require.NoError(t, os.WriteFile(f.Path+".journal", journal, 0o600))

	want := map[pool.Key]pool.Entry{key(505, "a"): small("a", "two")}
	dead := abandon(t, f)
	same(t, "read", want, read(t, dead).Entries)
	next := acquire(t, dead)
	commit(t, next, state.Change{Delete: []pool.Key{key(505, "a")}})
	same(t, "went on, in the journal", 0, len(read(t, dead).Entries))
	require.NoError(t, next.Close())
	same(t, "went on, in the file", 0, len(read(t, dead).Entries))

	// A holder that changes nothing clears the old records away.
	dead = abandon(t, f)
	require.NoError(t, acquire(t, dead).Close())
	left, err := os.ReadFile(dead.Path + ".journal")
	require.NoError(t, err)
	same(t, "journal", "", string(left))
	same(t, "read", want, read(t, dead).Entries)
}

// TestCrashBeforeFolding: the holder dies with its commits in the journal alone.
func TestCrashBeforeFolding(t *testing.T) {
	f := inFolder(t)
	s := acquire(t, f)
	commit(t, s, state.Change{Put: []pool.Entry{small("a", "one")}, KeyHash: "h"})
	dead := abandon(t, f)
	require.NoError(t, s.Close())
	same(t, "read", read(t, f), read(t, dead))
	require.NoError(t, acquire(t, dead).Close())
	same(t, "folded", read(t, f), read(t, dead))
}

// TestJournalThatCannotBeWritten fails every later commit: where its end is can
// no longer be told.
func TestJournalThatCannotBeWritten(t *testing.T) {
	f := inFolder(t)
	s := acquire(t, f)
	commit(t, s, state.Change{Put: []pool.Entry{small("a", "one")}})
	require.NoError(t, os.Remove(filepath.Dir(f.Path)+"/state.json.journal"))
	require.NoError(t, os.RemoveAll(filepath.Dir(f.Path)))
	if err := s.Close(); err == nil {
		t.Error("what cannot be folded must be told")
	}
	if err := s.Commit(t.Context(), "late", state.Change{Put: []pool.Entry{small("b", "two")}}); err == nil {
		t.Error("a commit after the journal is closed must fail")
	}
}

func FuzzJournal(f *testing.F) {
	f.Add([]byte(""), []byte(`{"serial":1,"message":"m","put":[`+sealed(`{"format":1,"organisation_id":505,"reference":"a"}`)+"]}\n"))
	f.Add([]byte(`{"format":1,"serial":1,"entries":[]}`), []byte(`{"serial":2,"delete":[{"organisation_id":null,"reference":"a"}]}`+"\n"+`{"serial":3`))
	f.Add([]byte(`{"format":1,"serial":5}`), []byte(`{"serial":4}`+"\n"+`{"serial":6,"primary_key_sha256":"x"}`+"\n"))
	f.Add([]byte(""), []byte("\n"))
	f.Fuzz(roundTrip)
}

func FuzzDocument(f *testing.F) {
	f.Add([]byte(`{"format":1,"serial":1,"entries":[`+sealed(`{"format":1,"organisation_id":505,"reference":"a","sent":{"name":"n","content":{}}}`)+"]}"), []byte(""))
	f.Add([]byte(`{"format":2}`), []byte(""))
	f.Add([]byte(`{"format":1,"entries":[{},{}]}`), []byte(""))
	f.Add([]byte(`{"format":1,"serial":-9223372036854775808,"entries":null}`), []byte(`{"serial":1}`))
	f.Fuzz(roundTrip)
}

// roundTrip: whatever lies in the files is refused, or read the same way by
// everyone and kept through a commit.
func roundTrip(t *testing.T, document, journal []byte) {
	f := state.File{Path: filepath.Join(tempDir(t), "state.json")}
	if len(document) > 0 {
		require.NoError(t, os.WriteFile(f.Path, document, 0o600))
	}
	require.NoError(t, os.WriteFile(f.Path+".journal", journal, 0o600))
	first, err := f.Read(t.Context())
	if err != nil {
		return
	}
	s := acquire(t, f)
	same(t, "taken", first.Entries, s.Snapshot().Entries)
	added := small("added by the test", "")
	commit(t, s, state.Change{Put: []pool.Entry{added}})
	want := first.Clone()
	want.Entries[added.Key] = added
	same(t, "in the journal", want.Entries, read(t, f).Entries)
	require.NoError(t, s.Close())
	got := read(t, f)
	same(t, "in the file", want.Entries, got.Entries)
	same(t, "key hash", first.KeyHash, got.KeyHash)
	same(t, "version is the same", false, got.Version == first.Version)
}

func BenchmarkFile(b *testing.B) {
	const entries, changed = 10_000, 1000
	f := inFolder(b)
	s := acquire(b, f)
	var all []pool.Entry
	for i := range entries {
		e := full(key(505, pool.Reference(fmt.Sprintf("pool-%05d", i))))
		e.Pending = nil
		all = append(all, e)
	}
	commit(b, s, state.Change{Put: all})
	require.NoError(b, s.Close())
	for b.Loop() {
		s := acquire(b, f)
		for i := range changed / 50 {
			commit(b, s, state.Change{Put: all[i*50 : (i+1)*50]})
		}
		require.NoError(b, s.Close())
	}
}
