package state

import (
	"context"
	"sync"

	"github.com/poolsync/poolsync/internal/pool"
)

// Recorder gathers changes into group commits: at most one write of the store
// is under way, and the next carries everything that came in meanwhile. It is
// safe for use by several goroutines.
type Recorder struct {
	session Session
	message string

	mu      sync.Mutex
	idle    sync.Cond // signalled when a commit has ended
	now     Snapshot
	waiting map[pool.Key]*pool.Entry // nil: delete
	keyHash string
	writing bool
	err     error
}

// NewRecorder records into a held state. The message heads every commit.
func NewRecorder(s Session, message string) *Recorder {
	r := &Recorder{session: s, message: message, now: s.Snapshot().Clone(), waiting: map[pool.Key]*pool.Entry{}}
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
		r.now.Entries[e.Key] = e
		r.waiting[e.Key] = &e
	}
	r.start()
}

// Delete records that pools are forgotten.
func (r *Recorder) Delete(keys ...pool.Key) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, k := range keys {
		delete(r.now.Entries, k)
		r.waiting[k] = nil
	}
	r.start()
}

// BindKey records which consumer key the primary bank's entries belong to.
func (r *Recorder) BindKey(hash string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.now.KeyHash != hash {
		r.now.KeyHash, r.keyHash = hash, hash
		r.start()
	}
}

// start begins a commit unless one is under way, which then goes on by itself.
// A store that failed is not tried again: what it holds is no longer certain.
func (r *Recorder) start() {
	if r.writing || r.err != nil || (len(r.waiting) == 0 && r.keyHash == "") {
		return
	}
	c := Change{KeyHash: r.keyHash}
	for k, e := range r.waiting {
		if e == nil {
			c.Delete = append(c.Delete, k)
		} else {
			c.Put = append(c.Put, *e)
		}
	}
	c.sort()
	r.waiting, r.keyHash, r.writing = map[pool.Key]*pool.Entry{}, "", true
	go r.commit(c)
}

// commit writes without a context: what was sent to the bank is recorded even
// when the run is being cancelled.
func (r *Recorder) commit(c Change) {
	err := r.session.Commit(context.Background(), r.message, c)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.writing = false
	if err != nil {
		r.err = err
	}
	r.start()
	r.idle.Broadcast()
}

// Flush waits until everything recorded so far is written, and gives the first
// error that the store had.
func (r *Recorder) Flush() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	for r.writing {
		r.idle.Wait()
	}
	return r.err
}
