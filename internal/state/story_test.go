package state_test

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/poolsync/poolsync/internal/pool"
	"github.com/poolsync/poolsync/internal/state"
)

// pass lets time go by in a bubble, where it costs none.
func pass(d time.Duration) { <-time.After(d) }

// told is a session that notes the messages of its commits.
type told struct {
	start    state.Snapshot
	messages []string
}

func (s *told) Snapshot() state.Snapshot { return s.start }
func (s *told) Close() error             { return nil }

func (s *told) Commit(_ context.Context, message string, _ state.Change) error {
	s.messages = append(s.messages, message)
	return nil
}

// calling gives an entry with a call under way.
func calling(ref pool.Reference, op pool.Operation, job pool.JobReference) pool.Entry {
	return pool.Entry{Format: 1, Key: key(505, ref), Pending: &pool.PendingCall{Run: "r", Operation: op, At: at, Job: job}}
}

// TestMessages: the log of the branch says what was done, in the plan's words.
func TestMessages(t *testing.T) {
	s := &told{}
	r := state.NewRecorder(s, "apply: run 7")
	step := func(want string, do func()) {
		t.Helper()
		s.messages = nil
		do()
		require.NoError(t, r.Flush())
		same(t, "message", want, strings.Join(s.messages, "|"))
	}
	put := func(entries ...pool.Entry) func() { return func() { r.Put(entries...) } }
	old := calling("a", pool.OpAppend, "")
	old.AppliedAt, old.LastError = &at, "an old one"
	step("apply: 1 to create, 1 to append; run 7\n\n505/a: to append\n505/b: to create\n", put(calling("b", pool.OpCreate, ""), old))
	old.Pending = calling("a", pool.OpAppend, "j").Pending
	step("apply: 1 create accepted, 1 append accepted; run 7\n\n505/a: append accepted\n505/b: create accepted\n", put(calling("b", pool.OpCreate, "j"), old))
	step("apply: 1 created, 1 append failed; run 7\n\n505/a: append failed\n505/b: created\n",
		put(pool.Entry{Format: 1, Key: key(505, "b"), AppliedAt: &at}, pool.Entry{Format: 1, Key: key(505, "a"), AppliedAt: &at, LastError: "halted"}))
	step("apply: 1 to replace; run 7\n\n505/c: to replace\n", put(calling("c", pool.OpReplace, "")))
	step("apply: 1 replace not carried out; run 7\n\n505/c: replace not carried out\n", func() { r.Delete(key(505, "c")) })
	step("apply: 1 recorded; run 7\n\n505/a: recorded\n", put(small("a", "verified")))
	step("apply: 1 forgotten; run 7\n\n505/a: forgotten\n", func() { r.Delete(key(505, "a")) })
	step("apply: consumer key bound; run 7\n\n", func() { r.BindKey("h") })
	var many []pool.Entry
	for i := range 60 {
		many = append(many, calling(pool.Reference(fmt.Sprintf("m%02d", i)), pool.OpEdit, ""))
	}
	s.messages = nil
	r.Put(many...)
	require.NoError(t, r.Flush())
	require.Contains(t, s.messages[0], "apply: 60 to edit; run 7\n")
	require.Contains(t, s.messages[0], "505/m49: to edit\nand 10 more\n")
}

// TestMessageOfAGroup: what one commit gathers of a pool is told once.
func TestMessageOfAGroup(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g, bare := onBranch(t)
		r := state.NewRecorder(take(t, g), "apply")
		r.Put(calling("a", pool.OpCreate, ""))
		r.Put(calling("a", pool.OpCreate, "j"))
		r.Put(pool.Entry{Format: 1, Key: key(505, "a"), AppliedAt: &at})
		edit := calling("a", pool.OpEdit, "")
		edit.AppliedAt = &at
		r.Put(edit)
		require.NoError(t, r.Close(t.Context()))
		same(t, "message", "apply: 1 created, 1 to edit\n\n505/a: created, to edit", strings.Split(git(t, bare, "log", "-1", "--format=%B", tip+"~1"), "\n\nPoolsync")[0])
	})
}

// leased is a session with a lease of five minutes and slow commits.
type leased struct {
	told
	mu    sync.Mutex
	until time.Time
}

func (s *leased) Remaining() time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	return max(0, time.Until(s.until))
}

func (s *leased) Renew(ctx context.Context) error { return s.Commit(ctx, "renewed", state.Change{}) }
func (s *leased) TookOver() *state.Holder         { return nil }
func (s *leased) Notices() []string               { return nil }

func (s *leased) Commit(ctx context.Context, message string, c state.Change) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.until = time.Now().Add(5 * time.Minute)
	return s.told.Commit(ctx, message, c)
}

// TestRenewal: a lease that nothing is written under is renewed when a third of
// it has passed, until the recorder is closed.
func TestRenewal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &leased{}
		r := state.NewRecorder(s, "apply")
		pass(time.Hour)
		same(t, "nothing was committed yet", 0, len(s.messages))
		r.Put(small("a", "one"))
		require.NoError(t, r.Flush())
		for range 59 {
			pass(time.Minute)
			if left := r.Remaining(); left < 3*time.Minute {
				t.Errorf("%s are left", left)
			}
		}
		same(t, "written", 1+35, len(s.messages))
		require.NoError(t, r.Close(t.Context()))
		pass(time.Hour)
		same(t, "after closing", 1+35, len(s.messages))
	})
}

// TestFiveThousandCreations: a run of 100 calls whose jobs end one by one over
// five minutes needs at most 12 pushes, giving the lease back included.
func TestFiveThousandCreations(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g, bare := onBranch(t)
		g.Now = nil
		r := state.NewRecorder(take(t, g), "apply: run r1")
		batch := func(i int, entry func(pool.Reference) pool.Entry) {
			var out []pool.Entry
			for j := range 50 {
				out = append(out, entry(pool.Reference(strconv.Itoa(i*50+j))))
			}
			r.Put(out...)
		}
		for i := range 100 {
			batch(i, func(ref pool.Reference) pool.Entry { return calling(ref, pool.OpCreate, "") })
		}
		r.BindKey("hash")
		require.NoError(t, r.Flush())
		same(t, "one commit has all that is about to be sent", "1", git(t, bare, "rev-list", "--count", tip))
		for i := range 100 {
			pass(100 * time.Millisecond)
			batch(i, func(ref pool.Reference) pool.Entry { return calling(ref, pool.OpCreate, "j") })
		}
		require.NoError(t, r.Flush())
		for i := range 100 {
			pass(3 * time.Second)
			batch(i, func(ref pool.Reference) pool.Entry { return pool.Entry{Format: 1, Key: key(505, ref), AppliedAt: &at} })
			require.NoError(t, r.Err())
			require.Greater(t, r.Remaining(), time.Minute)
		}
		require.NoError(t, r.Close(t.Context()))
		n, err := strconv.Atoi(git(t, bare, "rev-list", "--count", tip))
		require.NoError(t, err)
		require.LessOrEqual(t, n, 12)
		snap := look(t, g)
		same(t, "entries", 5000, len(snap.Entries))
		same(t, "key", "hash", snap.KeyHash)
		t.Log(n, "pushes")
	})
}
