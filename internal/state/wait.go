package state

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/poolsync/poolsync/internal/pool"
)

const (
	firstPause = time.Second
	maxPause   = 15 * time.Second
)

// AcquireWait takes the state and, while someone else holds it, tries again with
// growing pauses until the timeout has passed. The error is the last refusal's.
func AcquireWait(ctx context.Context, s Store, h Holder, timeout time.Duration) (Session, error) {
	end := time.Now().Add(timeout)
	for pause := firstPause; ; pause = min(2*pause, maxPause) {
		session, err := s.Acquire(ctx, h)
		var held *HeldError
		left := time.Until(end)
		if !errors.As(err, &held) || left <= 0 {
			return session, err
		}
		if cause := wait(ctx, min(pause, left)); cause != nil {
			return nil, errors.Join(err, cause)
		}
	}
}

// wait waits, or gives why the context ended.
func wait(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// Copy brings the whole state of one store into another, which has to be empty
// or the same, and gives how many entries were written. Nobody may hold either.
func Copy(ctx context.Context, from, to Store, h Holder) (int, error) {
	source, err := from.Read(ctx)
	if err != nil {
		return 0, err
	}
	if h := source.Holder; h != nil {
		if g, isGit := from.(Git); isGit {
			return 0, heldError(g.Name(), h, g.now())
		}
		return 0, &HeldError{Store: from.Name(), Holder: h}
	}
	session, err := to.Acquire(ctx, h)
	if err != nil {
		return 0, err
	}
	n, err := copyInto(ctx, source, session, from.Name(), to.Name())
	return n, errors.Join(err, session.Close())
}

func copyInto(ctx context.Context, source Snapshot, to Session, fromName, toName string) (int, error) {
	target := to.Snapshot()
	if len(target.Entries) > 0 || target.KeyHash != "" {
		if same, err := equal(source, target); err != nil || same {
			return 0, err
		}
		return 0, fmt.Errorf("copy state: %s already holds a state of %d %s, which differs from %s; choose an empty branch or file",
			toName, len(target.Entries), plural(len(target.Entries), "pool"), fromName)
	}
	c := Change{KeyHash: source.KeyHash}
	for _, k := range source.Keys() {
		c.Put = append(c.Put, source.Entries[k])
	}
	if c.Empty() {
		return 0, nil
	}
	return len(c.Put), to.Commit(ctx, fmt.Sprintf("copy: %d entries from %s", len(c.Put), fromName), c)
}

// equal compares two states as they would be stored.
func equal(a, b Snapshot) (bool, error) {
	if a.KeyHash != b.KeyHash || len(a.Entries) != len(b.Entries) {
		return false, nil
	}
	for k, e := range a.Entries {
		other, ok := b.Entries[k]
		if !ok {
			return false, nil
		}
		if same, err := equalEntries(e, other); err != nil || !same {
			return false, err
		}
	}
	return true, nil
}

func equalEntries(a, b pool.Entry) (bool, error) {
	x, err := json.Marshal(a)
	if err != nil {
		return false, err
	}
	y, err := json.Marshal(b)
	return bytes.Equal(x, y), err
}
