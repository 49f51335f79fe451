package state

import (
	"context"
	"sync"
	"time"

	"github.com/poolsync/poolsync/internal/pool"
)

// Recorder gathers changes into group commits: at most one write of the store
// is under way, and the next carries everything that came in meanwhile. Where a
// write is slow, as a push is, it begins only after a while or when somebody
// waits for it. A lease that nothing is written under is renewed by itself. It
// is safe for use by several goroutines.
type Recorder struct {
	session Session
	message string

	mu      sync.Mutex
	idle    sync.Cond // signalled when a write has ended
	now     Snapshot
	group   group
	writing bool
	ending  chan struct{} // closed when nothing may be written any more
	end     sync.Once
	closed  bool
	groups  int // written so far
	pause   *time.Timer
	renewal *time.Timer
	err     error
	unsaved Change // what the store did not take, once it has failed
	kept    *KeptError
}

// group is what the next commit carries.
type group struct {
	entries map[pool.Key]*pool.Entry // nil: delete
	keyHash string
	story   story
}

func newGroup() group { return group{entries: map[pool.Key]*pool.Entry{}, story: story{}} }

func (g group) empty() bool { return len(g.entries) == 0 && g.keyHash == "" }

func (g group) change() Change {
	c := Change{KeyHash: g.keyHash}
	for k, e := range g.entries {
		if e == nil {
			c.Delete = append(c.Delete, k)
		} else {
			c.Put = append(c.Put, *e)
		}
	}
	c.sort()
	return c
}

// paced is a session whose commits are slow: it says how long to gather changes
// before the n-th group commit, counted from 0.
type paced interface{ gather(n int) time.Duration }

// keeper is a session that can keep elsewhere what its store does not take. It
// adds to what it kept before.
type keeper interface {
	keep(c Change) (path string, err error)
}

// withinCloser is a session whose closing may take long.
type withinCloser interface {
	closeWithin(ctx context.Context) error
}

// NewRecorder records into a held state. The message is "COMMAND" or "COMMAND:
// ABOUT"; every commit's message says between the two what it does, as in
// "apply: 2 created, 1 appended; run 7".
func NewRecorder(s Session, message string) *Recorder {
	r := &Recorder{session: s, message: message, now: s.Snapshot().Clone(), group: newGroup(), ending: make(chan struct{})}
	r.idle.L = &r.mu
	return r
}

// Entry gives a pool's entry as recorded so far, written or not.
func (r *Recorder) Entry(k pool.Key) (pool.Entry, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	e, ok := r.now.Entries[k]
	return e, ok
}

// Snapshot copies the state as recorded so far.
func (r *Recorder) Snapshot() Snapshot {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.now.Clone()
}

// Put records entries. It does not wait until they are written.
func (r *Recorder) Put(entries ...pool.Entry) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, e := range entries {
		before, known := r.now.Entries[e.Key]
		r.group.story.put(before, known, e)
		r.now.Entries[e.Key] = e
		r.group.entries[e.Key] = &e
	}
	r.start()
}

// Delete records that pools are forgotten.
func (r *Recorder) Delete(keys ...pool.Key) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, k := range keys {
		r.group.story.drop(r.now.Entries[k], k)
		delete(r.now.Entries, k)
		r.group.entries[k] = nil
	}
	r.start()
}

// BindKey records which consumer key the primary bank's entries belong to. It
// goes with the next commit.
func (r *Recorder) BindKey(hash string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.now.KeyHash != hash {
		r.now.KeyHash, r.group.keyHash = hash, hash
	}
}

// start begins a commit, now or in a while, unless one is under way, which then
// goes on by itself.
func (r *Recorder) start() {
	if r.writing || r.err != nil || r.pause != nil || len(r.group.entries) == 0 {
		return
	}
	if p, ok := r.session.(paced); ok {
		r.pause = time.AfterFunc(p.gather(r.groups), func() {
			r.mu.Lock()
			defer r.mu.Unlock()
			if r.pause != nil {
				r.begin()
			}
		})
		return
	}
	r.begin()
}

// begin begins a commit. A store that failed is not tried again: what it holds
// is no longer certain.
func (r *Recorder) begin() {
	if r.pause != nil {
		r.pause.Stop()
		r.pause = nil
	}
	if r.writing || r.err != nil || r.group.empty() {
		return
	}
	g := r.group
	r.group, r.writing = newGroup(), true
	r.groups++
	go r.commit(g.change(), g.story.message(r.message))
}

// writingContext is the context of a write. It is not the run's: what was sent to
// the bank is recorded even when the run is being cancelled. Only a flush that
// runs out of time ends it.
func (r *Recorder) writingContext() (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(context.Background())
	go func() {
		select {
		case <-r.ending:
			cancel()
		case <-ctx.Done():
		}
	}()
	return ctx, cancel
}

// breakOff ends the write under way and all that would follow.
func (r *Recorder) breakOff() { r.end.Do(func() { close(r.ending) }) }

func (r *Recorder) commit(c Change, message string) {
	ctx, done := r.writingContext()
	defer done()
	err := r.session.Commit(ctx, message, c)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.ended(err)
	if err != nil {
		r.unsaved = c
		r.keep()
	}
	r.start()
	r.idle.Broadcast()
}

// ended notes how a write ended.
func (r *Recorder) ended(err error) {
	r.writing = false
	if err != nil && r.err == nil {
		r.err = err
	}
	r.schedule()
}

// schedule sees to the lease being renewed in time.
func (r *Recorder) schedule() {
	if r.renewal != nil {
		r.renewal.Stop()
	}
	l, ok := r.session.(Leased)
	if !ok || r.err != nil || r.closed {
		return
	}
	if left := l.Remaining(); left > 0 && left <= leaseTime {
		r.renewal = time.AfterFunc(max(left-(leaseTime-renewAfter), time.Second), func() {
			_ = r.Renew(context.Background()) // Err has it
		})
	}
}

// Renew extends the lease. It waits for a write that is under way, which renews
// it as well. A context that ends meanwhile does not break it off: half a write
// would leave the state uncertain.
func (r *Recorder) Renew(ctx context.Context) error {
	l, ok := r.session.(Leased)
	if !ok {
		return r.Err()
	}
	r.mu.Lock()
	if r.writing || r.err != nil || r.closed {
		for r.writing {
			r.idle.Wait()
		}
		defer r.mu.Unlock()
		return r.err
	}
	if ctx.Err() != nil {
		defer r.mu.Unlock()
		return context.Cause(ctx)
	}
	r.writing = true
	r.mu.Unlock()
	write, done := r.writingContext()
	defer done()
	err := l.Renew(write)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.ended(err)
	r.start()
	r.idle.Broadcast()
	return r.err
}

// Remaining is how long the state is still held; 0 once a write has failed. See
// Leased.
func (r *Recorder) Remaining() time.Duration {
	if r.Err() != nil {
		return 0
	}
	if l, ok := r.session.(Leased); ok {
		return l.Remaining()
	}
	return Forever
}

// Err gives the first error that the store had, without waiting. After one, no
// call may be sent any more.
func (r *Recorder) Err() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.err
}

// Flush waits until everything recorded so far is written, and gives the first
// error that the store had. What the store did not take is kept elsewhere if the
// session can do that; the error is a *KeptError then.
func (r *Recorder) Flush() error { return r.FlushContext(context.Background()) }

// FlushContext is Flush for a run that has to end: when the context ends, the
// write under way is broken off and what is left of it is kept elsewhere. The
// recorder writes nothing after that.
func (r *Recorder) FlushContext(ctx context.Context) error {
	defer context.AfterFunc(ctx, r.breakOff)()
	r.mu.Lock()
	defer r.mu.Unlock()
	for r.writing || (r.err == nil && !r.group.empty()) {
		r.begin()
		if r.writing {
			r.idle.Wait()
		}
	}
	if r.err == nil {
		return nil
	}
	r.keep()
	if r.kept != nil {
		return r.kept
	}
	return r.err
}

// Close flushes, and gives the state back, until the context ends. The context
// of a run that was interrupted has ended already: give Close one of its own.
func (r *Recorder) Close(ctx context.Context) error {
	err := r.FlushContext(ctx)
	r.mu.Lock()
	r.closed = true
	r.schedule()
	for r.writing {
		r.idle.Wait()
	}
	r.mu.Unlock()
	end := r.session.Close
	if c, ok := r.session.(withinCloser); ok {
		end = func() error { return c.closeWithin(ctx) }
	}
	if closed := end(); err == nil {
		err = closed
	}
	return err
}

// keep keeps what the store does not take, as far as the session can. What comes
// in after the failure is added at the next flush.
func (r *Recorder) keep() {
	k, ok := r.session.(keeper)
	if !ok || (r.unsaved.Empty() && r.group.empty()) {
		return
	}
	all := group{entries: map[pool.Key]*pool.Entry{}}
	for _, c := range []Change{r.unsaved, r.group.change()} {
		for _, e := range c.Put {
			all.entries[e.Key] = &e
		}
		for _, key := range c.Delete {
			all.entries[key] = nil
		}
	}
	path, err := k.keep(all.change())
	if err != nil || path == "" {
		return
	}
	r.unsaved, r.group = Change{}, newGroup()
	n := len(all.entries)
	if r.kept != nil {
		n += r.kept.Pools
	}
	r.kept = &KeptError{Path: path, Pools: n, Err: r.err}
}
