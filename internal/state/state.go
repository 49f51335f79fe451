// Package state keeps what poolsync last applied to each item pool, because get
// never returns content. Entries come in and go out; where they are kept is the
// business of a store. The package never talks to the item bank and never
// decides what an entry means.
package state

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"maps"
	"math"
	"slices"
	"time"

	"github.com/poolsync/poolsync/internal/pool"
)

// Snapshot is the state as it was read at one version.
type Snapshot struct {
	Version string // opaque; differs whenever the state does
	// KeyHash binds the entries of the primary bank, which the API never names,
	// to the consumer key whose primary bank it is (see HashKey).
	KeyHash string
	Entries map[pool.Key]pool.Entry
	Holder  *Holder // whoever holds the state now, as far as the store can tell
	Losses  []Loss  // what was part of the state when it was last seen here
}

// Clone copies the snapshot so that changes to the copy's map stay there.
func (s Snapshot) Clone() Snapshot {
	s.Entries = maps.Clone(s.Entries)
	if s.Entries == nil {
		s.Entries = map[pool.Key]pool.Entry{}
	}
	return s
}

// Keys lists the keys of all entries in order.
func (s Snapshot) Keys() []pool.Key {
	return slices.SortedFunc(maps.Keys(s.Entries), pool.Key.Compare)
}

// Holder is who holds the state. Who, where and run only inform.
type Holder struct {
	Who   string    `json:"who"`
	Where string    `json:"where"`
	Run   string    `json:"run"`
	Since time.Time `json:"since"`
	// Commit is that of the manifests; Nonce tells apart runs that are alike in
	// all else. The store sets the nonce.
	Commit string `json:"commit,omitempty"`
	Nonce  string `json:"nonce,omitempty"`
	// Until is when the hold ends by itself, in server time; zero where it ends
	// with the holder's process. The store sets it.
	Until time.Time `json:"until,omitzero"`
}

// String names the holder for a message.
func (h Holder) String() string {
	text := h.Who + " on " + h.Where
	if !h.Since.IsZero() {
		text += " since " + deadline(h.Since)
	}
	if h.Run != "" {
		text += " (run " + h.Run + ")"
	}
	if !h.Until.IsZero() {
		text += ", until " + deadline(h.Until)
	}
	return text
}

// Change is what one commit does to the state.
type Change struct {
	Put     []pool.Entry
	Delete  []pool.Key
	KeyHash string // set when not empty
}

// Empty reports whether the change does nothing.
func (c Change) Empty() bool { return len(c.Put) == 0 && len(c.Delete) == 0 && c.KeyHash == "" }

// Apply carries the change out on entries in memory.
func (c Change) Apply(s *Snapshot) {
	for _, e := range c.Put {
		s.Entries[e.Key] = e
	}
	for _, k := range c.Delete {
		delete(s.Entries, k)
	}
	if c.KeyHash != "" {
		s.KeyHash = c.KeyHash
	}
}

// Store is a place that keeps the state.
type Store interface {
	// Name is the store as the user writes it: "file:.poolsync/state.json".
	Name() string
	// Read gives the state without taking it. A state that was never written
	// is empty, not an error. With a *CorruptError comes what could be read.
	Read(ctx context.Context) (Snapshot, error)
	// Acquire takes the state for writing. A state that someone else holds is
	// a *HeldError.
	Acquire(ctx context.Context, h Holder) (Session, error)
	// Unlock ends the hold of a run that is no more, and gives who held the
	// state; nil if nobody did, and without a name if the hold is damaged.
	Unlock(ctx context.Context) (*Holder, error)
}

// Session is a state that is held for writing. The sessions of this package are
// Leased too.
type Session interface {
	// Snapshot gives the state as it was when it was taken.
	Snapshot() Snapshot
	// Commit makes one change durable; when it returns nil, the change
	// survives the death of the process. ErrMoved: nothing is recorded, start
	// again. *LostError: the state is another run's now.
	Commit(ctx context.Context, message string, c Change) error
	// Close gives the state back.
	Close() error
}

// Leased is a session whose hold may end by itself.
type Leased interface {
	// Remaining is how long the state is still held. It is 0 before the first
	// commit of a store that takes its lease with it, and after the session was
	// lost; Forever where the hold ends with the process.
	Remaining() time.Duration
	// Renew extends the hold without a change. Every commit does so too.
	Renew(ctx context.Context) error
	// TookOver is the run whose hold had run out, nil if there was none.
	TookOver() *Holder
	// Notices are sentences for the user about what was found on taking the state.
	Notices() []string
}

// Forever is what remains of a hold that does not end by itself.
const Forever = time.Duration(math.MaxInt64)

const (
	// leaseTime is how long a lease holds without being renewed.
	leaseTime = 5 * time.Minute
	// renewAfter is when a lease is renewed by itself.
	renewAfter = leaseTime / 3
	// farFuture is how far ahead the end of an honest lease can lie, clocks that
	// differ included.
	farFuture = 2 * leaseTime
)

// HashKey gives what binds a primary bank's entries to a consumer key without
// showing the key.
func HashKey(consumerKey string) string {
	sum := sha256.Sum256([]byte("poolsync primary bank " + consumerKey))
	return hex.EncodeToString(sum[:8])
}

// None is the store that remembers nothing, for commands that only read.
type None struct{}

// Name is "none".
func (None) Name() string { return "none" }

// Read gives an empty state.
func (None) Read(context.Context) (Snapshot, error) {
	return Snapshot{Entries: map[pool.Key]pool.Entry{}}, nil
}

// Acquire refuses: without a state, recovery from a lost answer could not work.
func (None) Acquire(context.Context, Holder) (Session, error) {
	return nil, errors.New("--state none remembers nothing, so nothing may be written with it")
}

// Unlock has nothing to do.
func (None) Unlock(context.Context) (*Holder, error) { return nil, nil }

// sort puts the change in key order, so that the same change is always written
// in the same bytes.
func (c Change) sort() {
	slices.SortFunc(c.Put, func(a, b pool.Entry) int { return a.Key.Compare(b.Key) })
	slices.SortFunc(c.Delete, pool.Key.Compare)
}

// keys are the pools that the change is about.
func (c Change) keys() map[pool.Key]bool {
	out := make(map[pool.Key]bool, len(c.Put)+len(c.Delete))
	for _, e := range c.Put {
		out[e.Key] = true
	}
	for _, k := range c.Delete {
		out[k] = true
	}
	return out
}
