package state

import (
	"errors"
	"fmt"
	"time"

	"github.com/poolsync/poolsync/internal/git"
)

// HeldError says that someone else holds the state.
type HeldError struct {
	Store  string
	Holder *Holder
	// Suspicious is set when the lease ends later than any run could have asked
	// for: a clock was wrong, or someone edited it. It is respected all the same.
	Suspicious bool
	// Unsure is set when the lease has run out by the local clock and the
	// server's time, which counts, is not known.
	Unsure bool
}

// heldError is the refusal of a branch, at a time.
func heldError(store string, h *Holder, now time.Time) *HeldError {
	return &HeldError{Store: store, Holder: h, Suspicious: h.Until.After(now.Add(farFuture)), Unsure: !h.Until.After(now)}
}

// Error names the store, whoever holds it, and until when if that is known.
func (e *HeldError) Error() string {
	if e.Holder == nil {
		return fmt.Sprintf("state %s is held by another run", e.Store)
	}
	msg := fmt.Sprintf("state %s is held by %s", e.Store, e.Holder)
	if e.Unsure {
		msg += "; by the local clock that is over, but leases are in the server's time, which is not known here, so it may still hold"
	}
	if e.Suspicious {
		msg += fmt.Sprintf("; no run asks for more than %s, so a clock was wrong or the lease was edited", leaseTime)
	}
	return msg
}

// Hint says what to do: wait, or end a lease whose run is no more.
func (e *HeldError) Hint() string {
	if e.Holder == nil || e.Holder.Until.IsZero() {
		return "to wait for that run to end: --lock-timeout 10m"
	}
	if e.Unsure {
		return "try again with the credentials set and the Data API in reach, which tells its time; or make sure that no run is at work, then end the lease: poolsync state unlock"
	}
	if e.Suspicious {
		return "make sure that no run is at work, then end the lease: poolsync state unlock"
	}
	return "to wait for it: --lock-timeout; if that run is no more, its lease ends by itself, or at once by: poolsync state unlock"
}

// CorruptError says that a stored state cannot be used as it is. Nothing was
// written.
type CorruptError struct {
	Path   string // the file, or the store and branch
	Err    error
	Remedy string // what to do next
}

// Error names the place and what is wrong there.
func (e *CorruptError) Error() string {
	return fmt.Sprintf("state %s cannot be read: %v", e.Path, e.Err)
}

// Unwrap gives the cause.
func (e *CorruptError) Unwrap() error { return e.Err }

// Hint says what to do next.
func (e *CorruptError) Hint() string { return e.Remedy }

// ErrNewerFormat says that a newer poolsync wrote the state.
var ErrNewerFormat = errors.New("it was written by a newer version of poolsync; update poolsync")

// ErrMoved says that the state changed between reading it and the first commit
// of a session. Nothing was recorded, so nothing may be sent: close the session
// and start again from reading.
var ErrMoved = errors.New("the state was changed by another run since it was read")

// LostError says that the state was taken away from a session that had it: its
// lease ran out and another run took over, or someone unlocked it. Nothing more
// may be sent to the bank.
type LostError struct {
	Store string
	By    *Holder // who holds the state now, nil if that cannot be told
	Lock  string  // the lock that was removed, where it is one
}

// Error says whose the state is now.
func (e *LostError) Error() string {
	if e.Lock != "" {
		return fmt.Sprintf("state %s was lost: %s was removed while this run held it", e.Store, e.Lock)
	}
	msg := "the lease of state " + e.Store + " was lost"
	if e.By != nil {
		msg += ": it is held by " + e.By.String() + " now"
	}
	return msg
}

// Hint says what to do next.
func (e *LostError) Hint() string {
	return "the next apply finds out what became of the calls that were under way; nothing is sent until then"
}

// RemoteError says that the branch of a state could not be read, or not be
// written.
type RemoteError = git.RemoteError

// KeptError says that what happened could not be recorded in the store and lies
// in a local recovery file instead, which the next run there picks up.
type KeptError struct {
	Path  string
	Pools int
	Err   error
}

// Error says what happened and where the records are.
func (e *KeptError) Error() string {
	return fmt.Sprintf("%v; the records of %d %s are kept in %s", e.Err, e.Pools, plural(e.Pools, "pool"), e.Path)
}

// Unwrap gives the cause.
func (e *KeptError) Unwrap() error { return e.Err }

// Hint says what to do next.
func (e *KeptError) Hint() string {
	hint := "the next apply in this repository records them; elsewhere it finds out by itself what became of the calls"
	var inner interface{ Hint() string }
	if errors.As(e.Err, &inner) && inner.Hint() != "" {
		hint = inner.Hint() + "; " + hint
	}
	return hint
}

func plural(n int, word string) string {
	if n == 1 {
		return word
	}
	return word + "s"
}

// deadline gives a time for a message.
func deadline(t time.Time) string { return t.UTC().Format(time.RFC3339) }
