package state_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/poolsync/poolsync/internal/pool"
	"github.com/poolsync/poolsync/internal/state"
)

// slowSession is a state whose commits wait until they are let through.
type slowSession struct {
	start state.Snapshot
	pass  chan error

	mu      sync.Mutex
	commits []state.Change
	flying  int
	most    int
}

func (s *slowSession) Snapshot() state.Snapshot { return s.start }
func (s *slowSession) Close() error             { return nil }

func (s *slowSession) Commit(_ context.Context, _ string, c state.Change) error {
	s.mu.Lock()
	s.flying++
	s.most = max(s.most, s.flying)
	s.commits = append(s.commits, c)
	s.mu.Unlock()
	err := <-s.pass
	s.mu.Lock()
	s.flying--
	s.mu.Unlock()
	return err
}

func newSlow() *slowSession { return &slowSession{pass: make(chan error)} }

// TestGroupCommits: one write at a time, and the next carries everything since.
func TestGroupCommits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSlow()
		r := state.NewRecorder(s, "m")
		r.Put(small("a", "1"))
		r.Put(small("b", "1"), small("a", "2"))
		r.Delete(key(505, "b"))
		r.Put(small("c", "1"))
		r.BindKey("hash")
		r.Put(small("a", "3"))
		synctest.Wait()
		got, _ := r.Entry(key(505, "a"))
		same(t, "recorded before it is written", small("a", "3"), got)
		_, ok := r.Entry(key(505, "b"))
		same(t, "deleted", false, ok)
		same(t, "snapshot", 2, len(r.Snapshot().Entries))
		flushed := make(chan error)
		go func() { flushed <- r.Flush() }()
		s.pass <- nil
		s.pass <- nil
		require.NoError(t, <-flushed)
		same(t, "commits", []state.Change{
			{Put: []pool.Entry{small("a", "1")}},
			{Put: []pool.Entry{small("a", "3"), small("c", "1")}, Delete: []pool.Key{key(505, "b")}, KeyHash: "hash"},
		}, s.commits)
		same(t, "at the same time", 1, s.most)
		r.BindKey("hash")
		require.NoError(t, r.Flush())
		same(t, "bound already", 2, len(s.commits))
	})
}

// TestRecorderUnderLoad: many goroutines, few commits, nothing lost.
func TestRecorderUnderLoad(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSlow()
		r := state.NewRecorder(s, "m")
		var writers sync.WaitGroup
		for i := range 100 {
			writers.Go(func() { r.Put(small(pool.Reference(fmt.Sprint(i)), "1")) })
		}
		writers.Wait()
		flushed := make(chan error)
		go func() { flushed <- r.Flush() }()
		s.pass <- nil
		s.pass <- nil
		require.NoError(t, <-flushed)
		written := state.Snapshot{}.Clone()
		for _, c := range s.commits {
			c.Apply(&written)
		}
		same(t, "written", 100, len(written.Entries))
		same(t, "commits", 2, len(s.commits))
	})
}

// TestRecorderStopsAtAnError: what the store holds is no longer certain.
func TestRecorderStopsAtAnError(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSlow()
		r := state.NewRecorder(s, "m")
		broken := errors.New("disk full")
		r.Put(small("a", "1"))
		r.Put(small("b", "1"))
		s.pass <- broken
		same(t, "flushed", true, errors.Is(r.Flush(), broken))
		r.Put(small("c", "1"))
		r.Delete(key(505, "a"))
		same(t, "flushed again", true, errors.Is(r.Flush(), broken))
		same(t, "commits", 1, len(s.commits))
		same(t, "still known", 2, len(r.Snapshot().Entries))
	})
}

// TestRecorderLeavesTheSnapshot of the session as it was taken.
func TestRecorderLeavesTheSnapshot(t *testing.T) {
	f := inFolder(t)
	s := acquire(t, f)
	r := state.NewRecorder(s, "m")
	r.Put(small("a", "1"))
	require.NoError(t, r.Flush())
	same(t, "session", 0, len(s.Snapshot().Entries))
	same(t, "durable", 1, len(read(t, f).Entries))
	require.NoError(t, s.Close())
	same(t, "empty change", true, state.Change{}.Empty())
}
