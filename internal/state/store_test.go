package state_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/poolsync/poolsync/internal/pool"
	"github.com/poolsync/poolsync/internal/state"
)

// stores are the stores that keep something, each new and empty.
var stores = map[string]func(t testing.TB) state.Store{
	"file": func(t testing.TB) state.Store { return inFolder(t) },
	"git":  func(t testing.TB) state.Store { g, _ := onBranch(t); return g },
	"git local": func(t testing.TB) state.Store {
		g, _ := onBranch(t)
		git(t, g.Dir, "remote", "remove", "origin")
		return g
	},
}

// TestStores is what every store promises.
func TestStores(t *testing.T) {
	for name, open := range stores {
		for promise, check := range map[string]func(*testing.T, state.Store){
			"round trip": roundTrips, "held": isHeld, "nothing written": writesNothing, "version": versions, "closed": closes,
			"recorder": records, "copy": copies, "wait": waits, "unlock": unlocks, "many": keepsMany,
		} {
			t.Run(name+"/"+promise, func(t *testing.T) {
				t.Parallel()
				check(t, open(t))
			})
		}
	}
}

func roundTrips(t *testing.T, st state.Store) {
	same(t, "nothing written yet", 0, len(look(t, st).Entries))
	a, b, primary := full(key(505, "a")), full(key(606, "a")), full(key(pool.Primary, "a/b c"))
	s := take(t, st)
	commit(t, s, state.Change{Put: []pool.Entry{a, b, primary, small("gone", "")}, KeyHash: state.HashKey("k")})
	commit(t, s, state.Change{Delete: []pool.Key{key(505, "gone"), key(505, "never there")}})
	want := map[pool.Key]pool.Entry{a.Key: a, b.Key: b, primary.Key: primary}
	same(t, "while held", want, look(t, st).Entries)
	same(t, "as it was taken", 0, len(s.Snapshot().Entries))
	require.NoError(t, s.Close())
	same(t, "given back", want, look(t, st).Entries)
	same(t, "key hash", state.HashKey("k"), look(t, st).KeyHash)

	s = take(t, st)
	same(t, "taken again", want, s.Snapshot().Entries)
	a.LastError = "other"
	commit(t, s, state.Change{Put: []pool.Entry{a}})
	require.NoError(t, s.Close())
	same(t, "replaced", a, look(t, st).Entries[a.Key])
	same(t, "key hash stays", state.HashKey("k"), look(t, st).KeyHash)
}

// isHeld: once the first one has committed, at the latest, the second is told who
// has the state. Readers are never refused.
func isHeld(t *testing.T, st state.Store) {
	s := take(t, st)
	commit(t, s, state.Change{Put: []pool.Entry{small("a", "one")}})
	_, err := st.Acquire(t.Context(), state.Holder{Who: "ben"})
	held, ok := errors.AsType[*state.HeldError](err)
	require.True(t, ok, "%v", err)
	same(t, "holder", "ann here r1", held.Holder.Who+" "+held.Holder.Where+" "+held.Holder.Run)
	require.ErrorContains(t, err, st.Name()+" is held by ann on here")
	same(t, "hint", true, held.Hint() != "")
	same(t, "seen by a reader", held.Holder, look(t, st).Holder)
	leased := s.(state.Leased)
	same(t, "enough is left", true, leased.Remaining() > 4*time.Minute)
	require.NoError(t, leased.Renew(t.Context()))
	same(t, "taken over", nil, leased.TookOver())
	same(t, "notices", nil, leased.Notices())
	require.NoError(t, s.Close())
	same(t, "given back", nil, look(t, st).Holder)
	require.NoError(t, take(t, st).Close())
}

func writesNothing(t *testing.T, st state.Store) {
	before := look(t, st)
	require.NoError(t, take(t, st).Close())
	same(t, "read", before, look(t, st))
}

// versions: the version is the content's, whoever holds it.
func versions(t *testing.T, st state.Store) {
	seen := map[string]bool{look(t, st).Version: true}
	for i := range 3 {
		s := take(t, st)
		commit(t, s, state.Change{Put: []pool.Entry{small("a", fmt.Sprint(i))}})
		held := look(t, st).Version
		require.NoError(t, s.Close())
		v := look(t, st).Version
		same(t, "giving back is no new version", held, v)
		same(t, "seen before", false, seen[v])
		seen[v] = true
	}
}

func closes(t *testing.T, st state.Store) {
	s := take(t, st)
	commit(t, s, state.Change{Put: []pool.Entry{small("a", "one")}})
	require.NoError(t, s.Close())
	require.Error(t, s.Commit(t.Context(), "late", state.Change{Put: []pool.Entry{small("a", "two")}}))
	same(t, "entry", small("a", "one"), look(t, st).Entries[key(505, "a")])
}

func records(t *testing.T, st state.Store) {
	s := take(t, st)
	r := state.NewRecorder(s, "apply: run r1")
	r.Put(small("a", "one"), small("b", "one"))
	r.BindKey("hash")
	r.Delete(key(505, "b"))
	require.NoError(t, r.Flush())
	require.NoError(t, r.Err())
	same(t, "enough is left", true, r.Remaining() > 4*time.Minute)
	require.NoError(t, r.Renew(t.Context()))
	r.Put(small("c", "one"))
	require.NoError(t, r.Close(t.Context()))
	got := look(t, st)
	same(t, "entries", map[pool.Key]pool.Entry{key(505, "a"): small("a", "one"), key(505, "c"): small("c", "one")}, got.Entries)
	same(t, "key", "hash", got.KeyHash)
	same(t, "holder", nil, got.Holder)
}

func copies(t *testing.T, st state.Store) {
	from := inFolder(t)
	n, err := state.Copy(t.Context(), from, st, state.Holder{Who: "ann"})
	require.NoError(t, err)
	same(t, "of nothing", 0, n)
	s := acquire(t, from)
	commit(t, s, state.Change{Put: []pool.Entry{full(key(505, "a")), small("b", "one")}, KeyHash: "h"})
	_, err = state.Copy(t.Context(), from, st, state.Holder{})
	_, held := errors.AsType[*state.HeldError](err)
	same(t, "held", true, held)
	require.NoError(t, s.Close())
	for _, want := range []int{2, 0} {
		n, err = state.Copy(t.Context(), from, st, state.Holder{Who: "ann"})
		require.NoError(t, err)
		same(t, "copied", want, n)
	}
	want, got := read(t, from), look(t, st)
	same(t, "entries", want.Entries, got.Entries)
	same(t, "key", "h", got.KeyHash)

	back := inFolder(t)
	_, err = state.Copy(t.Context(), st, back, state.Holder{})
	require.NoError(t, err)
	same(t, "there and back", want.Entries, read(t, back).Entries)
	s = acquire(t, from)
	commit(t, s, state.Change{Put: []pool.Entry{small("b", "two")}})
	require.NoError(t, s.Close())
	_, err = state.Copy(t.Context(), from, st, state.Holder{})
	require.ErrorContains(t, err, "already holds a state of 2 pools, which differs")
	same(t, "kept", want.Entries, look(t, st).Entries)
}

// waits: whoever waits gets the state when it is given back, and is refused when
// his time is over.
func waits(t *testing.T, st state.Store) {
	s := take(t, st)
	commit(t, s, state.Change{Put: []pool.Entry{small("a", "one")}})
	_, err := state.AcquireWait(t.Context(), st, state.Holder{}, 0)
	_, held := errors.AsType[*state.HeldError](err)
	same(t, "refused", true, held)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = state.AcquireWait(ctx, st, state.Holder{}, time.Hour)
	same(t, "cancelled", true, errors.Is(err, context.Canceled))
	got := make(chan error)
	go func() {
		next, err := state.AcquireWait(t.Context(), st, state.Holder{}, time.Hour)
		if err == nil {
			err = next.Close()
		}
		got <- err
	}()
	require.NoError(t, s.Close())
	require.NoError(t, <-got)
}

func unlocks(t *testing.T, st state.Store) {
	h, err := st.Unlock(t.Context())
	require.NoError(t, err)
	same(t, "nobody", nil, h)
	s := take(t, st)
	commit(t, s, state.Change{Put: []pool.Entry{small("a", "one")}})
	h, err = st.Unlock(t.Context())
	require.NotNil(t, h)
	same(t, "who", "ann", h.Who)
	if _, file := st.(state.File); file {
		require.ErrorContains(t, err, "its lock ends with it")
		require.NoError(t, s.Close())
		return
	}
	require.NoError(t, err)
	same(t, "free", nil, look(t, st).Holder)
	err = s.Commit(t.Context(), "late", state.Change{Put: []pool.Entry{small("a", "two")}})
	lost, ok := errors.AsType[*state.LostError](err)
	require.True(t, ok, "%v", err)
	same(t, "hint", true, lost.Hint() != "")
	same(t, "left", time.Duration(0), s.(state.Leased).Remaining())
	require.ErrorIs(t, s.Commit(t.Context(), "later", state.Change{}), err)
	require.NoError(t, s.Close())
	same(t, "entry", small("a", "one"), look(t, st).Entries[key(505, "a")])
}

func keepsMany(t *testing.T, st state.Store) {
	var all []pool.Entry
	want := map[pool.Key]pool.Entry{}
	for i := range 300 {
		e := full(key(505, pool.Reference(fmt.Sprintf("%c!~ %d", ' '+i%90, i))))
		all = append(all, e)
		want[e.Key] = e
	}
	s := take(t, st)
	commit(t, s, state.Change{Put: all})
	require.NoError(t, s.Close())
	same(t, "entries", want, look(t, st).Entries)
}

// TestFileReadsWhatItCan: a damaged state is named, and not lost from sight.
func TestFileReadsWhatItCan(t *testing.T) {
	entry := func(ref, more string) string {
		return sealed(`{"format":1,"organisation_id":505,"reference":"` + ref + `"` + more + `}`)
	}
	for name, tt := range map[string]struct {
		file, journal, want string
		left                int
	}{
		"truncated":      {`{"format":1,"serial":1,"entries":[` + entry("a", "") + "," + entry("b", "") + `,{"for`, "", "it ends too early", 2},
		"edited by hand": {`{"format":1,"serial":1,"entries":[` + entry("a", "") + "," + entry("b", `,"Setting":1`) + `]}`, "", `unknown field "Setting"`, 2},
		"newer file":     {`{"format":2,"later":{},"entries":[` + entry("a", "") + `,{"later":1},` + entry("b", "") + `],"more":[1]}`, "", "newer version", 2},
		"no list":        {`{"format":1,"serial":1,"entries":null}`, "", "it is not a whole state: entries is not a list", 0},
		"newer entry":    {`{"format":1,"serial":1,"entries":[` + entry("a", "") + `,{"format":2,"later":1,"reference":"b"}]}`, "", "newer version", 2},
		"journal":        {`{"format":1,"serial":1,"entries":[` + entry("a", "") + `]}`, `{"serial":2,"put":[` + entry("b", "") + "]}\n{\n", "line 2", 2},
		"newer journal":  {"", `{"serial":1,"message":"","put":[{"format":2,"later":1,"reference":"b"}]}` + "\n", "newer version", 0},
		"no pool":        {`{"format":1,"serial":1,"entries":[{"format":1}]}`, "", "names no pool", 0},
	} {
		t.Run(name, func(t *testing.T) {
			f := state.File{Path: filepath.Join(tempDir(t), "state.json")}
			if tt.file != "" {
				require.NoError(t, os.WriteFile(f.Path, []byte(tt.file), 0o600))
			}
			require.NoError(t, os.WriteFile(f.Path+".journal", []byte(tt.journal), 0o600))
			snap, err := f.Read(t.Context())
			corrupt, ok := errors.AsType[*state.CorruptError](err)
			require.True(t, ok, "%v", err)
			require.ErrorContains(t, err, tt.want)
			same(t, "what can be read", tt.left, len(snap.Entries))
			same(t, "hint", true, corrupt.Hint() != "")
		})
	}
}
