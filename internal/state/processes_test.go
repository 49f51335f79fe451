//go:build unix

package state_test

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/poolsync/poolsync/internal/pool"
	"github.com/poolsync/poolsync/internal/state"
)

// The test program starts itself as a worker where this is set: a small apply
// whose bank is a file of calls and whose server clock is a file too.
const workerEnv = "POOLSYNC_STATE_TEST_WORKER"

func init() {
	runWorker = func() (bool, error) {
		name := os.Getenv(workerEnv)
		if name == "" {
			return false, nil
		}
		return true, newWorker(name).run()
	}
}

// workPools is how many pools the workers bring into being together.
const workPools = 10

var thorough = flag.Bool("thorough", false, "more processes at once")

type worker struct {
	name  string
	store state.Git
	bank  string
	stop  string // where to stop itself, once
}

func newWorker(name string) *worker {
	w := &worker{name: name, bank: os.Getenv("TEST_BANK"), stop: os.Getenv("TEST_STOP")}
	clock := os.Getenv("TEST_CLOCK")
	w.store = state.Git{Dir: os.Getenv("TEST_DIR"), Pause: 10 * time.Millisecond, Now: func() time.Time {
		data, err := os.ReadFile(clock)
		if err != nil {
			panic(err)
		}
		now, err := time.Parse(time.RFC3339, string(data))
		if err != nil {
			panic(err)
		}
		return now
	}}
	return w
}

// maxOutOfReach is how often a worker begins again when the remote was too busy
// for all tries of a push.
const maxOutOfReach = 100

// run works until every pool is applied, as whoever gets the state.
func (w *worker) run() error {
	away := 0
	for n := 0; ; n++ {
		s, err := w.store.Acquire(context.Background(), state.Holder{Who: w.name, Where: "test", Run: fmt.Sprint(w.name, n), Since: w.store.Now()})
		if held := (*state.HeldError)(nil); errors.As(err, &held) {
			continue
		}
		if outOfReach(err) && away < maxOutOfReach {
			away++
			continue
		}
		if err != nil {
			return err
		}
		r := state.NewRecorder(s, "apply: run "+w.name)
		done, err := w.apply(r, fmt.Sprint(w.name, n))
		err = errors.Join(err, r.Close(context.Background()))
		switch lost := (*state.LostError)(nil); {
		case errors.Is(err, state.ErrMoved):
		case errors.As(err, &lost):
			fmt.Println("lost:", lost)
		case outOfReach(err) && away < maxOutOfReach:
			away++
		case err != nil:
			return err
		case done:
			return nil
		}
	}
}

func outOfReach(err error) bool {
	var remote *state.RemoteError
	return errors.As(err, &remote) && !remote.Refused
}

// apply carries out up to three pools: settles what others left, records, calls,
// records.
func (w *worker) apply(r *state.Recorder, run string) (done bool, err error) {
	now := r.Snapshot().Entries
	var todo []pool.Entry
	done = true
	for i := range workPools {
		k := key(505, pool.Reference(fmt.Sprintf("p%02d", i)))
		e, known := now[k]
		if known && e.Pending == nil {
			continue
		}
		if known && w.called(k) {
			r.Put(applied(e))
			continue
		}
		if done = false; len(todo) < 3 {
			todo = append(todo, pool.Entry{Format: 1, Key: k, Pending: &pool.PendingCall{Run: run, Operation: pool.OpCreate, Verb: pool.Set, At: w.store.Now()}})
		}
	}
	r.Put(todo...)
	if err := r.Flush(); err != nil {
		return false, err
	}
	for i, e := range todo {
		if i == 2 {
			w.pauseAt("before a call")
		}
		if r.Err() != nil || r.Remaining() < time.Minute {
			return false, r.Renew(context.Background())
		}
		if err := w.call(e.Key); err != nil {
			return false, err
		}
		if i == 2 {
			w.pauseAt("after a call")
		}
		r.Put(applied(e))
	}
	return done, r.Flush()
}

func applied(e pool.Entry) pool.Entry {
	e.AppliedAt, e.Pending = &e.Pending.At, nil
	return e
}

// call is what must not happen twice.
func (w *worker) call(k pool.Key) error {
	f, err := os.OpenFile(w.bank, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(f, "%s\n", k)
	return errors.Join(err, f.Close())
}

func (w *worker) called(k pool.Key) bool {
	data, _ := os.ReadFile(w.bank)
	return bytes.Contains(data, []byte(k.String()+"\n"))
}

// pauseAt stops this process once, as kill -STOP does. The signal stops one
// thread after another: until it is woken again this one goes no further.
func (w *worker) pauseAt(where string) {
	if w.stop == where {
		w.stop = ""
		woken := make(chan os.Signal, 1)
		signal.Notify(woken, syscall.SIGCONT)
		_ = syscall.Kill(os.Getpid(), syscall.SIGSTOP)
		<-woken
	}
}

// works is a remote with a bank and a clock.
type works struct{ bare, bank, clock string }

func newWorks(t *testing.T) works {
	t.Helper()
	bare, _ := remoteRepo(t)
	w := works{bare, filepath.Join(tempDir(t), "bank"), filepath.Join(tempDir(t), "clock")}
	w.setClock(t, at)
	return w
}

func (w works) setClock(t *testing.T, now time.Time) {
	t.Helper()
	require.NoError(t, os.WriteFile(w.clock+".new", []byte(now.Format(time.RFC3339)), 0o600))
	require.NoError(t, os.Rename(w.clock+".new", w.clock))
}

type process struct {
	*exec.Cmd
	output *bytes.Buffer
}

// begin starts a worker with a clone of its own.
func (w works) begin(t *testing.T, name, stop string) process {
	t.Helper()
	dir := filepath.Join(tempDir(t), name)
	git(t, w.bare, "clone", "--quiet", w.bare, dir)
	p := process{exec.Command(os.Args[0]), &bytes.Buffer{}}
	p.Env = append(os.Environ(), workerEnv+"="+name, "TEST_DIR="+dir, "TEST_BANK="+w.bank, "TEST_CLOCK="+w.clock, "TEST_STOP="+stop)
	p.Stdout, p.Stderr = p.output, p.output
	require.NoError(t, p.Start())
	t.Cleanup(func() { _ = p.Process.Kill() })
	return p
}

func (p process) end(t *testing.T) string {
	t.Helper()
	require.NoError(t, p.Wait(), p.output)
	return p.output.String()
}

// check: every pool was called for once, and the state has them all.
func (w works) check(t *testing.T) {
	t.Helper()
	data, err := os.ReadFile(w.bank)
	require.NoError(t, err)
	calls := map[string]int{}
	for line := range strings.Lines(string(data)) {
		calls[line]++
	}
	same(t, "pools called for", workPools, len(calls))
	same(t, "calls", workPools, strings.Count(string(data), "\n"))
	dir := filepath.Join(tempDir(t), "check")
	git(t, w.bare, "clone", "--quiet", w.bare, dir)
	snap := look(t, state.Git{Dir: dir, Now: func() time.Time { return at }})
	same(t, "entries", workPools, len(snap.Entries))
	for _, k := range snap.Keys() {
		same(t, "pending", nil, snap.Entries[k].Pending)
	}
	same(t, "holder", nil, snap.Holder)
	git(t, w.bare, "fsck", "--strict")
}

// TestProcesses: several at once do the work of one.
func TestProcesses(t *testing.T) {
	t.Parallel()
	sizes := []int{3}
	if *thorough {
		sizes = []int{2, 5, 8}
	}
	for _, n := range sizes {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			w := newWorks(t)
			var all []process
			for i := range n {
				all = append(all, w.begin(t, fmt.Sprint("w", i), ""))
			}
			for _, p := range all {
				p.end(t)
			}
			w.check(t)
		})
	}
}

// TestPausedProcess: a process is stopped past its lease and woken when another
// has taken over. It sends nothing and writes nothing more.
func TestPausedProcess(t *testing.T) {
	for _, where := range []string{"before a call", "after a call"} {
		t.Run(where, func(t *testing.T) {
			t.Parallel()
			w := newWorks(t)
			paused := w.begin(t, "paused", where)
			var status syscall.WaitStatus
			_, err := syscall.Wait4(paused.Process.Pid, &status, syscall.WUNTRACED, nil)
			require.NoError(t, err)
			require.True(t, status.Stopped(), "%v %s", status, paused.output)
			w.setClock(t, at.Add(10*time.Minute))
			w.begin(t, "other", "").end(t)
			w.check(t)
			before := git(t, w.bare, "rev-parse", tip)
			require.NoError(t, paused.Process.Signal(syscall.SIGCONT))
			require.Contains(t, paused.end(t), "lost: the lease of state git:poolsync-state was lost")
			w.check(t)
			same(t, "branch", before, git(t, w.bare, "rev-parse", tip))
		})
	}
}
