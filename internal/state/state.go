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
	"fmt"
	"maps"
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

// Holder is who holds the state. It informs; it decides nothing.
type Holder struct {
	Who   string    `json:"who"`
	Where string    `json:"where"`
	Run   string    `json:"run"`
	Since time.Time `json:"since"`
}

// String names the holder for a message.
func (h Holder) String() string {
	return fmt.Sprintf("%s on %s since %s (run %s)", h.Who, h.Where, h.Since.UTC().Format(time.RFC3339), h.Run)
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
	// is empty, not an error.
	Read(ctx context.Context) (Snapshot, error)
	// Acquire takes the state for writing. A state that someone else holds is
	// a *HeldError.
	Acquire(ctx context.Context, h Holder) (Session, error)
}

// Session is a state that is held for writing.
type Session interface {
	// Snapshot gives the state as it was when it was taken.
	Snapshot() Snapshot
	// Commit makes one change durable; when it returns nil, the change
	// survives the death of the process.
	Commit(ctx context.Context, message string, c Change) error
	// Close gives the state back.
	Close() error
}

// HeldError says that someone else holds the state.
type HeldError struct {
	Store  string
	Holder *Holder
}

// Error names the store and whoever holds it.
func (e *HeldError) Error() string {
	if e.Holder == nil {
		return fmt.Sprintf("state %s is held by another run", e.Store)
	}
	return fmt.Sprintf("state %s is held by %s", e.Store, e.Holder)
}

// CorruptError says that a stored state cannot be read. Nothing was written.
type CorruptError struct {
	Path string
	Err  error
}

// Error names the file and what is wrong in it.
func (e *CorruptError) Error() string {
	return fmt.Sprintf("state %s cannot be read: %v", e.Path, e.Err)
}

// Unwrap gives the cause.
func (e *CorruptError) Unwrap() error { return e.Err }

// ErrNewerFormat says that a newer poolsync wrote the state.
var ErrNewerFormat = errors.New("it was written by a newer version of poolsync; update poolsync")

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

// sort puts the change in key order, so that the same change is always written
// in the same bytes.
func (c Change) sort() {
	slices.SortFunc(c.Put, func(a, b pool.Entry) int { return a.Key.Compare(b.Key) })
	slices.SortFunc(c.Delete, pool.Key.Compare)
}
