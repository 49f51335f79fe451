package apply

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/poolsync/poolsync/internal/bank"
	"github.com/poolsync/poolsync/internal/pool"
)

// maxAge is how old the live record may be that a call rests on when it leaves.
const maxAge = 5 * time.Second

// heldError says why a call did not leave: for the whole batch, or for some of its
// pools. Those that moved are planned anew.
type heldError struct {
	all    error
	frozen map[pool.Key]error
	moved  map[pool.Key]error
}

// Error gives one of the reasons.
func (e *heldError) Error() string {
	for _, m := range []map[pool.Key]error{e.frozen, e.moved} {
		for k, err := range m {
			return k.String() + ": " + err.Error()
		}
	}
	return e.all.Error()
}

// mayLeave is asked right before each attempt of a call: the state is held still, no
// freeze window has begun, and the pools are as they were when it was planned.
func (r *Run) mayLeave(ctx context.Context, b batch) error {
	if err := r.mayCall(ctx); err != nil {
		return &heldError{all: err}
	}
	out := heldError{frozen: map[pool.Key]error{}, moved: map[pool.Key]error{}}
	stale := false
	for _, t := range b.tasks {
		if f := r.Options.Frozen(t.change, r.Now()); f != nil {
			out.frozen[t.change.Key] = fmt.Errorf("it was frozen meanwhile, until %s (%s)", f.To.UTC().Format("2006-01-02 15:04 MST"), f.Reason)
		}
		stale = stale || time.Since(t.readAt) >= maxAge
	}
	if stale {
		if err := r.readAgain(ctx, b, out.moved); err != nil {
			return &heldError{all: err}
		}
	}
	if len(out.frozen)+len(out.moved) > 0 {
		return &out
	}
	return nil
}

// readAgain reads the pools of a batch once more and files those that moved.
func (r *Run) readAgain(ctx context.Context, b batch, moved map[pool.Key]error) error {
	keys := make([]pool.Key, len(b.tasks))
	for i, t := range b.tasks {
		keys[i] = t.change.Key
	}
	records, err := bank.Live(ctx, r.Remote, keys)
	if err != nil {
		return fmt.Errorf("read the pools once more before the call: %w", err)
	}
	for _, t := range b.tasks {
		l, exists := records.Live[t.change.Key]
		if t.readAt = time.Now(); t.movedTo(l, exists) {
			moved[t.change.Key] = errors.New("it moved since the plan was made")
		}
	}
	return nil
}

// movedTo reports whether a pool is not any more what the call rests on. That a
// replica shows our own last job by now is no move.
func (t *task) movedTo(l pool.Live, exists bool) bool {
	before := t.entry.Pending.Before
	if before == nil || !exists {
		return exists != (before != nil)
	}
	if t.prior != nil && !t.prior.Touched && t.prior.ReadBack != nil && before.Updated == t.prior.ReadBack.Updated && !t.prior.TouchedBy(l) {
		l.Updated = before.Updated
	}
	return l != *before
}

// setAside releases the pools of a batch that must not be written, and returns the
// rest of it.
func (r *Run) setAside(b batch, held *heldError) batch {
	rest := b
	rest.tasks = nil
	for _, t := range b.tasks {
		k := t.change.Key
		switch {
		case held.all != nil:
			r.release(batch{tasks: []*task{t}}, held.all)
		case held.frozen[k] != nil:
			r.release(batch{tasks: []*task{t}}, held.frozen[k])
		case held.moved[k] != nil:
			r.release(batch{tasks: []*task{t}}, held.moved[k])
			r.mu.Lock()
			r.again[k] = true
			r.mu.Unlock()
		default:
			rest.tasks = append(rest.tasks, t)
		}
	}
	return rest
}
